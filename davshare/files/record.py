"""Events: what happened to shares and accounts, by whom and from where, in the transaction in which it happens.

What happens to files is told by the journal.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from davshare.index import events, people, shares
from davshare.index.database import Connection
from davshare.index.events import Event
from davshare.model.access import Rights, privileges_of
from davshare.model.nodes import Node
from davshare.model.people import Actor, Group, User

if TYPE_CHECKING:
    from davshare.files.service import Files

_DAY, _BATCH = 86400, 10_000
_LONGEST = 200


def came_from(actor: Actor, peer: str, agent: str) -> Actor:
    """The actor of one request, who is known to come from an address with a program."""
    return replace(actor, peer=_line(peer), agent=_line(agent))


def _line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)[:_LONGEST]


def note(
    connection: Connection,
    kind: str,
    actor: Actor | None,
    *,
    node: Node | None = None,
    whom: User | Group | None = None,
    **detail: Any,
) -> None:
    """Something has happened; ``detail`` is what else is to be told of it, nothing secret.

    :param actor: None: the server itself, or an administrator at its console.
    """
    event = Event(0, int(time.time()), kind, detail=json.dumps(detail, ensure_ascii=False) if detail else "")
    if actor is not None:
        event = event._replace(actor=actor.user, actor_name=actor.name, device=actor.device)
        event = event._replace(peer=actor.peer, agent=actor.agent)
    if node is not None:
        event = event._replace(space=node.space, node=node.id)
    if whom is not None:
        event = event._replace(whom=whom.id, whom_name=f"{'user' if isinstance(whom, User) else 'group'}:{whom.name}")
    events.add(connection, event)


def share(
    connection: Connection,
    verb: str,
    actor: Actor | None,
    node: Node,
    principal: int,
    rights: Rights | None = None,
    expires: int | None = None,
) -> None:
    """Something has happened to a share with somebody: ``create``, ``update``, ``revoke``, ``end``, ``accept``
    or ``decline``."""
    whom = people.principal_by_id(connection, principal)
    more: dict[str, Any] = {} if rights is None else {"rights": privileges_of(rights), "expires": expires}
    note(connection, f"share.{verb}", actor, node=node, whom=whom, name=node.name, **more)


def link(
    connection: Connection,
    verb: str,
    actor: Actor | None,
    node: Node,
    number: int,
    rights: Rights | None = None,
    expires: int | None = None,
    **detail: Any,
) -> None:
    """Something has happened to a public link: ``create``, ``update`` or ``revoke``."""
    more: dict[str, Any] = {} if rights is None else {"rights": privileges_of(rights), "expires": expires}
    note(connection, f"link.{verb}", actor, node=node, name=node.name, link=number, **more, **detail)


def share_ends(connection: Connection, node: Node, principal: int) -> None:
    """A share, if it is one, is over without anybody having said so about it."""
    if shares.of_grant(connection, node.id, principal) is not None:
        share(connection, "end", None, node, principal)


def forget_old(files: Files, now: int) -> int:
    """Forget events that are older than the setting says; for the keeper."""
    before = now - files.settings.get("audit.days") * _DAY
    with files.db.session() as connection:
        if not events.any_old(connection, before):
            return 0
    with files.db.write() as connection:
        return events.forget_old(connection, before, _BATCH)
