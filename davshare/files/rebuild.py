"""The index made anew from the files."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from davshare.errors import DavshareError, Unavailable
from davshare.files import restore, spaces
from davshare.files.follow import Report
from davshare.files.service import Files
from davshare.files.walk import Walk
from davshare.index import redo, wipe
from davshare.index import spaces as rows

log = logging.getLogger("davshare.files")
Progress = Callable[[int], None]


def forget_files(files: Files) -> None:
    """Forget what is known of files; no sync token and no ETag of before is valid any more.

    What was acknowledged and is not in its place yet gets there first.

    :raises Unavailable: it cannot, because a storage is missing; nothing was forgotten.
    """
    restore.notice(files.db)
    files.redoer.replay()
    with files.db.session() as connection:
        if redo.any_stuck(connection):
            raise Unavailable("Changes wait for a missing storage; bring it back first.")
    with files.db.write() as connection:
        wipe.files(connection)
        restore.raise_epoch(connection)


def begin_late(files: Files) -> None:
    """Let an index without a past give out neither an epoch nor an id that a lost one may have given out."""
    now = int(time.time())
    with files.db.write() as connection:
        wipe.raise_counter(connection, "epoch", now)
        wipe.raise_counter(connection, "node", now << 20)


def homes(files: Files) -> list[str]:
    """Names of accounts whose homes are in the data folder."""
    folder = files.data / "homes"
    found = (entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
    return sorted(name for name in found if ".removed-" not in name)


def adopt_spaces(files: Files) -> list[str]:
    """Project spaces from their folders and from the links to attached ones; names of those that could not be."""
    lost = []
    for folder, attached in (("spaces", False), (spaces.ATTACHED, True)):
        for entry in sorted((files.data / folder).glob("[!.]*")):
            try:
                spaces.add_space(files, entry.name, Path(os.readlink(entry)) if attached else None, None)
            except DavshareError as error:
                log.warning("the space %s cannot be adopted: %s", entry.name, error.message)
                lost.append(entry.name)
    return lost


def read(files: Files, progress: Progress) -> tuple[Report, list[str]]:
    """Compare every space with its disk; what was found, and names of spaces whose storage is missing."""
    total, missing = Report(), []
    with files.db.session() as connection:
        known = rows.all_spaces(connection)
    for space in known:
        try:
            total.add(Walk(files, space, progress=progress, accept=True).run())
        except DavshareError as error:
            log.warning("%s %s: %s", space.kind, space.name, error.message)
            missing.append(space.name)
    return total, missing
