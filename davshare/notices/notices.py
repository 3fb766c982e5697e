"""Notifications: written with what they tell of, seen in the product, and sent by mail to those who want that.

Names of files and folders are not kept: who reads a notification is told the
name of now, if they may still see it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from davshare.errors import NotFound
from davshare.files import seen
from davshare.identity.people import INVITED
from davshare.index import notices as rows
from davshare.index import people, settings, shares, spaces
from davshare.index.notices import Row
from davshare.model.people import Actor, Group, User
from davshare.notices import mail
from davshare.notices.kinds import Kind, Subject, sentence
from davshare.notices.mail import Letter

if TYPE_CHECKING:
    from davshare.files.service import Files
    from davshare.index.database import Connection
    from davshare.model.nodes import Node

#: Most notifications of one person; older ones go.
MOST = 500
#: Most people who are told of one thing: members of larger groups see what they got where it is.
MANY = 500
_PENDING = 1
_MAIL = "notices.mail"


class Notice(NamedTuple):
    """A notification as its reader is told of it; ``path`` is None where there is nothing that they may see."""

    id: int
    kind: str
    text: str
    path: str | None
    node: int | None
    subject: Subject
    at: int
    read: bool


# writing


def share_made(
    files: Files, connection: Connection, number: int, node: Node, receiver: User | Group, sharer: Actor, note: str
) -> None:
    """Tell those who have received a share, in the transaction that makes it."""
    subject = {"share": number, "user": sharer.name, "who": sharer.display_name or sharer.name}
    if isinstance(receiver, Group):
        subject["group"] = receiver.display_name or receiver.name
    owner = spaces.get(connection, node.space)
    without = {sharer.user, 0 if owner is None else owner.owner}
    told = [user for user in members(connection, receiver) if user.id not in without]
    state = shares.get(connection, number, 0)
    states = shares.states(connection, number)
    usual = states.get(receiver.id, _PENDING if state is None else state.state)
    waiting = [user for user in told if states.get(user.id, usual) == _PENDING]
    others = [user for user in told if states.get(user.id, usual) != _PENDING]
    tell(files, connection, Kind.SHARE_PENDING, node.id, subject, waiting, node.name, note)
    tell(files, connection, Kind.SHARE_RECEIVED, node.id, subject, others, node.name, note)


def share_expires(files: Files, connection: Connection, found: rows.Ending) -> None:
    """Tell who has made a share, and who has it, that it ends soon."""
    known = people.principals(connection, [found.sharer, found.principal])
    sharer, receiver = known.get(found.sharer), known.get(found.principal)
    if not isinstance(sharer, User) or receiver is None:
        return
    subject = {"share": found.share, "expires": found.expires}
    to = {**subject, "with": receiver.display_name or receiver.name}
    tell(files, connection, Kind.SHARE_EXPIRES, found.node, to, [sharer])
    if isinstance(receiver, User):
        of = {**subject, "user": sharer.name, "who": sharer.display_name or sharer.name}
        tell(files, connection, Kind.SHARE_EXPIRES, found.node, of, [receiver])


def link_expires(files: Files, connection: Connection, creator: int, node: int, label: str, expires: int) -> None:
    """Tell who has made a public link that it ends soon."""
    known = people.user_by_id(connection, creator)
    if known is not None:
        tell(files, connection, Kind.LINK_EXPIRES, node, {"label": label, "expires": expires}, [known])


def members(connection: Connection, receiver: User | Group) -> list[User]:
    """The people that a user or group is, at most :data:`MANY`; nobody who is locked out."""
    if isinstance(receiver, User):
        return [] if receiver.disabled else [receiver]
    known = people.principals(connection, sorted(people.within(connection, receiver.id)))
    return [each for each in known.values() if isinstance(each, User) and not each.disabled][:MANY]


def tell(
    files: Files,
    connection: Connection,
    kind: Kind,
    node: int | None,
    subject: Subject,
    users: Sequence[User],
    name: str | None = None,
    note: str = "",
) -> None:
    """Write one notification for each of some people, and mail for those who want it.

    :param name: what they may know that the node is called.
    :param note: words for the mail.
    """
    if not users:
        return
    now = int(time.time())
    text = json.dumps(subject, ensure_ascii=False)
    rows.add(connection, (Row(0, user.id, kind.value, node, text, now) for user in users), MOST)
    of_share = kind in (Kind.SHARE_RECEIVED, Kind.SHARE_PENDING)
    if not files.site.mails or (of_share and not files.settings.get("sharing.mail")):
        return
    chosen, usual = settings.of_users(connection, _MAIL), files.settings.get(_MAIL)
    said = sentence(kind, subject, name)
    body = "\n\n".join(each for each in (said, note.strip(), files.site.url) if each) + "\n"
    for user in users:
        invited = user.source == INVITED and user.password is None  # who is sent a link that says it all
        if kind.value in chosen.get(user.id, usual) and not invited:
            mail.post(files, connection, Letter(user.email, user.display_name or user.name, said, body))


# reading


def listed(files: Files, actor: Actor, unread: bool = False, offset: int = 0, limit: int = MOST) -> list[Notice]:
    """A page of somebody's notifications, the newest first; a fixed number of statements."""
    with files.db.snapshot() as connection:
        return _told(connection, actor, rows.page(connection, actor.user, unread, offset, limit))


def get(files: Files, actor: Actor, number: int) -> Notice:
    """One of somebody's notifications.

    :raises NotFound: they have no such one.
    """
    with files.db.snapshot() as connection:
        found = rows.get(connection, actor.user, number)
        if found is None:
            raise NotFound("There is no such notification.")
        return _told(connection, actor, [found])[0]


def existing(files: Files, actor: Actor, numbers: Sequence[int]) -> list[int]:
    """Those of some ids that are notifications of somebody's."""
    with files.db.session() as connection:
        return rows.existing(connection, actor.user, numbers) if numbers else []


def _told(connection: Connection, actor: Actor, found: Iterable[Row]) -> list[Notice]:
    known = list(found)
    places = seen.readable(connection, actor, (row.node for row in known if row.node is not None))
    told = []
    for row in known:
        place = None if row.node is None else places.get(row.node)
        subject = json.loads(row.subject)
        text = sentence(row.kind, subject, None if place is None else place.name)
        path, node = (None, None) if place is None else (place.path, row.node)
        told.append(Notice(row.id, row.kind, text, path, node, subject, row.at, row.read))
    return told


def mark(files: Files, actor: Actor, number: int | None, read: bool = True) -> None:
    """Note that one, or all, were read, or not.

    :raises NotFound: there is no such one.
    """
    with files.db.write() as connection:
        if not rows.set_read(connection, actor.user, number, read) and number is not None:
            raise NotFound("There is no such notification.")


def remove(files: Files, actor: Actor, number: int | None) -> None:
    """Remove one, or all.

    :raises NotFound: there is no such one.
    """
    with files.db.write() as connection:
        if not rows.remove(connection, actor.user, number) and number is not None:
            raise NotFound("There is no such notification.")


def wanted_by_mail(files: Files, actor: Actor) -> list[str]:
    """The kinds that somebody wants by mail, too."""
    with files.db.session() as connection:
        found: list[str] = files.settings.of(connection, _MAIL, actor.user)
        return found


def want_by_mail(files: Files, actor: Actor, kinds: Sequence[str] | None) -> None:
    """Choose the kinds that one wants by mail, too; None: those that the site says."""
    chosen = None if kinds is None else [kind.value for kind in Kind if kind.value in kinds]
    with files.db.write() as connection:
        settings.put_of_user(connection, actor.user, _MAIL, chosen)
