"""The hub on pairs of sockets: slow readers, late ones, faults, and the end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from davshare.errors import DavshareError, NotAuthenticated, Unavailable
from davshare.files.changes import Page, Told
from davshare.files.following import NOTHING, Listener, Out
from davshare.http.responses import Response
from davshare.server import hub as hub_module
from davshare.server import seat as seat_module
from davshare.server.hub import Hub
from support.polling import eventually

PAGE = Page([Told("created", "home", "home/x", 7, False)], "t1", False, {1: 2})


class FakeFiles:
    """An index with one space, whose head is a number."""

    def __init__(self) -> None:
        self.head = 1
        self.number = 1
        self.db = SimpleNamespace(version=2)
        self.limits = {"events.listeners": 20, "events.listeners_of_user": 10}
        self.settings = SimpleNamespace(get=self.limits.__getitem__)

    def generation(self) -> int:
        """As the real one."""
        return self.number

    def change(self) -> None:
        """Something has changed in the space."""
        self.head += 1
        self.db.version += 2


class FakeFollower:
    """Somebody who follows that space."""

    def __init__(self, files: FakeFiles, user: int = 5, size: int = 1) -> None:
        self.files = files
        self.actor = SimpleNamespace(user=user, generation=1)
        self.heads = {1: files.head}
        self.size = size
        self.looks = 0
        self.fault: Exception | None = None

    def moved(self, heads: dict[int, int]) -> bool:
        """As the real one."""
        return heads != self.heads

    def renewed(self, actor: Any) -> bool:
        """As the real one."""
        self.actor = actor
        return False

    def look(self) -> Page:
        """As the real one."""
        self.looks += 1
        if self.fault is not None:
            raise self.fault
        changed = self.heads != {1: self.files.head}
        self.heads = {1: self.files.head}
        return PAGE if changed else PAGE._replace(changes=[])


class FakeListener(Listener):
    """Says ``hello``, then ``new`` as often as there is something."""

    def __init__(self, follower: FakeFollower) -> None:
        self.follower = follower  # type: ignore[assignment]
        self.heard = b""
        self.good = True

    def renew(self, generation: int) -> Any:  # type: ignore[override]
        """Who that is."""
        if not self.good:
            raise NotAuthenticated
        return SimpleNamespace(user=5, generation=generation)

    def begin(self) -> Out:
        """The first words."""
        return Out(b"hello.")

    def told(self, page: Page, anew: bool = False) -> Out:
        """News."""
        return Out(b"new." * self.follower.size)  # type: ignore[union-attr]

    def ended(self, error: DavshareError | None) -> Out:
        """The last words."""
        return Out(f"end {type(error).__name__}.".encode(), over=True)

    def received(self, data: bytes) -> Out:
        """What they say."""
        self.heard += data
        if data == b"fault":
            raise RuntimeError("a bug")
        return Out(over=True, answer=Response(200, [], b"answer")) if data == b"?" else NOTHING


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> FakeFiles:
    """The index."""
    made = FakeFiles()
    monkeypatch.setattr(hub_module.lookup, "heads", lambda files, wanted: {1: made.head} if wanted else {})
    return made


@pytest.fixture
def hub(files: FakeFiles) -> Iterator[Hub]:
    """A hub."""
    made = Hub(files)  # type: ignore[arg-type]
    yield made
    made.close()


def joined(hub: Hub, listener: Listener, data: bytes = b"") -> socket.socket:
    """The client's end of a new listener's connection."""
    ours, theirs = socket.socketpair()
    hub.admit(listener).take(theirs, data)
    ours.settimeout(5)
    return ours


def read(link: socket.socket, size: int) -> bytes:
    """Exactly so many bytes, or all there are before the end."""
    data = b""
    while len(data) < size and (block := link.recv(size - len(data))):
        data += block
    return data


def test_news(hub: Hub, files: FakeFiles) -> None:
    """Everybody hears of a change, once; without one nobody is looked at."""
    listeners = [FakeListener(FakeFollower(files)) for _ in range(5)]
    links = [joined(hub, listener) for listener in listeners]
    assert [read(link, 6) for link in links] == [b"hello."] * 5
    time.sleep(0.4)
    looks = [listener.follower.looks for listener in listeners]  # type: ignore[union-attr]
    files.change()
    assert [read(link, 4) for link in links] == [b"new."] * 5
    time.sleep(0.8)
    assert [listener.follower.looks for listener in listeners] == [count + 1 for count in looks]  # type: ignore[union-attr]


def test_one_who_left_makes_room(hub: Hub, files: FakeFiles) -> None:
    """Limits of users and of all; handovers that never happen count no longer than they last."""
    links = [joined(hub, FakeListener(FakeFollower(files))) for _ in range(10)]
    with pytest.raises(Unavailable):
        hub.admit(FakeListener(FakeFollower(files)))
    given = [hub.admit(FakeListener(FakeFollower(files, user))) for user in range(20, 30)]
    with pytest.raises(Unavailable):
        hub.admit(FakeListener(FakeFollower(files, 99)))
    for each in given:
        each.leave()
    hub.admit(FakeListener(FakeFollower(files, 99))).leave()
    links[0].close()
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            hub.admit(FakeListener(FakeFollower(files))).leave()
            return
        except Unavailable:
            time.sleep(0.05)
    raise AssertionError("there never was room again")


def test_credentials(hub: Hub, files: FakeFiles) -> None:
    """They are compared again when people have changed, before anything more is told."""
    good, bad = FakeListener(FakeFollower(files)), FakeListener(FakeFollower(files))
    links = [joined(hub, good), joined(hub, bad)]
    assert [read(link, 6) for link in links] == [b"hello."] * 2
    eventually(lambda: good.follower.looks and bad.follower.looks)  # the first look, of whoever comes, is over
    bad.good = False
    files.number += 1
    files.change()
    assert read(links[0], 4) == b"new."
    assert read(links[1], 100) == b"end NotAuthenticated."
    assert good.follower.actor.generation == files.number  # type: ignore[union-attr]


def test_expiry_and_patience(hub: Hub, files: FakeFiles) -> None:
    """Credentials end by time as well, and so does waiting."""
    first, second = FakeListener(FakeFollower(files)), FakeListener(FakeFollower(files))
    first.expires = time.time() + 0.3
    second.until = time.monotonic() + 0.3
    assert read(joined(hub, first), 100) == b"hello.end NotAuthenticated."
    assert read(joined(hub, second), 100) == b"hello.end NoneType."


def test_bugs_and_answers(hub: Hub, files: FakeFiles) -> None:
    """A bug costs the one connection that met it; a last answer is whole and is the end."""
    link = joined(hub, FakeListener(FakeFollower(files)), b"early")
    assert read(link, 6) == b"hello."
    link.sendall(b"fault")
    assert link.recv(10) == b""
    broken = FakeListener(FakeFollower(files))
    broken.follower.fault = RuntimeError("another")  # type: ignore[union-attr]
    assert read(joined(hub, broken), 100) == b"hello."
    asking = joined(hub, FakeListener(FakeFollower(files)))
    asking.sendall(b"?")
    data = read(asking, 10_000)
    assert data.startswith(b"hello.HTTP/1.1 200 OK\r\n") and data.endswith(b"Connection: close\r\n\r\nanswer")


def test_an_index_that_does_not_answer(hub: Hub, files: FakeFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listeners wait, and hear of the change afterwards."""
    listener = FakeListener(FakeFollower(files))
    link = joined(hub, listener)
    read(link, 6)
    listener.follower.fault = Unavailable()  # type: ignore[union-attr]
    files.change()
    time.sleep(0.5)
    listener.follower.fault = None  # type: ignore[union-attr]
    assert read(link, 4) == b"new."


