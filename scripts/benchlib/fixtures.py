"""The files that tests find on every server."""

from __future__ import annotations

import random
from collections.abc import Iterable

from benchlib.servers import Server

KIB, MIB = 1024, 1024 * 1024
LARGE = 100 * MIB
#: Bytes that do not compress.
CONTENT = random.Random(1).randbytes(MIB)
ONE, BIG = "one.bin", "big.bin"


def folder(members: int) -> str:
    """The folder with so many files."""
    return f"with-{members}"


def member(members: int, number: int) -> str:
    """The path of one of its files."""
    return f"{folder(members)}/{number:05d}.bin"


def names(members: int) -> list[str]:
    """The names of its files."""
    return [f"{number:05d}.bin" for number in range(members)]


def prepare(server: Server, needed: Iterable[str]) -> None:
    """Make :data:`ONE`, :data:`BIG` or the folders called like numbers, as ``needed`` says.

    :raises BenchError: the server refuses.
    """
    for each in sorted(set(needed)):
        if each == ONE:
            server.make_files("", [ONE], CONTENT[:KIB])
        elif each == BIG:
            server.make_files("", [BIG], CONTENT * (LARGE // MIB))
        else:
            server.make_files(folder(int(each)), names(int(each)), CONTENT[:KIB])
