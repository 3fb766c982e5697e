"""All tests that every server takes."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import NamedTuple

from benchlib import changing, reading, transfer
from benchlib.fixtures import BIG, ONE
from benchlib.load import Measured
from benchlib.servers import Server


class Trial(NamedTuple):
    """One test.

    ``name``: on the command line.  ``title``: in tables.  ``measure``: gets
    the server, a word that no other run has, and the seconds.  ``needs``: the
    fixtures.  ``quick``: whether it belongs to the quick run.  ``writes``: it
    makes a difference whether uploads are synced.  ``unit``: of its rate.
    """

    name: str
    title: str
    measure: Callable[[Server, str, float], Measured]
    needs: tuple[str, ...] = ()
    quick: bool = False
    writes: bool = False
    unit: str = "/s"


TRIALS = (
    Trial("get", "GET, the same 1 KiB, 8 connections", reading.get(8), (ONE,), quick=True),
    Trial("get-c1", "GET, the same 1 KiB, 1 connection", reading.get(1), (ONE,)),
    Trial("get-c32", "GET, the same 1 KiB, 32 connections", reading.get(32), (ONE,)),
    Trial("get-many", "GET, 1,000 files of 1 KiB in turn, 8 connections", reading.get_many(1000, 8), ("1000",)),
    Trial("get-large", "GET, 100 MiB, 1 connection", transfer.get, (BIG,), quick=True, unit=" MiB/s"),
    Trial("head", "HEAD, 8 connections", reading.head(8), (ONE,)),
    Trial("put", "PUT, new files of 1 KiB, 8 connections", changing.put(8), quick=True, writes=True),
    Trial("put-c1", "PUT, new files of 1 KiB, 1 connection", changing.put(1), writes=True),
    Trial("put-over", "PUT, 1 KiB over a file, 8 connections", changing.put_over(8), writes=True),
    Trial("put-large", "PUT, 100 MiB, 1 connection", transfer.put, quick=True, writes=True, unit=" MiB/s"),
    Trial("propfind-0", "PROPFIND, depth 0, 8 connections", reading.propfind(0, 8), (ONE,), quick=True),
    Trial("propfind-10", "PROPFIND, 10 members, 8 connections", reading.propfind(10, 8), ("10",)),
    Trial("propfind-1000", "PROPFIND, 1,000 members, 1 connection", reading.propfind(1000, 1), ("1000",)),
    Trial("propfind-10000", "PROPFIND, 10,000 members, 1 connection", reading.propfind(10000, 1), ("10000",)),
    Trial("dirty", "PROPFIND, 1,000 members, one overwritten before each", reading.dirty(1000), ("1000",), quick=True),
    Trial("dirty-10000", "PROPFIND, 10,000 members, one overwritten before each", reading.dirty(10000), ("10000",)),
    Trial("mkcol", "MKCOL, 8 connections", changing.mkcol(8), writes=True),
    Trial("delete", "DELETE, files of 1 KiB, 8 connections", changing.delete(8), writes=True),
    Trial("copy", "COPY, 1 KiB to new names, 8 connections", changing.copy(8), (ONE,), writes=True),
    Trial("move", "MOVE, files of 1 KiB, 8 connections", changing.move(8), writes=True),
    Trial("lock", "LOCK and UNLOCK in turn, 8 connections", changing.lock(8), writes=True),
    Trial("mixed", "70 % GET, 20 % PUT, 10 % PROPFIND, 8 connections", changing.mixed(8), ("10", "1000"), True, True),
)  # fmt: skip


def matching(names: list[str], patterns: list[str]) -> list[str]:
    """The names that match one of the patterns, in their own order.

    :raises ValueError: a pattern matches nothing.
    """
    if unknown := [each for each in patterns if not any(fnmatchcase(name, each) for name in names)]:
        raise ValueError(", ".join(unknown))
    return [name for name in names if any(fnmatchcase(name, each) for each in patterns)]
