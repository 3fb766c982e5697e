"""What the connection layer expects of whatever answers requests."""

from __future__ import annotations

from typing import Protocol

from davshare.http.request import Request
from davshare.http.responses import Response


class Application(Protocol):
    """Answers requests; one object per worker process, made after the fork.

    Neither method raises, with one exception: :class:`davshare.errors.BodyCut`
    passes through :meth:`answer` when the client is gone, and the connection
    is closed without an answer.  Anything else is logged and answered with a
    bare 500.
    """

    def quick(self, request: Request) -> Response | None:
        """The answer if it needs no waiting, else None ("ask :meth:`answer` in a thread").

        Runs on the thread that serves all connections of the worker, and only
        for requests whose whole body is in memory (``request.at_hand``).
        """
        ...

    def short(self, request: Request) -> bool:
        """Whether the answer is worth to be made beside others in one thread (:mod:`davshare.abreast`).

        As :meth:`quick`, but only for requests to which that gave None.
        """
        ...

    def answer(self, request: Request) -> Response:
        """The answer; runs in a pool thread and may block.

        :raises Waits: only beside others: ask once more, in a thread of the pool.
        """
        ...

    def close(self, busy: bool = False) -> None:
        """Give back what the application holds; called once, when the worker ends.

        :param busy: some requests are still being answered.
        """
        ...
