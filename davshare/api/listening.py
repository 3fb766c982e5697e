"""Listeners of the door: somebody who waits for one answer, a stream of events, and a WebSocket with the same."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from davshare.api import problem
from davshare.api.schema import MANY, Says, plain
from davshare.errors import DavshareError, Expired, NotAuthenticated
from davshare.files.changes import Page, Told
from davshare.files.following import NOTHING, Follower, Listener, Out
from davshare.http.responses import Response
from davshare.http.websocket import GOING_AWAY, POLICY, WebSocket

#: The type of a stream of server-sent events, and its headers; proxies are asked not to collect it.
STREAM = "text/event-stream"
HEADERS = [
    ("Content-Type", STREAM),
    ("Cache-Control", "no-store"),
    ("X-Accel-Buffering", "no"),
    ("X-Content-Type-Options", "nosniff"),
]
_JSON = [
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
]
#: Milliseconds after which a browser connects again.
_RETRY = 2000
#: Bytes that may come from somebody who has nothing to say.
_CHATTER = 64 * 1024


@dataclass(frozen=True, slots=True)
class Change:
    """One change, as it is now."""

    kind: Annotated[
        Literal["created", "modified", "moved", "removed"],
        Says("What happened: it came (or came into sight), has another content, came from elsewhere, or is gone."),
    ]
    space: Annotated[str, Says("The tree that it is in: home, spaces/NAME or users/NAME.", 0, 1000)]
    path: Annotated[str, Says("Where it is or was, as a path below /dav/.", 0, 100_000)]
    id: Annotated[int | None, Says("What stays the same when it moves; null for a tree that ended.")]
    folder: Annotated[bool, Says("Whether it is a folder.")]
    etag: Annotated[str | None, Says("Its ETag; null where it is gone, or may only be walked through.", 0, 200)]
    size: Annotated[int | None, Says("Its bytes, for a folder those of all files in it; null where there is no ETag.")]
    reason: Annotated[
        Literal["moved", "gone"] | None, Says("Why it was removed: it is elsewhere in what is followed now, or gone.")
    ]


@dataclass(frozen=True, slots=True)
class ChangeList:
    """Changes since a token."""

    token: Annotated[str, Says("The token from which to go on.", 0, 10**6)]
    more: Annotated[bool, Says("Whether there are more already.")]
    changes: Annotated[list[Change], Says("In an order in which they can be carried out.", 0, MANY)]
    anew: Annotated[bool, Says("Changes before this may be missing: begin anew (webhooks only).")] = False


def changes_told(page: Page, anew: bool = False) -> ChangeList:
    """A page as the door tells it; ``anew``: something may be missing before it."""
    return ChangeList(page.token, page.more, [_told(each) for each in page.changes], anew)


def _told(told: Told) -> Change:
    return Change(told.kind, told.space, told.path, told.id, told.folder, told.etag, told.size, told.reason)


def as_json(value: Any) -> str:
    """A model as one line of JSON."""
    return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))


class LongPoll(Listener):
    """Waits for one answer."""

    def __init__(self, follower: Follower, until: float) -> None:
        self.follower: Follower = follower
        self.until = until
        # The follower's own may be ahead already of what can still be told.
        self._token = follower.token

    def begin(self) -> Out:
        """Nothing: the answer comes later."""
        return NOTHING

    def told(self, page: Page, anew: bool = False) -> Out:
        """The answer."""
        if anew:
            return self.ended(Expired())
        return Out(over=True, answer=Response(200, list(_JSON), as_json(changes_told(page)).encode()))

    def ended(self, error: DavshareError | None) -> Out:
        """A refusal, or the news that there are none."""
        if error is None:
            return self.told(Page([], self._token, False, {}))
        return Out(over=True, answer=problem.response(error, "GET"))


class EventStream(Listener):
    """Server-sent events (WHATWG HTML section 9.2)."""

    def __init__(self, follower: Follower) -> None:
        self.follower: Follower = follower
        self._chatter = 0

    def begin(self) -> Out:
        """The token of the beginning, so that nothing after it can be missed."""
        return Out(
            f"retry: {_RETRY}\n\n".encode() + _event("ready", self.follower.token, {"token": self.follower.token})
        )

    def told(self, page: Page, anew: bool = False) -> Out:
        """One event."""
        if anew:
            return Out(_event("begin-anew", page.token, {"token": page.token}))
        return Out(_event("changes", page.token, changes_told(page)))

    def ended(self, error: DavshareError | None) -> Out:
        """Just the end: whoever connects again is told why."""
        return Out(over=True)

    def received(self, data: bytes) -> Out:
        """There is nothing to be said here."""
        self._chatter += len(data)
        return Out(over=self._chatter > _CHATTER)

    def ping(self) -> bytes:
        """A comment."""
        return b":\n\n"


def _event(kind: str, token: str, value: Any) -> bytes:
    return f"event: {kind}\nid: {token}\ndata: {as_json(value)}\n\n".encode()


class EventSocket(Listener):
    """The same events as JSON texts in a WebSocket."""

    answers_pings = True

    def __init__(self, follower: Follower) -> None:
        self.follower: Follower = follower
        self._socket = WebSocket()

    def begin(self) -> Out:
        """The token of the beginning."""
        return self._say("ready", {"token": self.follower.token})

    def told(self, page: Page, anew: bool = False) -> Out:
        """One message."""
        if anew:
            return self._say("begin-anew", {"token": page.token})
        return self._say("changes", plain(changes_told(page)))

    def ended(self, error: DavshareError | None) -> Out:
        """A close frame."""
        code = GOING_AWAY if error is None else POLICY
        reason = "" if error is None else "credentials" if isinstance(error, NotAuthenticated) else "address"
        return Out(self._socket.close(code, reason), over=True)

    def received(self, data: bytes) -> Out:
        """Whatever they say means nothing but that they are there."""
        _, reply, over = self._socket.received(data)
        return Out(reply, over)

    def ping(self) -> bytes:
        """A ping."""
        return self._socket.ping()

    def _say(self, kind: str, value: dict[str, Any]) -> Out:
        return Out(self._socket.text(as_json({"event": kind, **value})))
