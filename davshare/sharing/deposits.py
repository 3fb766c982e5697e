"""What visitors leave by public links: kept apart from each other's, and taken back by who has left it."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace

from davshare.errors import (
    BadRequest,
    Conflict,
    DavshareError,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    PreconditionFailed,
)
from davshare.files import adding, tree
from davshare.files.context import Address, Asker, Connection
from davshare.files.linked import Judge
from davshare.files.locate import Place
from davshare.files.service import Files
from davshare.files.upload import Sent
from davshare.index import deposits as rows
from davshare.index import links, nodes
from davshare.index.deposits import Deposit
from davshare.model import names
from davshare.model.access import Permission
from davshare.model.people import Actor

__all__ = ["Deposit"]

#: Most that is left under one receipt, and folders of one path.
MOST, DEEPEST = 1000, 32
_HOUR = 3600
#: Nobody else has the name of what a visitor leaves, after so many attempts.
_TRIES = 12


def begin() -> str:
    """The secret of a new receipt."""
    return secrets.token_urlsafe(24)


def has_room(files: Files, link: int, secret: str) -> bool:
    """Whether more can be left under a receipt, which there is already."""
    with files.db.session() as connection:
        return 0 < rows.count(connection, link, _digest(secret)) < MOST


def leave(files: Files, actor: Actor, folder: Address, secret: str, path: str, sent: Sent) -> Deposit:
    """Store a file that a visitor sends, under a name that nobody has yet, and note it under their receipt.

    :param folder: the folder of the link that they send it to.
    :param path: as it is called where it comes from, perhaps with folders, which are kept.
    :raises Forbidden: nothing may be left here.
    """
    assert actor.visit is not None
    if not actor.mask & Permission.BIND:
        raise Forbidden("Nothing can be left here.")
    link, batch = actor.visit.link, _digest(secret)

    def check(connection: Connection) -> None:
        """The link may have ended while the file was on its way."""
        if not _may_add(files, connection, link):
            raise NotFound

    *above, wish = [part for part in path.replace("\\", "/").split("/") if part and part not in (".", "..")] or [""]
    if len(above) > DEEPEST:
        raise BadRequest("The folders of this file lie too deep in each other.")
    inside = _inside(actor)
    here, told = folder, ""
    for part in above:
        told += f"{part}/"
        here = _folder(files, inside, here, link, batch, told, names.tidied(part) or "folder", actor)
    stored = adding.add(files, Asker(inside, check=check), here, names.tidied(wish), ".bin", sent)
    deposit = Deposit(
        0, link, batch, stored.node.id, stored.node.stamp, told + (wish or stored.node.name), stored.node.name,
        stored.node.size, stored.digests["sha256"], int(time.time()),
    )  # fmt: skip
    _note(files, deposit)
    return deposit


def _may_add(files: Files, connection: Connection, number: int) -> bool:
    link = links.get(connection, number)
    if link is None:
        return False
    standing = Judge(files.settings, connection, [link]).standing(link, used=True)
    return standing.is_live and bool(standing.rights & Permission.BIND)


def _inside(actor: Actor) -> Actor:
    """The same with a look at what is there already, of which the visitor is told nothing."""
    return replace(actor, mask=actor.mask | Permission.READ)


def _folder(
    files: Files, inside: Actor, parent: Address, link: int, batch: bytes, told: str, wish: str, visitor: Actor
) -> Address:
    """The folder that a path of this receipt has become; of a link that shows what is there, the one of that name."""
    with files.db.session() as connection:
        known = rows.folder(connection, link, batch, told)
        if known is not None:
            address = Address((*parent.segments, known.name))
            if _node_at(files, connection, inside, address) == known.node:
                return address
        address = Address((*parent.segments, wish))
        if visitor.mask & Permission.READ and _node_at(files, connection, inside, address):
            return address
    for number in range(1, _TRIES):
        name = names.numbered(wish, number) if number < _TRIES - 1 else f"{wish[:40]} {secrets.token_hex(4)}"
        address = Address((*parent.segments, name))
        with suppress(MethodNotAllowed, Conflict):
            made = tree.make_folder(files, Asker(inside), address)
            _note(
                files,
                Deposit(0, link, batch, made.node.id, made.node.stamp, told, name, 0, None, int(time.time())),
            )
            return address
    raise Conflict("No name could be found for a folder.")


def _node_at(files: Files, connection: Connection, actor: Actor, address: Address) -> int:
    """The id of the folder at an address, 0 where there is none."""
    with suppress(DavshareError):
        place = files.place(connection, Asker(actor), address)
        if place.node is not None and place.node.is_folder:
            return place.node.id
    return 0


def _note(files: Files, deposit: Deposit) -> None:
    with files.db.write() as connection:
        rows.insert(connection, deposit)


def under(files: Files, link: int, secret: str) -> list[Deposit]:
    """What was left under a receipt.

    :raises NotFound: there is no such receipt of this link.
    """
    with files.db.session() as connection:
        found = rows.of_batch(connection, link, _digest(secret), 2 * MOST)
    if not found:
        raise NotFound
    return found


def until(files: Files, deposit: Deposit) -> int:
    """The second since 1970 up to which somebody may take back what they have left."""
    hours: int = files.settings.get("sharing.link.withdraw_hours")
    return deposit.created + hours * _HOUR


def withdraw(files: Files, actor: Actor, secret: str, wanted: Collection[int] | None) -> int:
    """Take back what was left, as far as nobody has changed it since; it goes to the trash of the space.

    Folders that came with it go when nothing is left in them.

    :param wanted: ids of what is taken back; None: all.
    :returns: how many files are gone now.
    :raises NotFound: there is no such receipt of this link.
    """
    assert actor.visit is not None
    now, done = int(time.time()), 0
    found = [each for each in under(files, actor.visit.link, secret) if each.withdrawn is None]
    chosen = [each for each in found if wanted is None or each.id in wanted or each.is_folder]
    remover = replace(actor, mask=actor.mask | Permission.READ | Permission.UNBIND)
    # Files first, then folders from the deepest up.
    for each in sorted(chosen, key=lambda each: (each.is_folder, -each.id)):
        if until(files, each) > now and _remove(files, remover, each):
            with files.db.write() as connection:
                rows.withdraw(connection, each.id, now)
            done += not each.is_folder
    return done


def _remove(files: Files, remover: Actor, deposit: Deposit) -> bool:
    """Whether it is gone."""
    with files.db.session() as connection:
        chain = nodes.chain(connection, deposit.node)
    way = _below(remover, chain)
    if way is None:
        # Its owner has deleted it, or put it somewhere else: then it is not the visitor's to take.
        return not chain
    assert remover.visit is not None
    address = Address((*remover.visit.base, *way), deposit.is_folder)

    def check(connection: Connection) -> None:
        node = nodes.get(connection, deposit.node)
        same = node is not None and (deposit.is_folder or node.stamp == deposit.stamp)
        if not same or (deposit.is_folder and nodes.child_ids(connection, deposit.node)):
            raise PreconditionFailed
        place: Place = files.place(connection, Asker(remover), address)
        if place.node is None or place.node.id != deposit.node:
            raise PreconditionFailed

    try:
        tree.delete(files, Asker(remover, check=check), address)
    except DavshareError:
        return False
    return True


def _below(actor: Actor, chain: Sequence[nodes.Node]) -> list[str] | None:
    """Names from the node of the link down; None where it is elsewhere."""
    for index, node in enumerate(chain):
        if node.id == actor.node:
            return [each.name for each in chain[index + 1 :]] or None
    return None


def _digest(secret: str) -> bytes:
    return hashlib.sha256(b"receipt\0" + secret.encode("utf-8", "surrogatepass")).digest()
