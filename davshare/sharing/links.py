"""Public links made, found, changed and revoked; what they give is judged in :mod:`davshare.files.linked`.

A link points at a node, so it follows every move, and it rests on the rights
of its maker.  Its token is kept twice: as a digest, by which it is found, and
encrypted with the site's key, for those who may manage it.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from types import EllipsisType
from typing import Any, NamedTuple

from davshare.errors import BadRequest, Forbidden, NotFound
from davshare.files import freezing, guard, linked, record, reshares
from davshare.files.commit import Transaction
from davshare.files.context import Address, Asker
from davshare.files.linked import Judge, Link, State
from davshare.files.locate import DEEPEST, Mount, Place
from davshare.files.service import Files
from davshare.files.sitekey import read_secret
from davshare.index import links as rows
from davshare.index import nodes, spaces
from davshare.index.database import Connection
from davshare.model.access import Permission, Rights
from davshare.model.nodes import Node
from davshare.model.people import Actor
from davshare.model.sealing import seal, unseal
from davshare.sharing import rules
from davshare.sharing.linkrules import demand_label, demand_open, demand_password, judged_rights
from davshare.sharing.shares import sharer_named

__all__ = ["Link", "State"]

#: Most links that one answer tells, and that there are of one thing.
MOST, MOST_ON_NODE = 1000, 200
#: Ids of links are greater than this, and those of shares are not.
ABOVE = 1_000_000_000
_LETTERS = string.ascii_letters + string.digits
_PURPOSE = "link"
_NO_LINK = "Wrong share ID, share doesn't exist"
_SEES = Permission.READ_ACL | Permission.WRITE_ACL


class New(NamedTuple):
    """A link as it is wanted; without ``rights`` it is to read.

    ``frozen``: it shows a copy that does not change.  ``password`` is a hash.
    ``expires`` in seconds since 1970, None: never, ``...``: nothing was said.
    """

    rights: Rights | None = None
    expires: int | EllipsisType | None = ...
    password: str | None = None
    label: str = ""
    note: str = ""
    max_uses: int | None = None
    hide_download: bool = False
    frozen: bool = False


class Change(NamedTuple):
    """What is to be other than before of a link; ``...``: stays as it is.  ``password`` is a hash, None: none."""

    rights: Rights | EllipsisType = ...
    expires: int | EllipsisType | None = ...
    password: str | EllipsisType | None = ...
    label: str | EllipsisType = ...
    note: str | EllipsisType = ...
    max_uses: int | EllipsisType | None = ...
    hide_download: bool | EllipsisType = ...
    paused: bool | EllipsisType = ...


class Found(NamedTuple):
    """A link, with the names from the root of its space down to what it shows.

    ``token`` is None for those who may know of it and not manage it.  ``gone``:
    it shows a copy of something that is nowhere any more, or kept from them by now.
    """

    link: Link
    way: tuple[str, ...]
    state: State
    token: str | None = None
    gone: bool = False


def is_link(number: int) -> bool:
    """Whether an id is that of a link, and not of a share."""
    return number > ABOVE


# making


def create(files: Files, asker: Asker, address: Address, new: New) -> Found:
    """A link to what is at an address.

    :raises NotFound: nothing that the asker may know of is there.
    :raises Forbidden: the asker, or the site, may not; or it has too many links.
    :raises BadRequest: the permissions, the time or the words will not do.
    :raises TooLarge: it is more than is frozen for one link.
    :raises InsufficientStorage: the home of its maker has no room for a copy.
    :raises Unavailable: what is to be copied keeps changing.
    """
    demand_label(new.label)
    if new.frozen and new.rights not in (None, Permission.READ):
        raise BadRequest("A copy that does not change can only be read.")
    rules.demand_note(new.note)
    key = read_secret(files.db)
    token = "".join(secrets.choice(_LETTERS) for _ in range(files.settings.get("sharing.link.token_length")))

    def judged(connection: Connection) -> Place:
        return _judged(files, connection, asker, address)

    with files.db.session() as connection:
        space = judged(connection).space.id

    def work(tx: Transaction, copy: freezing.Copy | None) -> int:
        place = judged(tx.connection)
        node = place.found()
        rights = judged_rights(files.settings, place, new.rights)
        demand_password(files.settings, rights, new.password)
        if rows.count_on(tx.connection, node.id) >= MOST_ON_NODE:
            raise Forbidden("There are too many links to this.")
        wanted = None if isinstance(new.expires, EllipsisType) else new.expires
        expires = rules.end(files.settings, "link", wanted, new.expires is not ...)
        shown = node if copy is None else copy.adopt(tx, asker.actor, place)
        row = rows.New(
            shown.id, asker.actor.user, linked.digest(token), rights, new.label, new.note, new.password,
            tx.now // 1_000_000_000, expires, _count(new.max_uses), new.hide_download,
            *((None, None) if copy is None else (node.id, tx.now // 1_000_000_000)),
        )  # fmt: skip
        number = rows.insert(tx.connection, row)
        rows.seal(tx.connection, number, seal(key, _PURPOSE, number, token.encode()))
        record.link(tx.connection, "create", asker.actor, node, number, rights, expires)
        return number

    with freezing.copied(files, asker.actor, judged) if new.frozen else nullcontext() as copy:
        number = files.committer.run(lambda tx: work(tx, copy), [space], asker.actor.user, asker.actor.device)
    return get(files, asker.actor, number)


def _judged(files: Files, connection: Connection, asker: Asker, address: Address) -> Place:
    place = files.place(connection, asker, address)
    demand_open(files.settings, connection, asker.actor)
    rules.demand_shareable(files.settings, connection, asker.actor, place)
    return place


def _count(number: int | None) -> int | None:
    if number is not None and not 0 < number < 2**31:
        raise BadRequest("A link is used once at least.")
    return number


# finding


def get(files: Files, actor: Actor, number: int) -> Found:
    """A link that the actor made, or of what they may see the access of.

    :raises NotFound: there is none that they may know of.
    """
    with files.db.snapshot() as connection:
        return _told(files, connection, actor, [_known(connection, actor, number)])[0]


def _known(connection: Connection, actor: Actor, number: int) -> Link:
    link = rows.get(connection, number)
    if link is None:
        raise NotFound(_NO_LINK)
    if _keeps(actor, link):
        return link
    place = _place(connection, actor, link)
    if not place.rights & Permission.READ or not (actor.user == link.creator or place.rights & _SEES):
        raise NotFound(_NO_LINK)
    return link


def _keeps(actor: Actor, link: Link) -> bool:
    """Whether somebody has made a copy that stays theirs to end, whatever becomes of the original."""
    return link.frozen is not None and actor.user == link.creator and actor.node is None


def _place(connection: Connection, actor: Actor, link: Link) -> Place:
    """Where the node of a link is, or the original of that, in the eyes of an actor.

    :raises NotFound: it is nowhere.
    """
    space = spaces.get(connection, link.space)
    chain = tuple(nodes.chain(connection, link.subject)[:DEEPEST])
    if space is None or not chain or chain[0].id != space.node:
        raise NotFound(_NO_LINK)
    rights = guard.rights(connection, actor, space, chain)
    return Place(Mount(("dav",), space), chain, (), False, False, rights, None)


def _told(files: Files, connection: Connection, actor: Actor | None, links: Sequence[Link]) -> list[Found]:
    """Those whose node is in its space and not kept from the actor, with their tokens where they may manage them.

    Few statements for all of them, and some for each of their makers.

    :param actor: None: an administrator, who is told no token.
    """
    key, told = read_secret(files.db), []
    judge = Judge(files.settings, connection, links)
    for link in links:
        found = judge.subject(link)
        token: bytes | None = None
        have = Permission.NONE if actor is None or found is None else guard.rights(connection, actor, *found)
        kept = actor is not None and _keeps(actor, link)
        gone = found is None or (actor is not None and not have & Permission.READ)
        if gone and not kept and (actor is not None or link.frozen is None):
            continue
        if actor is not None:
            shares = have & reshares.SHARING or (kept and actor.mask & reshares.SHARING)
            if shares and _manages(actor, have, link):
                token = unseal(key, _PURPOSE, link.id, link.sealed)
        way = () if found is None or gone else tuple(node.name for node in found[1][1:])
        told.append(Found(link, way, judge.standing(link).state, None if token is None else token.decode(), gone))
    return told


def _manages(actor: Actor, have: Rights, link: Link) -> bool:
    return actor.user == link.creator or bool(have & Permission.WRITE_ACL)


def made(files: Files, actor: Actor) -> list[Found]:
    """The links that somebody has made, whatever has become of them."""
    with files.db.snapshot() as connection:
        return _told(files, connection, actor, rows.by(connection, actor.user, MOST))


def listed(files: Files, user: str | None, offset: int = 0, limit: int | None = None) -> list[Found]:
    """A page of the links of a user, or of everybody, the oldest first, without tokens; for administrators.

    :raises NotFound: there is no such user.
    """
    with files.db.snapshot() as connection:
        creator = sharer_named(connection, user)
        found = rows.page(connection, creator, offset, MOST if limit is None else limit)
        return _told(files, connection, None, found)


def shared(
    files: Files, asker: Asker, address: Address, members: bool = False, everybodys: bool = False
) -> list[Found]:
    """The links to the thing at an address, or to the members of the folder there.

    :param everybodys: those that others have made as well; only who may see access is told.
    :raises NotFound: nothing that the asker may know of is there.
    :raises BadRequest: it is no folder.
    """
    with files.db.snapshot() as connection:
        place = files.place(connection, asker, address)
        node = place.found()
        place.demand(Permission.READ)
        if members and not node.is_folder:
            raise BadRequest("Not a directory")
        found = (rows.inside if members else rows.on)(connection, node.id, MOST)
        sees = everybodys and place.rights & _SEES
        mine = [link for link in found if link.creator == asker.actor.user or sees]
        return _told(files, connection, asker.actor, mine)


# changing


def update(files: Files, asker: Asker, number: int, change: Change) -> Found:
    """Change what is given of a link; the rest stays.

    :raises NotFound: there is no such link that the asker may know of.
    :raises Forbidden: the asker may not change it, or not to that.
    :raises BadRequest: the permissions, the time or the words will not do.
    """
    if not isinstance(change.note, EllipsisType):
        rules.demand_note(change.note)
    if not isinstance(change.label, EllipsisType):
        demand_label(change.label)
    space = get(files, asker.actor, number).link.space

    def work(tx: Transaction) -> None:
        place, link = _mine(tx.connection, asker.actor, number)
        node = _subject(tx.connection, link)
        values: dict[str, Any] = {name: value for name, value in change._asdict().items() if value is not ...}
        if values.keys() - {"label", "note", "hide_download"} and values.get("paused") is not True:
            # To let it give more, or go on, is to make it anew.
            demand_open(files.settings, tx.connection, asker.actor)
            if link.frozen is None and place is not None:
                rules.demand_shareable(files.settings, tx.connection, asker.actor, place)
        rows.update(tx.connection, number, _judged_values(files, place, link, values))
        record.link(tx.connection, "update", asker.actor, node, number, changed=sorted(values))

    files.committer.run(work, [space], asker.actor.user, asker.actor.device)
    return get(files, asker.actor, number)


def _judged_values(files: Files, place: Place | None, link: Link, values: dict[str, Any]) -> Mapping[str, object]:
    """Columns and what is to be in them."""
    settings = files.settings
    if "rights" in values:
        if link.frozen is not None or place is None:
            if values["rights"] != link.rights:
                raise BadRequest("A copy that does not change can only be read.")
        else:
            values["rights"] = judged_rights(settings, place, values["rights"])
    if "rights" in values or "password" in values:
        demand_password(settings, values.get("rights", link.rights), values.get("password", link.password))
    if "expires" in values:
        values["expires"] = rules.end(settings, "link", values["expires"], True)
    if "max_uses" in values:
        values["max_uses"] = _count(values["max_uses"])
    return {name: int(value) if isinstance(value, bool) else value for name, value in values.items()}


def _subject(connection: Connection, link: Link) -> Node:
    """The node that a link was made of; the copy, where that is gone for good.

    :raises NotFound: there is neither.
    """
    node = nodes.get(connection, link.subject) or nodes.get(connection, link.node)
    if node is None:
        raise NotFound(_NO_LINK)
    return node


def _mine(connection: Connection, actor: Actor, number: int) -> tuple[Place | None, Link]:
    """A link that an actor may change, and where it is; None: their own, of a copy, and it makes no difference."""
    link = _known(connection, actor, number)
    if _keeps(actor, link):
        if actor.mask != Permission.ALL and not actor.mask & reshares.SHARING:
            raise Forbidden("This app token shares nothing.")
        return None, link
    place = _place(connection, actor, link)
    if actor.mask != Permission.ALL and not place.rights & reshares.SHARING:
        raise Forbidden("This app token shares nothing.")
    if not _manages(actor, place.rights, link):
        raise Forbidden("Only who has made it, or may change access, can change this link.")
    return place, link


def revoke(files: Files, asker: Asker, number: int) -> None:
    """End a link; nobody can tell then that it was ever there.

    :raises NotFound: there is no such link that the asker may know of.
    :raises Forbidden: the asker may not.
    """
    space = get(files, asker.actor, number).link.space

    def work(tx: Transaction) -> None:
        _, link = _mine(tx.connection, asker.actor, number)
        record.link(tx.connection, "revoke", asker.actor, _subject(tx.connection, link), number)
        if link.frozen is not None:
            freezing.forget(tx.connection, link.node)
        rows.remove(tx.connection, number)

    files.committer.run(work, [space], asker.actor.user, asker.actor.device)


def expire(files: Files, number: int) -> None:
    """Let a link end now, whoever made it.

    :raises NotFound: there is no such link.
    """
    with files.db.write() as connection:
        link = rows.get(connection, number)
        if link is None:
            raise NotFound("There is no such link.")
        rows.update(connection, number, {"expires": link.created})
        node = nodes.get(connection, link.subject)
        if node is not None:
            record.link(connection, "revoke", None, node, number)
