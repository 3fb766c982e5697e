"""Rows of checksums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from davshare.index.database import Connection, parts
from davshare.index.nodes import QUALIFIED, WIDTH
from davshare.model.nodes import Node

_WITH_CHILD = (
    f"SELECT {QUALIFIED}, d.sha256, d.sha1, d.md5, d.adler32, d.crc32 FROM node"
    " LEFT JOIN digest d ON d.node=node.id AND d.stamp=node.stamp WHERE node.parent=? AND node.name=?"
)


class Digests(NamedTuple):
    """Checksums of one content; None where nobody computed it yet."""

    sha256: bytes | None = None
    sha1: bytes | None = None
    md5: bytes | None = None
    adler32: int | None = None
    crc32: int | None = None


def of(connection: Connection, node: int, stamp: int) -> Digests:
    """What is known of the content that ``stamp`` names."""
    row = connection.execute(
        "SELECT sha256, sha1, md5, adler32, crc32 FROM digest WHERE node=? AND stamp=?", (node, stamp)
    ).fetchone()
    return Digests() if row is None else Digests._make(row)


def with_child(connection: Connection, parent: int, key: str) -> tuple[Node, Digests] | None:
    """The member of a folder whose NFC name is ``key``, and what is known of its content: one statement."""
    row = connection.execute(_WITH_CHILD, (parent, key)).fetchone()
    return None if row is None else (Node._make(row[:WIDTH]), Digests._make(row[WIDTH:]))


def of_children(connection: Connection, parent: int) -> dict[int, Digests]:
    """What is known of all members of a folder: one statement."""
    rows = connection.execute(
        "SELECT n.id, d.sha256, d.sha1, d.md5, d.adler32, d.crc32 FROM node n"
        " JOIN digest d ON d.node=n.id AND d.stamp=n.stamp WHERE n.parent=?",
        (parent,),
    )
    return {row[0]: Digests._make(row[1:]) for row in rows}


def of_many(connection: Connection, nodes: Sequence[tuple[int, int]]) -> dict[int, Digests]:
    """What is known of (node, stamp), by node; one statement for very many."""
    stamps = dict(nodes)
    found: dict[int, Digests] = {}
    for part in parts(list(stamps)):
        rows = connection.execute(
            "SELECT node, stamp, sha256, sha1, md5, adler32, crc32 FROM digest"
            f" WHERE node IN ({','.join('?' * len(part))})",
            part,
        )
        found.update((node, Digests._make(row)) for node, stamp, *row in rows if stamps[node] == stamp)
    return found


def put(connection: Connection, node: int, stamp: int, digests: Digests) -> None:
    """Keep checksums; those of an older content are forgotten, others of this one stay."""
    connection.execute(
        "INSERT INTO digest (node, stamp, sha256, sha1, md5, adler32, crc32) VALUES (?,?,?,?,?,?,?)"
        " ON CONFLICT (node) DO UPDATE SET"
        " sha256=CASE WHEN digest.stamp=excluded.stamp THEN coalesce(excluded.sha256, digest.sha256)"
        " ELSE excluded.sha256 END,"
        " sha1=CASE WHEN digest.stamp=excluded.stamp THEN coalesce(excluded.sha1, digest.sha1) ELSE excluded.sha1 END,"
        " md5=CASE WHEN digest.stamp=excluded.stamp THEN coalesce(excluded.md5, digest.md5) ELSE excluded.md5 END,"
        " adler32=CASE WHEN digest.stamp=excluded.stamp THEN coalesce(excluded.adler32, digest.adler32)"
        " ELSE excluded.adler32 END,"
        " crc32=CASE WHEN digest.stamp=excluded.stamp THEN coalesce(excluded.crc32, digest.crc32)"
        " ELSE excluded.crc32 END,"
        " stamp=excluded.stamp",
        (node, stamp, *digests),
    )


def copy(connection: Connection, old: int, new: int, stamp: int) -> None:
    """The copy of a file has the checksums of the original."""
    connection.execute(
        "INSERT INTO digest (node, stamp, sha256, sha1, md5, adler32, crc32)"
        " SELECT ?, ?, sha256, sha1, md5, adler32, crc32 FROM digest WHERE node=?"
        " AND stamp=(SELECT stamp FROM node WHERE id=?)",
        (new, stamp, old, old),
    )


def restamp(connection: Connection, node: int, old: int, new: int) -> None:
    """The same content has another stamp now."""
    connection.execute("UPDATE digest SET stamp=? WHERE node=? AND stamp=?", (new, node, old))
