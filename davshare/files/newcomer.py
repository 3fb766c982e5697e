"""Something that is about to come into being: may it, here, under this name?

PUT, MKCOL, LOCK, POST, COPY and MOVE all ask here.
"""

from __future__ import annotations

from davshare.errors import Conflict, Forbidden
from davshare.files import locking
from davshare.files.context import Asker, Connection
from davshare.files.locate import DEEPEST, Place
from davshare.files.service import Files
from davshare.index import nodes
from davshare.model import names
from davshare.model.access import Permission
from davshare.model.nodes import Node


def demand(
    files: Files, connection: Connection, asker: Asker, place: Place, *, file: bool, locking_it: bool = False
) -> None:
    """Return when ``asker`` may make a file or a folder at ``place``, where nothing is.

    :param locking_it: LOCK makes it, so no lock above may be in the way, whatever tokens are shown.
    :raises Conflict: the parent is missing, or the name is taken in another spelling.
    :raises Forbidden: the asker may not, or the name may not be.
    :raises Locked: a token is missing.
    """
    place.demand(Permission.BIND)
    if place.folder is None:
        raise Conflict
    if file and place.slash:
        raise Conflict("The address of a file does not end in a slash.")
    judge_name(files, connection, place)
    asker.check(connection)
    if locking_it:
        locking.demand_free(connection, place)
    locking.demand_member(connection, place, asker)


def judge_name(files: Files, connection: Connection, place: Place, own: Node | None = None) -> None:
    """Return when something new may have the name of ``place``.

    :param own: what will get the name, when it is a member of the same folder already: a rename from one
        spelling to another finds no twin in itself.
    :raises Forbidden: the name is ours, or one that this space or server refuses.
    :raises BadRequest: the name is a path for some system.
    :raises Conflict: it would lie too deep, or a twin by normalisation or case is here.
    """
    if len(place.chain) + len(place.missing) > DEEPEST:
        raise Conflict("Folders cannot be nested this deeply.")
    if names.is_private(place.segments[len(place.mount.base)]):
        raise Forbidden("This name is reserved.")
    name = place.name
    names.check_new(name, len(place.chain) == 1)
    if place.twin and len(place.missing) == 1 and (own is None or names.key(own.name) != names.key(name)):
        raise names.twin()
    if names.is_of_macos(name) and not files.settings.get("dav.macos_files"):
        raise Forbidden("This server does not take the files that macOS puts beside others.")
    if place.space.portable:
        names.check_portable(name)
        _demand_distinct(connection, place, own)


def _demand_distinct(connection: Connection, place: Place, own: Node | None) -> None:
    """No sibling may differ in case only; looks at each, those with ASCII names quickly."""
    folded = names.folded(place.name)
    size = len(folded)
    for number, name in nodes.names_in(connection, place.chain[-1].id):
        same = len(name) == size and name.lower() == folded if name.isascii() else names.folded(name) == folded
        if same and (own is None or number != own.id):
            raise Conflict("A name that differs only in upper and lower case is already here.")


def judge_tree(connection: Connection, place: Place, top: Node) -> None:
    """Return when everything below ``top`` may come, by its names, into the space of ``place``.

    :raises Forbidden: a name in it is none that every system can hold.
    :raises Conflict: two names in one folder differ in case only.
    """
    if not place.space.portable or not top.is_folder:
        return
    seen: set[tuple[int, str]] = set()
    for node in nodes.tree(connection, top.id)[1:]:
        names.check_portable(node.name)
        if (node.parent, names.folded(node.name)) in seen:
            raise Conflict("The folder holds names that differ only in upper and lower case.")
        seen.add((node.parent, names.folded(node.name)))
