"""What a check has found is put right, as far as the files tell how."""

from __future__ import annotations

from collections.abc import Callable

from davshare.errors import DavshareError
from davshare.files import writer
from davshare.files.commit import Transaction
from davshare.files.service import Files
from davshare.files.walk import Walk
from davshare.index import audit, journal, nodes, spaces
from davshare.index.database import changed
from davshare.model.nodes import Space

Progress = Callable[[int], None]


def mend(files: Files, space_name: str | None, progress: Progress) -> None:
    """Carry out open effects, let the index follow the disk, and correct rows that contradict each other.

    Content that is not what its checksum says is left alone: only a person can tell which of the two is right.
    """
    files.redoer.replay()
    with files.db.write() as connection:
        audit.remove_lost(connection)
        known = [space for space in spaces.all_spaces(connection) if space_name in (None, space.name)]
    for space in known:
        files.committer.run(lambda tx, s=space: _journal(tx, s), [space.id])  # type: ignore[misc]
        try:
            Walk(files, space, progress=progress).run()
        except DavshareError:
            continue  # the check after this tells that the storage is missing
        files.committer.run(lambda tx, s=space: _sizes(tx, s), [space.id])  # type: ignore[misc]


def _journal(tx: Transaction, space: Space) -> None:
    """Numbers go on above every number in use, and every change has an entry."""
    _, last, _ = journal.bounds(tx.connection, space.id)
    tx.raise_above(space.id, max(last, nodes.highest(tx.connection, space.id)))
    for number in audit.silent(tx.connection, space.id):
        node = nodes.get(tx.connection, number)
        if node is not None:
            writer.note_properties(tx, node)


def _sizes(tx: Transaction, space: Space) -> None:
    """From the deepest folders up, since each corrects what is above it."""
    wrong = audit.wrong_sizes(tx.connection, space.id)
    if wrong:
        changed(tx.connection)  # no entry tells of this: what is remembered of the rows has to go
    while wrong:
        for folder, _, size in wrong:
            audit.set_size(tx.connection, folder, size)
        wrong = audit.wrong_sizes(tx.connection, space.id)
