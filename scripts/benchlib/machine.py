"""What /proc says about processes and the machine."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE).search


def stat_fields(text: str) -> list[str]:
    """The fields of a /proc/PID/stat after the name, which may hold anything: state, parent and so on."""
    return text[text.rindex(")") + 2 :].split()


def ticks(fields: list[str]) -> int:
    """User and system time of a process and of its children that have ended and were waited for."""
    return sum(int(value) for value in fields[11:15])


def pss_bytes(text: str) -> int:
    """The proportional set size in a /proc/PID/smaps_rollup: a page that n processes share counts 1/n."""
    found = _PSS(text)
    return int(found[1]) * 1024 if found else 0


def busy_ticks(line: str) -> int:
    """Busy time in the first line of /proc/stat; idle, waiting for disks, and guests (counted as user) left out."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(value) for value in line.split()[1:9])
    return user + nice + system + irq + softirq + steal


def _read(path: str) -> str:
    """Empty when the process has ended, or is somebody else's."""
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return ""


def _fields(pid: int | str) -> list[str]:
    text = _read(f"/proc/{pid}/stat")
    return stat_fields(text) if text else []


def tree(roots: Iterable[int]) -> set[int]:
    """Processes and everything below them."""
    children: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        fields = _fields(name)
        if fields:
            children.setdefault(int(fields[1]), []).append(int(name))
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        waiting += children.get(pid, [])
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time that processes have taken so far, ended children included."""
    return sum(ticks(fields) for pid in pids if (fields := _fields(pid))) / _TICKS


def memory(pids: Iterable[int]) -> int:
    """Bytes: the sum of the proportional set sizes."""
    return sum(pss_bytes(_read(f"/proc/{pid}/smaps_rollup")) for pid in pids)


def busy_seconds() -> float:
    """Processor time that the whole machine has spent so far, with what its host took away from it."""
    return busy_ticks(_read("/proc/stat").partition("\n")[0]) / _TICKS


def load_average() -> float:
    """Over the last minute."""
    return round(os.getloadavg()[0], 1)


def describe(folder: Path) -> str:
    """Processor, cores, systems and the filesystem of ``folder``, for people."""
    model = re.search(r"^model name\s*: (.*)$", _read("/proc/cpuinfo"), re.MULTILINE)
    return (
        f"{model[1].strip() if model else platform.machine()}, {len(os.sched_getaffinity(0))} cores, "
        f"Linux {platform.release()}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"files on {_filesystem(folder.resolve())}"
    )


def _filesystem(folder: Path) -> str:
    """Its type, such as ext4."""
    mounts = [line.split() for line in _read("/proc/mounts").splitlines()]
    above = [(len(fields[1]), fields[2]) for fields in mounts if Path(fields[1]) in (folder, *folder.parents)]
    return max(above)[1] if above else "an unknown filesystem"
