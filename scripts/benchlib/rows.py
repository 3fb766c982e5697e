"""A large home without its files: rows as uploads leave them in davshare/index/schema.py.

Folders are real ones, and their rows say that their members were compared
with the disk, so nobody has a reason to look for the files.
"""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from benchlib.servers import USER

_FOLDER = 1_000
_FILE_SIZE = 100_000
#: Beyond what real files have.
_INODES = 1 << 50
_NODE = (
    "INSERT INTO node (id, space, parent, name, kind, size, mtime_ns, disk_ns, inode, seq, place_seq, stamp, created)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
_JOURNAL = "INSERT INTO journal (space, seq, node, kind, deep, actor, at) VALUES (?,?,?,1,0,?,?)"
_DIGEST = "INSERT INTO digest (node, stamp, sha256, sha1, md5, adler32, crc32) VALUES (?,?,?,?,?,?,?)"


class _Home(NamedTuple):
    path: Path
    space: int
    root: int
    owner: int


def fill(data: Path, total: int) -> None:
    """Let the home of a data folder that nobody serves have ``total`` nodes.

    Every node gets its journal entry and every file its checksums, so the
    index is as large as it would be after as many real uploads.
    """
    with closing(sqlite3.connect(data / "index.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        found = "SELECT root, id, node, owner FROM space WHERE kind='home' AND name=?"
        root, *numbers = connection.execute(found, (USER,)).fetchone()
        home = _Home(data / root, *numbers)
        have = connection.execute("SELECT count(*) FROM node WHERE space=? AND parent>0", (home.space,)).fetchone()[0]
        while have < total:
            members = min(_FOLDER, total - have - 1)
            connection.execute("BEGIN")
            _folder(connection, home, members)
            connection.execute("COMMIT")
            have += members + 1
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _folder(connection: sqlite3.Connection, home: _Home, members: int) -> None:
    """A folder in the home with so many files."""
    nodes = members + 1
    last = _raised(connection, "UPDATE counter SET value=value+? WHERE name='node' RETURNING value", nodes)
    head = _raised(connection, "UPDATE space SET head=head+? WHERE id=? RETURNING head", nodes, home.space)
    folder, first = last - members, head - members
    size, now = members * _FILE_SIZE, time.time_ns()
    at = now // 1_000_000_000
    files = [(folder + each, first + each) for each in range(1, nodes)]
    path = home.path / f"folder-{folder:08d}"
    path.mkdir()
    disk = path.stat()
    values = (path.name, 1, size, now, disk.st_mtime_ns, disk.st_ino, first, first, head, at)
    connection.execute(_NODE, (folder, home.space, home.root, *values))
    connection.executemany(
        _NODE,
        (
            (
                node,
                home.space,
                folder,
                f"document-{node:08d}.pdf",
                0,
                _FILE_SIZE,
                now,
                None,
                _INODES + node,
                seq,
                seq,
                seq,
                at,
            )
            for node, seq in files
        ),
    )
    connection.executemany(
        _JOURNAL, ((home.space, seq, node, home.owner, at) for node, seq in [(folder, first), *files])
    )
    connection.executemany(_DIGEST, ((node, seq, *_checksums()) for node, seq in files))
    connection.execute("UPDATE node SET size=size+?, mtime_ns=?, stamp=? WHERE id=?", (size, now, head, home.root))


def _raised(connection: sqlite3.Connection, statement: str, *values: int) -> int:
    return int(connection.execute(statement, values).fetchone()[0])


def _checksums() -> tuple[bytes, bytes, bytes, int, int]:
    """Values as long as real ones: sha256, sha1, md5, adler32, crc32."""
    return (*(random.randbytes(length) for length in (32, 20, 16)), random.getrandbits(32), random.getrandbits(32))  # type: ignore[return-value]
