"""Spaces made, changed and removed; homes are spaces with an owner."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import EllipsisType
from typing import NamedTuple, TypeVar

from davshare.errors import BadRequest, Conflict, DavshareError, Forbidden, NotFound
from davshare.files import access
from davshare.files.commit import Transaction
from davshare.files.service import Files
from davshare.index import grants, nodes, people, spaces
from davshare.index.database import Connection, changed
from davshare.model import names
from davshare.model.access import ROLES
from davshare.model.nodes import FOLDER, Node, Space
from davshare.model.people import User
from davshare.store.base import Facts
from davshare.store.crash import point
from davshare.store.local import LocalStore

T = TypeVar("T")
#: Folder in the data folder with a link to every attached folder.
ATTACHED = "attached"


class SpaceInfo(NamedTuple):
    """A space as reports show it; ``used`` in bytes, members as (user or group, name, role)."""

    space: Space
    used: int
    files_root: Path
    members: list[tuple[str, str, str]]


def make_home(files: Files, user: User) -> Space:
    """The home of a user: ``homes/NAME`` in the data folder, adopted if it is there already; a guest's is read-only."""
    root = os.fspath(Path("homes") / user.name)
    quota = 0 if user.guest else user.quota
    return _make(files, Space(0, "home", user.name, user.id, root, 0, 0, quota, user.guest, ""))


def add_space(
    files: Files,
    name: str,
    root: Path | None,
    quota: int | None,
    description: str = "",
    *,
    read_only: bool = False,
    portable: bool = False,
) -> Space:
    """A project space: ``spaces/NAME`` in the data folder, or a folder that stays where it is.

    What an attached folder holds is known when it has been compared
    (:class:`~davshare.files.walk.Walk`), and before that wherever somebody looks.

    :raises BadRequest: the name cannot be one, or the folder is not one.
    :raises Conflict: there is such a space, or another one holds the folder.
    :raises Forbidden: nothing can be written in the folder, and the space is not read-only.
    """
    if root is not None:
        if not root.is_dir():
            raise BadRequest("The folder of the space does not exist.")
        root = root.resolve()
        _demand_separate(files, root)
    place = os.fspath(root or Path("spaces") / name)
    return _make(files, Space(0, "space", name, None, place, 0, 0, quota, read_only, description, portable))


def _demand_separate(files: Files, root: Path) -> None:
    """No space inside another, none around the data folder."""
    with files.db.session() as connection:
        roots = [(files.data / space.root).resolve() for space in spaces.all_spaces(connection)]
    for other in (*roots, files.data.resolve()):
        if root == other or root in other.parents or other in root.parents:
            raise Conflict("This folder holds, or lies in, the data folder or another space.")


def _make(files: Files, space: Space) -> Space:
    """Prepare the folder and insert the rows; ids and nodes of ``space`` are ignored."""
    names.check_account(space.name)
    _demand_free(files, space)
    facts, anchor = _prepare(LocalStore(files.data / space.root, files.durable), space)
    with files.db.write() as connection:
        if spaces.named(connection, space.kind, space.name) is not None:
            raise Conflict("There is such a space already.")
        space = insert(connection, space._replace(anchor=anchor), facts)
        changed(connection)
    _link(files, space)
    return space


def _demand_free(files: Files, space: Space) -> None:
    with files.db.session() as connection:
        if spaces.named(connection, space.kind, space.name) is not None:
            raise Conflict("There is such a space already.")


def _prepare(store: LocalStore, space: Space) -> tuple[Facts, int | None]:
    """Facts of the root, and its inode where it has to do for the marker that cannot be written."""
    try:
        return store.prepare(f"{space.kind} {space.name}\n"), None
    except Forbidden:
        if not space.read_only:
            raise Forbidden("Nothing can be written in this folder; it can be attached as a read-only space.") from None
    facts = store.root_facts()
    return facts, facts.inode


def found_space(files: Files, new: Space, furnish: Callable[[Connection, Space], None]) -> Space:
    """A project space in ``spaces/NAME`` with all that ``furnish`` adds to it in the same transaction, or nothing.

    Unlike :func:`add_space`, this adopts no files: nobody gets what a removed space has left on disk.

    :raises BadRequest: the name cannot be one.
    :raises Conflict: there is such a space, or a folder of its name that holds something.
    """
    names.check_account(new.name)
    root = Path("spaces") / new.name
    new = new._replace(kind="space", owner=None, root=os.fspath(root))
    store = LocalStore(files.data / root, files.durable)
    made = committing = False
    with files.db.turn():
        try:
            with files.db.transaction() as connection:
                if spaces.named(connection, "space", new.name) is not None:
                    raise Conflict("There is such a space already.")
                if _holds_files(files.data / root):
                    raise Conflict("A space of this name has left files on disk; an administrator can add it again.")
                made = not (files.data / root).exists()
                facts, _ = _prepare(store, new)
                point("space.prepared")
                space = insert(connection, new, facts)
                furnish(connection, space)
                changed(connection)
                # A commit of which nobody knows the end may have happened: the folder stays then.
                committing = True
            point("space.made")
        except BaseException:
            if made and not committing:
                with contextlib.suppress(DavshareError, OSError):
                    store.remove_root()
            raise
    return space


def _holds_files(root: Path) -> bool:
    return root.is_dir() and any(name != names.PRIVATE for name in os.listdir(root))


def _link(files: Files, space: Space) -> None:
    """Leave a link to an attached folder, from which the spaces are found when the index is lost."""
    if os.path.isabs(space.root):
        folder = files.data / ATTACHED
        folder.mkdir(exist_ok=True)
        link = folder / space.name
        link.unlink(missing_ok=True)
        link.symlink_to(space.root)


