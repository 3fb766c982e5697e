"""Several calls in one thread: who waits for whom, and what one that fails costs the others."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from collections.abc import Callable, Sequence

import pytest

from davshare.abreast import Abreast, Meeting, Present, demand_time
from davshare.errors import Waits


class Item:
    """What is brought to a meeting, and what became of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.result = ""


class Scene:
    """What happened, in order."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.first = self.meeting("first")
        self.last = self.meeting("last", late=True)

    def meeting(self, name: str, late: bool = False) -> Meeting[Item]:
        """A meeting that says who came."""

        def step(items: list[Item]) -> None:
            self.said.append(f"{name}: " + " ".join(item.name for item in items))
            for item in items:
                item.result = f"{item.name} by {name}"

        return Meeting(step, late)

    def call(self, name: str, *meetings: Meeting[Item]) -> Callable[[], None]:
        """A call that goes to meetings, one after the other."""

        def run() -> None:
            self.said.append(f"{name} begins")
            for meeting in meetings:
                item = Item(name)
                meeting.join(item)
                self.said.append(item.result)
            self.said.append(f"{name} ends")

        return run


@pytest.fixture
def scene() -> Scene:
    """Two meetings, one of them late."""
    return Scene()


def test_all_come_before_the_step_is_done_once(scene: Scene) -> None:
    Abreast().run([scene.call(name, scene.first) for name in "abc"])
    begun = ["a begins", "b begins", "c begins"]
    ended = [said for name in "abc" for said in (f"{name} by first", f"{name} ends")]
    assert scene.said == [*begun, "first: a b c", *ended]


def test_who_comes_while_a_step_has_to_wait_is_welcome(scene: Scene) -> None:
    """They are let in until they stand still; who stands elsewhere by then is seen to afterwards."""
    queue = [scene.call("late", last := Meeting(lambda items: step(items), late=True)), scene.call("other", scene.last)]

    def step(items: Present[Item]) -> None:
        scene.said.append("waits")
        assert [item.name for item in items.welcome()] == ["late"]
        assert [item.name for item in items] == ["a", "late"]
        assert list(items.welcome()) == []

    def more() -> list[Callable[[], None]]:
        come = queue[:]
        queue.clear()
        return come

    Abreast().run([scene.call("a", last)], more)
    ended = ["", "a ends", "", "late ends"]
    assert scene.said == [
        "a begins", "waits", "late begins", "other begins", *ended, "last: other", "other by last", "other ends",
    ]  # fmt: skip


def test_who_is_alone_waits_for_nobody() -> None:
    """Outside of all this nobody else can come."""
    met: list[Sequence[Item]] = []
    Meeting[Item](lambda items: met.append(items.welcome())).join(Item("x"))
    assert [list(each) for each in met] == [[]]


def test_everybody_comes_to_the_late_one_even_by_way_of_the_other(scene: Scene) -> None:
    """The one who is there early waits for those that others let go on."""
    Abreast().run([scene.call("a", scene.last), scene.call("b", scene.first, scene.last), scene.call("c", scene.first)])
    assert [said for said in scene.said if ": " in said] == ["first: b c", "last: a b"]


def test_two_late_ones(scene: Scene) -> None:
    other = scene.meeting("other", late=True)
    Abreast().run([scene.call("a", scene.last), scene.call("b", other), scene.call("c", scene.last)])
    assert [said for said in scene.said if ": " in said] == ["last: a c", "other: b"]


def test_the_same_meeting_twice(scene: Scene) -> None:
    Abreast().run([scene.call("a", scene.first, scene.first), scene.call("b", scene.first)])
    assert [said for said in scene.said if ": " in said] == ["first: a b", "first: a"]
    assert scene.said[-1] == "a ends"


def test_calls_that_meet_nobody(scene: Scene) -> None:
    Abreast().run([scene.call("a"), scene.call("b", scene.first), scene.call("c")])
    assert scene.said[:5] == ["a begins", "a ends", "b begins", "c begins", "c ends"]
    assert scene.said[5:] == ["first: b", "b by first", "b ends"]


def test_nothing_to_do() -> None:
    Abreast().run([])


def test_a_call_that_fails_costs_the_others_nothing(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    def early() -> None:
        raise ValueError("early")

    def later() -> None:
        scene.first.join(Item("later"))
        raise KeyboardInterrupt

    both = Abreast()
    with caplog.at_level(logging.ERROR, "davshare.server"):
        both.run([scene.call("a", scene.first, scene.last), early, later, scene.call("b", scene.first)])
    assert [said for said in scene.said if said.endswith("ends")] == ["b ends", "a ends"]
    assert [type(record.exc_info[1]) for record in caplog.records if record.exc_info] == [ValueError, KeyboardInterrupt]
    both.run([scene.call(name, scene.first) for name in "vwxyz"])
    assert "first: v w x y z" in scene.said


def test_a_step_that_fails_is_told_to_all_who_came(scene: Scene) -> None:
    told: list[str] = []

    def refuse(items: list[Item]) -> None:
        raise OSError("refused")

    def comer() -> None:
        with pytest.raises(OSError, match="refused"):
            broken.join(Item("x"))
        scene.last.join(Item("told"))
        told.append("told")

    broken = Meeting(refuse)
    Abreast().run([comer, scene.call("a", scene.last), comer])
    assert told == ["told", "told"]
    assert "last: a told told" in scene.said and scene.said[-1] == "a ends"


def test_runners_are_used_again(scene: Scene) -> None:
    """They are made for the first calls, and for as many as come at once later."""
    both = Abreast()
    both.run([scene.call(str(n), scene.first) for n in range(3)])
    made = set(map(id, both._idle))
    assert len(made) == 3
    for _ in range(5):
        both.run([scene.call(str(n), scene.first) for n in range(3)])
    assert set(map(id, both._idle)) == made
    both.run([scene.call(str(n), scene.first) for n in range(4)])
    assert len(both._idle) == 4 and made < set(map(id, both._idle))


def test_nothing_of_a_call_is_kept(scene: Scene) -> None:
    """Not by the runners that wait for the next one."""

    class Held:
        """What a call holds."""

        def run(self) -> None:
            scene.first.join(Item("x"))

    both, calls = Abreast(), [Held(), Held()]
    seen = [weakref.ref(each) for each in calls]
    both.run([each.run for each in calls])
    calls.clear()
    gc.collect()
    assert [each() for each in seen] == [None, None]


def test_calls_that_meet_nobody_share_a_runner(scene: Scene) -> None:
    both = Abreast()
    both.run([scene.call(str(n)) for n in range(10)])
    assert len(both._idle) == 1


def test_outside_of_a_run_a_step_is_done_at_once(scene: Scene) -> None:
    scene.call("a", scene.last, scene.first)()
    assert scene.said == ["a begins", "last: a", "a by last", "first: a", "a by first", "a ends"]


def test_inside_of_a_step_another_is_done_at_once(scene: Scene) -> None:
    """A step belongs to none of the calls: it may sync what it makes."""
    outer: Meeting[Item] = Meeting(lambda items: scene.first.join(Item("inner")))
    Abreast().run([lambda: outer.join(Item("x")), lambda: outer.join(Item("y"))])
    assert scene.said == ["first: inner"]


def test_time_is_there_unless_others_wait() -> None:
    met: list[str] = []

    def work() -> None:
        with pytest.raises(Waits):
            demand_time()
        in_step.join(Item("x"))
        with pytest.raises(Waits):
            demand_time()
        met.append("end")

    def step(items: list[Item]) -> None:
        demand_time()
        met.append("step")

    in_step = Meeting(step)
    demand_time()
    Abreast().run([work])
    demand_time()
    assert met == ["step", "end"]


def test_threads_have_nothing_to_do_with_each_other(scene: Scene) -> None:
    """Nobody waits for calls of another thread."""
    Abreast().run([lambda: _in_thread(scene.call("other", scene.first)), scene.call("a", scene.first)])
    assert [said for said in scene.said if ": " in said] == ["first: other", "first: a"]


def _in_thread(call: Callable[[], None]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join(10)
