"""Checksums of files that came without: computed in the background, in the order of the journal."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from davshare.errors import DavshareError, Forbidden
from davshare.files.follow import agrees
from davshare.files.locate import disk_path
from davshare.files.service import Files
from davshare.files.upload import digests_row
from davshare.index import digests, followers, journal, nodes, spaces
from davshare.index.database import Connection
from davshare.model.journal import Entry, Kind
from davshare.model.nodes import Node, Space
from davshare.store.base import Missing, Path
from davshare.store.digest import Values, of_descriptor, routine
from davshare.store.statx import facts_of

log = logging.getLogger("davshare.keeper")
#: Entries, and bytes, after which what was computed is written down.
_ENTRIES = 500
_BYTES = 256 * 1024 * 1024
_PAUSE = 2.0
_NAME = "checksums"
_TELLING = frozenset({Kind.CREATED, Kind.MODIFIED})


class _Wanted(NamedTuple):
    node: Node
    path: Path


class Hasher:
    """Follows the journal of every space; how far it has come is kept in the index."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop, half of the time at most."""
        while not stop.wait(_PAUSE):
            while not stop.is_set():
                began = time.monotonic()
                try:
                    if not self._wanted() or not self.round():
                        break
                except DavshareError as error:
                    log.warning("checksums: %s", error.message)
                    break
                except Exception:
                    log.exception("checksums failed")
                    break
                stop.wait(min(1.0, time.monotonic() - began))

    def _wanted(self) -> bool:
        """Whether it is switched on; otherwise no journal is kept for it."""
        if self._files.settings.get("disk.hash"):
            return True
        with self._files.db.session() as connection:
            following = followers.exists(connection, _NAME)
        if following:
            with self._files.db.write() as connection:
                followers.drop(connection, _NAME)
        return False

    def round(self) -> bool:
        """Some entries of every space; whether there were any."""
        with self._files.db.session() as connection:
            known = spaces.all_spaces(connection)
        busy = False
        for space in known:
            with suppress(DavshareError):  # a missing storage holds up nobody else
                busy |= self._some(space)
        return busy

    def _some(self, space: Space) -> bool:
        """The next entries of one space; false when there are none."""
        with self._files.db.snapshot() as connection:
            start = followers.position(connection, _NAME, space.id)
            head, _ = spaces.head_and_floor(connection, space.id)
            if start >= head:
                return False
            entries = list(islice(journal.since(connection, space.id, start), _ENTRIES))
            reached = entries[-1].seq if len(entries) == _ENTRIES else head
            wanted = [
                _Wanted(node, disk_path([each.name for each in nodes.chain(connection, node.id)[1:]]))
                for entry in entries
                if entry.kind in _TELLING
                for node in _content(connection, entry)
                if digests.of(connection, node.id, node.stamp).sha256 is None
            ]
        for part in self._hashed(space, wanted):
            self._keep(part)
        with self._files.db.write() as connection:
            followers.advance(connection, _NAME, space.id, reached, int(time.time()))
        return True

    def _hashed(self, space: Space, wanted: list[_Wanted]) -> Iterator[list[tuple[Node, Values]]]:
        """Checksums, in parts that are worth a transaction."""
        store = self._files.store(space)
        part: list[tuple[Node, Values]] = []
        size = 0
        for node, path in wanted:
            try:
                fd, facts = store.open(path)
            except (Missing, Forbidden):
                continue
            try:
                if agrees(node, facts):
                    values = of_descriptor(fd, routine(node.size))
                    if agrees(node, facts_of(os.fstat(fd))):
                        part.append((node, values))
                        size += node.size
            except OSError as error:
                log.warning("checksums: a file of the %s %s cannot be read: %s", space.kind, space.name, error.strerror)
            finally:
                os.close(fd)
            if size >= _BYTES:
                yield part
                part, size = [], 0
        if part:
            yield part

    def _keep(self, part: list[tuple[Node, Values]]) -> None:
        with self._files.learning() as connection:
            for node, values in part:
                row, now = digests_row(values), nodes.get(connection, node.id)
                if row is not None and now is not None and now.stamp == node.stamp:
                    digests.put(connection, node.id, node.stamp, row)


def _content(connection: Connection, entry: Entry) -> Iterator[Node]:
    """The files that an entry has brought, as they are now."""
    found = nodes.tree(connection, entry.node) if entry.deep else [nodes.get(connection, entry.node)]
    return (node for node in found if node is not None and not node.is_folder and node.space == entry.space)