def insert(connection: Connection, space: Space, facts: Facts) -> Space:
    """Rows of a space, its root and its trash."""
    now = int(time.time())
    top = nodes.new_ids(connection, 2)
    space = space._replace(node=top, trash=top + 1)
    space = space._replace(id=spaces.insert(connection, space, now))
    for number, name_there in ((top, ""), (top + 1, "trash")):
        read = facts.mtime_ns if number != top else None  # the trash has no members on disk that anybody compares
        row = Node(number, space.id, 0, "", FOLDER, 0, facts.mtime_ns, read, facts.inode, 0, 0, 0, now)
        # Roots have no parent; the names only keep (parent, name) unique.
        nodes.insert(connection, row, f"{space.id} {name_there}", "", facts.birth_ns)
    return space


def set_space(
    files: Files,
    name: str,
    *,
    quota: int | EllipsisType | None = ...,
    read_only: bool | EllipsisType = ...,
    portable: bool | EllipsisType = ...,
    description: str | EllipsisType = ...,
    members: Sequence[tuple[str, str]] = (),
) -> Space:
    """Change a project space; what is left out stays.  ``members`` are (user or group, role).

    :raises NotFound: there is no such space, user or group.
    :raises BadRequest: there is no such role.
    """

    def work(tx: Transaction) -> Space:
        space = _named(tx.connection, name)
        spaces.update(
            tx.connection,
            space._replace(
                quota=space.quota if isinstance(quota, EllipsisType) else quota,
                read_only=space.read_only if isinstance(read_only, EllipsisType) else read_only,
                portable=space.portable if isinstance(portable, EllipsisType) else portable,
                description=space.description if isinstance(description, EllipsisType) else description,
            ),
        )
        for who, role in members:
            _grant(tx, space, who, role)
        changed(tx.connection)
        return _named(tx.connection, name)

    return _run(files, name, work)


def _run(files: Files, name: str, work: Callable[[Transaction], T]) -> T:
    """A change of a project space, in the order of its journal."""
    with files.db.session() as connection:
        space = _named(connection, name)
    return files.committer.run(work, [space.id])


def set_home(
    files: Files, user: int, *, quota: int | EllipsisType | None = ..., portable: bool | EllipsisType = ...
) -> None:
    """Change how much a home may hold, in bytes (None for no limit), and whether its names are portable."""
    with files.db.write() as connection:
        home = spaces.home(connection, user)
        if home is not None:
            home = home if isinstance(quota, EllipsisType) else home._replace(quota=quota)
            home = home if isinstance(portable, EllipsisType) else home._replace(portable=portable)
            spaces.update(connection, home)
            changed(connection)


def revoke_member(files: Files, name: str, who: str) -> bool:
    """Take a membership back; whether there was one."""

    def work(tx: Transaction) -> bool:
        space = _named(tx.connection, name)
        root = nodes.get(tx.connection, space.node)
        return root is not None and access.drop(tx, root, access.principal_named(tx.connection, who).id)

    return _run(files, name, work)


def _grant(tx: Transaction, space: Space, who: str, role: str) -> None:
    if role not in ROLES:
        raise BadRequest(f"A role is one of {', '.join(ROLES)}.")
    root = nodes.get(tx.connection, space.node)
    if root is not None:
        access.put(tx, root, access.Rule(access.principal_named(tx.connection, who).id, False, ROLES[role]))


def _named(connection: Connection, name: str) -> Space:
    space = spaces.named(connection, "space", names.key(name))
    if space is None:
        raise NotFound("There is no such space.")
    return space


def remove_space(files: Files, name: str, delete_files: bool = False) -> None:
    """Forget a project space; its files stay where they are unless ``delete_files`` says otherwise."""
    with files.db.write() as connection:
        space = _named(connection, name)
        if delete_files and os.path.isabs(space.root):
            raise Forbidden("Files of an attached folder are not deleted; remove them by hand.")
        spaces.delete(connection, space.id)
        changed(connection)
    (files.data / ATTACHED / space.name).unlink(missing_ok=True)
    if delete_files:
        files.store(space).remove_root()


def drop_home(files: Files, user: int) -> None:
    """Forget the home of a user who is being removed; the folder is kept as ``NAME.removed-ID``, a guest's only if
    there is something in it."""
    with files.db.write() as connection:
        space = spaces.home(connection, user)
        if space is None:
            return
        spaces.delete(connection, space.id)
        changed(connection)
        root = files.data / space.root
        if space.read_only and root.is_dir() and not _holds_files(root):
            files.store(space).remove_root()
        elif root.is_dir():
            os.rename(root, root.with_name(f"{root.name}.removed-{space.id}"))


def list_spaces(files: Files) -> list[SpaceInfo]:
    """Every space with what it holds and who may enter."""
    with files.db.snapshot() as connection:
        found = []
        for space in spaces.all_spaces(connection):
            root = nodes.get(connection, space.node)
            members = []
            for grant in grants.of_node(connection, space.node):
                who = people.principal_by_id(connection, grant.principal)
                if who is not None and not grant.deny:
                    kind = "user" if isinstance(who, User) else "group"
                    members.append((kind, who.name, _role(grant.rights)))
            found.append(SpaceInfo(space, 0 if root is None else root.size, files.data / space.root, members))
        return found


def _role(allow: int) -> str:
    return next((name for name, rights in ROLES.items() if rights == allow), "custom")
