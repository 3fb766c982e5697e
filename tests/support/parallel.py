"""Several clients at once, all starting in the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def together(tasks: Sequence[Callable[[], Result]], seconds: float = 120) -> list[Result]:
    """Run every task in its own thread, released by one barrier; their results in order.

    :raises BaseException: what the first failing task raised.
    """
    gate = threading.Barrier(len(tasks))

    def run(task: Callable[[], Result]) -> Result:
        gate.wait(30)
        return task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        futures = [pool.submit(run, task) for task in tasks]
        return [future.result(seconds) for future in futures]
