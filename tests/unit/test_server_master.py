"""Processes that end while a server starts: replaced while another one serves, else the server ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys, time
from davshare.server.run import Master, Seat

said, ready = os.pipe()
mark, first = sys.argv[1], sys.argv[2] == "serves"


def steady():
    if not first:
        time.sleep(60)
    os.write(ready, b".")
    time.sleep(60)
    return 0


def frail():
    if not os.path.exists(mark):
        open(mark, "w").close()
        time.sleep(0.3)
        return 1
    os.write(ready, b".")
    time.sleep(60)
    return 0


master = Master([Seat("worker 1", steady), Seat("worker 2", frail)], 2, said, lambda: print("recovered", flush=True))
status = master.run(lambda: os.kill(os.getpid(), signal.SIGTERM), lambda: None, 0.1)
sys.exit(status)
"""


@pytest.mark.parametrize(("first", "status", "told"), [("serves", 0, "recovered\n"), ("waits", 1, "")])
def test_one_dies_before_all_are_ready(tmp_path, first: str, status: int, told: str) -> None:
    """It is replaced, and all become ready; but a start at which nobody serves yet has failed."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "mark"), first], capture_output=True, text=True, timeout=50
    )
    assert (done.returncode, done.stdout) == (status, told), done.stderr
