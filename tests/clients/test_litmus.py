"""litmus: all 104 tests, with one and with two workers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.rfc("4918", "1", "litmus basic, copymove, props, locks and http pass without failure, warning or skip")
@pytest.mark.parametrize("workers", [1, 2])
def test_litmus(program, root: Path, workers: int) -> None:
    program("litmus", "litmus")
    done = subprocess.run(
        [sys.executable, str(root / "scripts" / "litmus-runner"), "--workers", str(workers)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split()[-2:] == ["104", "104"]
