"""One process for a task, among all processes of all machines that share an index."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path

from davshare.errors import DavshareError
from davshare.index import leases
from davshare.index.boot import boot_id
from davshare.index.database import Database

#: The lease of the one keeper that works.
KEEPER = "keeper"
#: Seconds for which a lease is taken, and after which it is renewed.
_TERM = 30
_RENEW = 10


class Lease:
    """The right to do ``name``; kept as long as :meth:`held` is asked often enough."""

    def __init__(self, database: Database, name: str) -> None:
        self._db = database
        self._name = name
        self._me = identity(os.getpid())
        self._renew = 0.0

    def held(self) -> bool:
        """Whether it is ours now; takes it when nobody has it."""
        if time.monotonic() < self._renew:
            return True
        self._renew = 0.0
        with self._db.write() as connection:
            mine = leases.take(connection, self._name, self._me, int(time.time()), _TERM, is_dead)
        if mine:
            self._renew = time.monotonic() + _RENEW
        return mine

    def give_back(self) -> None:
        """Let somebody else have it at once."""
        self._renew = 0.0
        with contextlib.suppress(DavshareError), self._db.write() as connection:
            leases.give_back(connection, self._name, self._me)


def is_taken(database: Database, name: str) -> bool:
    """Whether a living process has a lease."""
    with database.session() as connection:
        holder = leases.holder(connection, name, int(time.time()))
    return holder is not None and not is_dead(holder)


def identity(pid: int) -> str:
    """A name for a process of this machine that no other process ever has."""
    return f"{_machine()} {pid} {_started(pid)}"


def is_dead(holder: str) -> bool:
    """Whether a process is known to have ended; one of another machine never is."""
    machine, _, rest = holder.rpartition(" ")[0].rpartition(" ")
    return machine == _machine() and rest.isdigit() and identity(int(rest)) != holder


def _machine() -> str:
    boot = boot_id()
    with contextlib.suppress(OSError):
        boot += f"/{os.stat('/proc/self/ns/pid').st_ino}"
    return f"{socket.gethostname()} {boot}".strip()


def _started(pid: int) -> str:
    """When a process began, in ticks since the machine did; ``gone`` when there is none."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if fields:
        return fields[19]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "gone"
    except PermissionError:
        pass
    return "0"


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
