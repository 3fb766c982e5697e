"""Starting child processes so that none of them outlives, or confuses, the master."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable

from davshare.server import heap

log = logging.getLogger("davshare.server")

_PR_SET_PDEATHSIG = 1
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

#: Loaded before any fork, so that a child needs no loader.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def fork(main: Callable[[], int]) -> int:
    """Run ``main`` in a child with default signals; its result is the exit status. The child's process id.

    SIGINT and SIGHUP are ignored in the child: a terminal sends them to
    everybody, and only the master decides what they mean.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    master = os.getpid()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    heap.freeze()
    try:
        pid = os.fork()
        if pid:
            return pid
        heap.economise()
        _child(main, master, before)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    raise AssertionError("a child never comes here")


def _child(main: Callable[[], int], master: int, mask: set[int]) -> None:
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number, action in zip(
            _SIGNALS, (signal.SIG_DFL, signal.SIG_IGN, signal.SIG_IGN, signal.SIG_DFL), strict=True
        ):
            signal.signal(number, action)
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != master:
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        status = main()
    except BaseException:
        log.exception("a child process failed")
    finally:
        try:
            logging.shutdown()
        finally:
            os._exit(status)


def pin(index: int, workers: int) -> None:
    """Keep worker ``index`` on one core when there are at least as many workers as cores (Linux)."""
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    if workers >= len(cores):
        os.sched_setaffinity(0, {cores[index % len(cores)]})
