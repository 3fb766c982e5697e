"""Named points at which the crash tests kill the server."""

from __future__ import annotations

import os
import signal
import threading

_name, _, _count = os.environ.get("DAVSHARE_CRASH_AT", "").partition(":")
_left = int(_count or 1)
_mutex = threading.Lock()


def point(name: str) -> None:
    """Die here, with the whole process group, if the environment asks for it (``NAME[:PASSES]``)."""
    if name == _name:
        _die()


def _die() -> None:
    global _left
    with _mutex:
        _left -= 1
        if _left <= 0:
            os.killpg(os.getpgrp(), signal.SIGKILL)
            signal.pause()