def test_slow_readers(hub: Hub, files: FakeFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not read gets one message at most into the buffer, and is dropped in the end; others go on."""
    monkeypatch.setattr(seat_module, "_STUCK", 1.5)
    slow, quick = FakeListener(FakeFollower(files, size=60_000)), FakeListener(FakeFollower(files))
    lagging, link = joined(hub, slow), joined(hub, quick)
    read(link, 6)
    for _ in range(6):
        files.change()
        assert read(link, 4) == b"new."
    assert slow.follower.looks <= 4  # type: ignore[union-attr]
    until = time.monotonic() + 5
    while time.monotonic() < until and hub._seats.keys() != {hub_socket(hub, quick)}:
        time.sleep(0.05)
    assert hub._seats.keys() == {hub_socket(hub, quick)}
    lagging.close()


def hub_socket(hub: Hub, listener: Listener) -> int:
    """The descriptor of a listener's connection."""
    return next(number for number, seat in hub._seats.items() if seat.listener is listener)


def test_too_much_at_once(hub: Hub, files: FakeFiles) -> None:
    """A message beyond all bounds is never kept for anybody."""
    listener = FakeListener(FakeFollower(files, size=500_000))
    link = joined(hub, listener)
    read(link, 6)
    files.change()
    assert len(read(link, 3_000_000)) < 2_000_000


def test_one_long_message(hub: Hub, files: FakeFiles) -> None:
    """A page of changes at very long addresses arrives: whoever was dropped for it would be told the same again."""
    listener = FakeListener(FakeFollower(files, size=100 * 16 * 1024 // len(b"new.")))
    link = joined(hub, listener)
    read(link, 6)
    files.change()
    assert len(read(link, 100 * 16 * 1024)) == 100 * 16 * 1024


def test_farewell(files: FakeFiles) -> None:
    """At the end everybody hears so, within a second, whether they read or not; nobody comes in any more."""
    hub = Hub(files)  # type: ignore[arg-type]
    links = [joined(hub, FakeListener(FakeFollower(files))) for _ in range(5)]
    assert [read(link, 6) for link in links] == [b"hello."] * 5
    late = hub.admit(FakeListener(FakeFollower(files)))
    began = time.monotonic()
    hub.close()
    assert time.monotonic() - began < 2.5
    assert [read(link, 100) for link in links] == [b"end NoneType."] * 5
    ours, theirs = socket.socketpair()
    late.take(theirs, b"")
    assert ours.recv(1) == b""
    assert not [each for each in threading.enumerate() if each.name == "davshare-hub" and each.is_alive()]
