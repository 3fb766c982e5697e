"""Which start of the machine this is."""

from __future__ import annotations

_FILE = "/proc/sys/kernel/random/boot_id"


def boot_id() -> str:
    """A text that is another one after every start; empty where the system does not tell (it is not Linux)."""
    try:
        with open(_FILE) as file:
            return file.read().strip()
    except OSError:
        return ""
