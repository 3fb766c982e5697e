"""What /proc says about processes and the machine."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def _fields(pid: int | str) -> list[str]:
    """The fields of /proc/PID/stat after the name: state, parent and so on; none when it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return []
    return text[text.rindex(")") + 2 :].split()


def tree(root: int) -> set[int]:
    """A process and everything below it."""
    children: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        fields = _fields(name)
        if fields:
            children.setdefault(int(fields[1]), []).append(int(name))
    found: set[int] = set()
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        waiting += children.get(pid, [])
    return found


def cpu_seconds(root: int) -> float:
    """User and system time that a process and everything below it have taken so far, ended children included."""
    ticks = 0
    for pid in tree(root):
        ticks += sum(int(value) for value in _fields(pid)[11:15])
    return ticks / _TICKS


def load_average() -> float:
    """Over the last minute."""
    return round(os.getloadavg()[0], 1)


def describe(folder: Path) -> str:
    """Processor, cores, systems and the filesystem of ``folder``, for people."""
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    return (
        f"{model[1].strip() if model else platform.machine()}, {len(os.sched_getaffinity(0))} cores, "
        f"Linux {platform.release()}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"files on {_filesystem(folder.resolve())}"
    )


def _filesystem(folder: Path) -> str:
    """Its type, such as ext4."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text("utf-8").splitlines()]
    above = [(len(fields[1]), fields[2]) for fields in mounts if Path(fields[1]) in (folder, *folder.parents)]
    return max(above)[1] if above else "an unknown filesystem"
