"""The rows follow the disk where somebody changed it without us."""

from __future__ import annotations

import time
from collections.abc import Callable

from davshare.errors import NotFound, Unavailable
from davshare.files import view
from davshare.files.compare import compare, is_current
from davshare.files.context import Address, Asker
from davshare.files.follow import Report, Task, agrees, follow
from davshare.files.lease import KEEPER, is_taken
from davshare.files.locate import Place
from davshare.files.service import Files
from davshare.files.walk import Walk
from davshare.index import nodes, spaces
from davshare.model import names
from davshare.model.nodes import SNAPSHOT, Node, Space
from davshare.store.base import Missing

__all__ = ["Report", "agrees"]

Progress = Callable[[int], None]
_NAMES = 1000
_LOOK = 0.5


def refresh(files: Files, number: int) -> None:
    """Let one row follow the disk: what was replaced or removed there is replaced or removed here.

    :raises Unavailable: it is gone together with much else, and a person has to decide.
    """
    with files.db.session() as connection:
        chain = nodes.chain(connection, number)
    if len(chain) > 1:
        refresh_name(files, chain[0].space, chain[-2].id, chain[-1].name)


def refresh_name(files: Files, number: int, folder: int, name: str) -> None:
    """Let one name in a folder follow the disk.

    :raises Unavailable: it is gone together with much else, and a person has to decide.
    """
    space = _space(files, number)
    if space is not None and follow(files, space, [Task(folder, [name])]).held:
        raise Unavailable("This is missing on the storage at the moment.")


def _space(files: Files, number: int) -> Space | None:
    """A space that follows the disk; a snapshot does not: what is other there than it was is not shown at all."""
    with files.db.session() as connection:
        space = spaces.get(connection, number)
    return None if space is None or space.kind == SNAPSHOT else space


def refresh_folder(files: Files, number: int, note: bool = True) -> None:
    """Let the members of one folder follow the disk; what new folders hold is found out when somebody looks.

    A folder that is marked as unread stays so: the keeper goes through those, and watches them from then on.

    :param note: write down that nothing differs, so that the next listing need not look.
    """
    with files.db.session() as connection:
        chain = nodes.chain(connection, number)
    space = _space(files, chain[0].space) if chain else None
    found = None if space is None else compare(files, space, number)
    if space is None or found is None:
        return
    known = found.folder.disk_ns is not None
    times = [found.noted] if found.noted is not None and known and (note or found.names) else []
    for start in range(0, max(1, len(found.names)), _NAMES):
        last = start + _NAMES >= len(found.names)
        task = Task(number, found.names[start : start + _NAMES])
        if task.names or times:
            follow(files, space, [task], times=times if last else (), proofs=found.proofs)


def refresh_tree(files: Files, node: Node) -> None:
    """Let everything in a folder follow the disk, before all of it is copied or taken away."""
    pending = [node.id] if node.is_folder else []
    while pending:
        number = pending.pop()
        refresh_folder(files, number, note=False)
        with files.db.session() as connection:
            pending += [child.id for child in nodes.each_child(connection, number) if child.is_folder]


def notice(files: Files, place: Place) -> None:
    """Before a listing: one look at the folder's time on disk, and where that is news, at its members.

    :raises Unavailable: the storage is missing.
    """
    folder = place.node
    if folder is None or not folder.is_folder:
        return
    now = _time_on_disk(files, place)
    if is_current(folder, now):
        return
    files.redoer.catch_up()
    if now == -1:
        refresh(files, folder.id)
    else:
        refresh_folder(files, folder.id)


def is_noticed(files: Files, place: Place) -> bool:
    """Whether :func:`notice` would find nothing to do; one look at the disk.

    :raises Unavailable: the storage is missing.
    """
    folder = place.node
    if folder is None or not folder.is_folder:
        files.store(place.space).present()
        return True
    return is_current(folder, _time_on_disk(files, place))


def _time_on_disk(files: Files, place: Place) -> int:
    """Time of a folder in nanoseconds; -1 where there is none."""
    try:
        return files.store(place.space).facts(place.path).mtime_ns
    except Missing:
        return -1


def learn(files: Files, asker: Asker, address: Address) -> bool:
    """Where nothing is known: whether the disk has something on this way that the index did not know."""
    try:
        with files.db.session() as connection:
            place = view.locate(connection, asker.actor, address.segments, address.slash)
    except NotFound:
        return False
    if not isinstance(place, Place) or not (place.rights or place.passages):
        return False
    return bool(place.missing) and _learn(files, place)


def _learn(files: Files, place: Place) -> bool:
    learnt = False
    folder, path = place.chain[-1], place.path[: len(place.chain) - 1]
    store = files.store(place.space)
    for name in place.missing:
        if not names.is_name(name) or (not path and names.is_private(name)):
            break
        path = (*path, name.encode())
        try:
            store.facts(path)
        except Missing:
            break
        if not learnt:
            files.redoer.catch_up()
        refresh_name(files, place.space.id, folder.id, name)
        with files.db.session() as connection:
            child = nodes.child(connection, folder.id, names.key(name))
        if child is None or child.name != name:
            break
        folder, learnt = child, True
    return learnt


def index(files: Files, space: Space, progress: Progress) -> None:
    """Return when everything in a new space is known; a running server does the work where there is one."""
    if not is_taken(files.db, KEEPER):
        Walk(files, space, progress=progress).run()
        return
    known = 0
    while is_taken(files.db, KEEPER):
        with files.db.session() as connection:
            left = nodes.count_unread(connection, space.id)
            now = nodes.population(connection, space.id)
        progress(now - known)
        known = now
        if not left:
            return
        time.sleep(_LOOK)


def reconcile(files: Files, space_name: str | None, progress: Progress, accept: bool = False) -> Report:
    """Compare every folder of one space, or of all, with the disk, and let the index follow.

    :param accept: whatever is gone from disk may go from the index.
    :raises NotFound: there is no such space.
    :raises Unavailable: the storage of a space is missing; nothing of that space was changed.
    """
    with files.db.session() as connection:
        known = [space for space in spaces.all_spaces(connection) if space_name in (None, space.name)]
    if not known and space_name is not None:
        raise NotFound("There is no such space.")
    total = Report()
    for space in known:
        total.add(Walk(files, space, progress=progress, accept=accept).run())
    return total
