"""Several calls side by side in one thread, so that what is dear is done once for all of them.

A call that comes to a :class:`Meeting` stands still there while the others go
on, until nobody can; then the meeting's step is done for all who stand there.
Threads would do the same, but nobody knows when the last of them has come.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from greenlet import GreenletExit, getcurrent, greenlet

from davshare.errors import Waits

log = logging.getLogger("davshare.server")
Item = TypeVar("Item")


class Present(list[Item]):
    """What those who met have brought."""

    __slots__ = ("_welcome",)

    def __init__(self, items: Iterable[Item], welcome: Callable[[], Sequence[Item]] = tuple) -> None:
        super().__init__(items)
        self._welcome = welcome

    def welcome(self) -> Sequence[Item]:
        """Make the calls that have come up meanwhile, until they stand still; what they bring to this meeting."""
        new = self._welcome()
        self += new
        return new


class Meeting(Generic[Item]):
    """Where calls wait for each other.

    :param step: what is done with what all of them bring; it raises nothing: whatever fails, it notes it in the items.
    :param late: others go before it: whoever they let go on may come here, too.
    """

    __slots__ = ("late", "step")

    def __init__(self, step: Callable[[Present[Item]], None], late: bool = False) -> None:
        self.step = step
        self.late = late

    def join(self, item: Item) -> None:
        """Return when ``step`` was done with ``item``, alone or among others; what it raises all of them get."""
        here = getcurrent()
        if isinstance(here, _Runner):
            here.hub.switch((self, item))
        else:
            self.step(Present((item,)))


def demand_time() -> None:
    """Return when what comes now may take long.

    :raises Waits: others would have to wait for its end.
    """
    if isinstance(getcurrent(), _Runner):
        raise Waits


class _Runner(greenlet):
    """Makes one call after the other; between two it stands still, too: a new one would cost as much as some calls."""

    def __init__(self) -> None:
        super().__init__()
        self.hub = getcurrent()
        self.switch()

    def run(self) -> None:
        """Make calls for ever; what one raises must not reach the hub, where the others would be lost over it."""
        while True:
            call: Callable[[], None] = self.hub.switch(None)
            try:
                call()
            except GreenletExit:
                raise
            except BaseException:
                log.exception("one of several calls has failed")
            del call  # it and all that it holds would stay until the next one comes


#: Who stands at which meeting, with what.
_Waiting: TypeAlias = dict[Meeting[Any], list[tuple[_Runner, Any]]]


class Abreast:
    """Makes calls side by side; belongs to one thread."""

    def __init__(self) -> None:
        self._idle: list[_Runner] = []

    def run(
        self, calls: Iterable[Callable[[], None]], more: Callable[[], Iterable[Callable[[], None]]] = tuple
    ) -> None:
        """Make all calls, and return when the last one has ended; what one raises is logged.

        :param more: other calls, for a step that has had to wait (:meth:`Present.welcome`).
        """
        waiting: _Waiting = {}
        self._begin(waiting, calls)
        while waiting:
            meeting = min(waiting, key=lambda one: one.late)
            met = waiting.pop(meeting)

            def welcome(meeting: Meeting[Any] = meeting, met: list[tuple[_Runner, Any]] = met) -> list[Any]:
                self._begin(waiting, more())
                new = waiting.pop(meeting, [])
                met += new
                return [item for _, item in new]

            failed: BaseException | None = None
            try:
                meeting.step(Present([item for _, item in met], welcome))
            except BaseException as error:
                failed = error
            for runner, _ in met:
                self._await(waiting, runner, runner.switch() if failed is None else runner.throw(failed))

    def _begin(self, waiting: _Waiting, calls: Iterable[Callable[[], None]]) -> None:
        for call in calls:
            runner = self._idle.pop() if self._idle else _Runner()
            self._await(waiting, runner, runner.switch(call))

    def _await(self, waiting: _Waiting, runner: _Runner, said: tuple[Meeting[Any], Any] | None) -> None:
        """A runner stands still: at a meeting, or because its call has ended."""
        if said is None:
            self._idle.append(runner)
        else:
            meeting, item = said
            waiting.setdefault(meeting, []).append((runner, item))
