"""What listeners say, and when webhooks are tried again, without any network."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from davshare.api.listening import EventStream, LongPoll
from davshare.clients.push import Proof, Push
from davshare.errors import Expired, NotAuthenticated, NotFound
from davshare.files.changes import Page, Told
from davshare.http.websocket import LONGEST
from davshare.identity import webhooks
from davshare.index.webhooks import Webhook
from davshare.server import deliverer
from support.frames import TEXT, frame

PAGE = Page([Told("created", "home", "home/x", 7, False, '"e"', 3)], "t2", False, {})
#: From the specification's examples (www.standardwebhooks.com, libraries' test vectors).
SECRET, MESSAGE, MOMENT = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330


def follower(token: str = "t1") -> Any:
    """Somebody who has been told everything up to a token."""
    return SimpleNamespace(token=token, actor=SimpleNamespace(user=5, generation=1))


def test_a_poll_never_skips_what_it_has_not_told() -> None:
    """A look under way may have gone on when the time is over: the answer is the token that was sent."""
    who = follower("t1")
    poll = LongPoll(who, time.monotonic() + 1)
    who.token = "t2"
    out = poll.ended(None)
    assert out.over and b'"token":"t1"' in out.answer.body and b'"changes":[]' in out.answer.body
    assert poll.told(PAGE).answer.status == 200
    assert poll.told(PAGE, anew=True).answer.status == 410
    assert [poll.ended(error()).answer.status for error in (NotAuthenticated, NotFound, Expired)] == [401, 404, 410]


def test_events() -> None:
    """Each is a block of lines, and has its token as id."""
    stream = EventStream(follower("t1"))
    assert stream.begin().data == b'retry: 2000\n\nevent: ready\nid: t1\ndata: {"token":"t1"}\n\n'
    lines = stream.told(PAGE).data.decode().split("\n")
    assert lines[:2] == ["event: changes", "id: t2"] and lines[3:] == ["", ""] and '"path":"home/x"' in lines[2]
    assert stream.told(PAGE, anew=True).data.startswith(b"event: begin-anew\nid: t2\n")
    assert stream.ended(None).over and not stream.received(b"x").over and stream.ping() == b":\n\n"


def said(data: bytes) -> list[str]:
    """The texts in short unmasked frames."""
    found = []
    while data:
        size = data[1]
        if data[0] == 0x81:
            found.append(data[2 : 2 + size].decode())
        data = data[2 + size :]
    return found


def test_signing_in_to_push() -> None:
    """Name, password, the answer of whoever proves it; wishes count before that, too."""
    asked: list[tuple[str, str]] = []

    def prove(name: str, password: str) -> Proof:
        asked.append((name, password))
        return Proof(follower().actor, 99.0, lambda generation: follower().actor)

    push = Push(prove, lambda actor: follower())
    assert push.received(frame(TEXT, b"alice")).work is None
    out = push.received(frame(TEXT, b"secret") + frame(TEXT, b"listen notify_file_id"))
    assert out.work is not None and asked == [] and push.follower is None
    out.work()
    assert push.follower is None
    assert said(push.worked().data) == ["authenticated"] and asked == [("alice", "secret")]
    assert push.follower is not None and push.expires == 99.0 and push.until == float("inf")
    assert said(push.told(PAGE).data) == ["notify_file_id [7]"]
    assert said(push.told(PAGE, anew=True).data) == ["notify_file"]
    assert push.received(frame(TEXT, b"again")).work is None
    ended = push.ended(NotAuthenticated())
    assert ended.over and said(ended.data) == ["err: Invalid credentials"]


def test_failing_to_sign_in_to_push() -> None:
    """Whatever is in the way, the words are the same."""

    def prove(name: str, password: str) -> Proof:
        raise NotAuthenticated

    push = Push(prove, lambda actor: follower())
    out = push.received(frame(TEXT, b"alice") + frame(TEXT, b"wrong"))
    assert out.work is not None
    out.work()
    answer = push.worked()
    assert answer.over and said(answer.data) == ["err: Invalid credentials"] and push.follower is None
    late = Push(prove, lambda actor: follower())
    assert said(late.ended(None).data) == ["err: Authentication timeout"]
    assert Push(prove, lambda actor: follower()).received(frame(TEXT, b"x" * (LONGEST + 1))).over


def hook(**other: Any) -> Webhook:
    """A webhook."""
    return Webhook(1, 5, "https://example.org/", b"", "", "t1", 0, 0, "", False, 0)._replace(**other)


def test_pauses_between_attempts() -> None:
    """A second, doubled up to an hour; about a week of that is enough."""
    present, waited, number = hook(), 0.0, 0
    pauses = []
    while not present.paused:
        before = int(time.time())
        present = deliverer._failed(present, deliverer._Met(False, "500"))
        pauses.append(present.next - before)
        waited += pauses[-1]
        number += 1
    assert pauses[:5] == pytest.approx([1, 2, 4, 8, 16], abs=1) and max(pauses) <= 3601
    assert 6 * 86400 < waited < 8 * 86400 and present.attempts == number
    assert deliverer._failed(hook(), deliverer._Met(False, "410", True)).paused


def test_signatures() -> None:
    """The test vector of the libraries of standardwebhooks.com."""
    import base64

    headers = webhooks.signed(base64.b64decode(SECRET), MESSAGE, MOMENT, b'{"test": 2432232314}')
    assert headers == {
        "Webhook-Id": MESSAGE,
        "Webhook-Timestamp": str(MOMENT),
        "Webhook-Signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    first = webhooks.message_id(hook(), "t2", b"x")
    assert first == webhooks.message_id(hook(), "t2", b"x") != webhooks.message_id(hook(), "t2", b"y")


def test_sealed_secrets() -> None:
    """Only for whom, and for what, they were sealed, and with the same key."""
    from davshare.model.sealing import seal, unseal

    kept = seal(b"k" * 32, "webhook", 5, b"secret")
    assert b"secret" not in kept and unseal(b"k" * 32, "webhook", 5, kept) == b"secret"
    for key, purpose, owner in ((b"x" * 32, "webhook", 5), (b"k" * 32, "other", 5), (b"k" * 32, "webhook", 6)):
        assert unseal(key, purpose, owner, kept) is None
    assert unseal(b"k" * 32, "webhook", 5, b"short") is None
