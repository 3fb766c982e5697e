"""What has changed: once, by waiting for it, or as a stream; the tokens are those of sync-collection (RFC 6578)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any

from davshare.api import listening, who
from davshare.api.call import Call, Route
from davshare.api.listening import EventSocket, EventStream, LongPoll, changes_told
from davshare.api.schema import Says
from davshare.errors import Expired, Forbidden, NotFound, Unavailable, Unprocessable
from davshare.files import changes, placing
from davshare.files.changes import Page
from davshare.files.following import MOST, Follower
from davshare.http import websocket
from davshare.http.responses import Response

#: The longest wait for a change, in seconds.
LONGEST = 60


@dataclass(frozen=True, slots=True)
class Followed:
    """Whose changes."""

    token: Annotated[
        str, Says("The sync token up to which everything is known; without one: from now on.", 0, 100_000)
    ] = ""
    address: Annotated[
        str, Says("A folder, as a path below /dav/, such as home/Photos; without one: all that can be seen.", 0, 8000)
    ] = ""
    space: Annotated[str, Says("The name of a project space instead of an address.", 0, 200)] = ""


@dataclass(frozen=True, slots=True)
class Asked(Followed):
    """Which changes, and how long to wait for one."""

    limit: Annotated[int, Says("Most changes of the answer.", 1, 500)] = MOST
    wait: Annotated[int, Says("Seconds to wait for a change when there is none yet.", 0, LONGEST)] = 0
    all: Annotated[bool, Says("Without a token: everything there is, in pages, instead of only the token of now.")] = (
        False
    )


class Stream:
    """Server-sent events; what is in them is said by their own standard."""

    def schema(self) -> dict[str, Any]:
        """A text."""
        return {"type": "string"}

    def read(self, value: Any) -> Any:
        """Nobody sends one."""
        return value


def get(call: Call) -> listening.ChangeList | Response:
    """What has changed since a token."""
    asked: Asked = call.query
    address = _address(asked)
    page = _page(call, address, asked)
    if asked.wait and asked.token and not page.changes and not page.more:
        poll = LongPoll(_follower(call, address, page.token), time.monotonic() + asked.wait)
        return Response(200, [], call.listen(poll, False))
    return changes_told(page)


def events(call: Call) -> Response:
    """A stream of what changes."""
    asked: Followed = call.query
    address = _address(asked)
    # Browsers repeat the address when they connect again, so what they have read last goes before its token; and
    # they would give up where a refusal told them to begin anew.
    last = call.headers.get("last-event-id", "")
    if asked.token and not last:
        _page(call, address, Asked(asked.token, limit=1))
    follower = _follower(call, address, last or asked.token)
    if websocket.is_asked(call.headers):
        websocket.demand(call.headers)
        return websocket.accepted(call.headers, call.listen(EventSocket(follower), True))
    return Response(200, list(listening.HEADERS), call.listen(EventStream(follower), True))


def _follower(call: Call, address: tuple[str, ...], token: str) -> Follower:
    follower = Follower(call.files, call.actor, address)
    follower.token = token or follower.token
    return follower


def _address(asked: Followed) -> tuple[str, ...]:
    """What is followed.

    :raises NotFound: it could never lead to files.
    """
    if asked.space and asked.address:
        raise Unprocessable("space", "space: expected either an address or a space.")
    if "/" in asked.space:
        raise NotFound
    return changes.address_of(f"spaces/{asked.space}" if asked.space else asked.address)


def _page(call: Call, address: tuple[str, ...], asked: Asked) -> Page:
    placing.settle(call.files, call.actor)
    with call.files.db.snapshot() as connection:
        if not asked.token and not asked.all:
            return changes.now(call.files, connection, call.actor, address)
        try:
            return changes.since(call.files, connection, call.actor, address, asked.token, asked.limit)
        except Forbidden as error:
            if error.condition != "valid-sync-token":
                raise
            raise Expired from None


ROUTES = (
    Route("GET", "/changes", "What has changed since a sync token; the same tokens as in sync-collection reports.",
          who.SIGNED_IN, get, listening.ChangeList, query=Asked, errors=(NotFound, Expired, Unavailable), partial=True),
    Route("GET", "/events", "A stream of changes: server-sent events (`changes`, with lists as `/changes` gives them;"
          " ids are sync tokens), or a WebSocket when asked to upgrade. `ready` tells the token at the beginning,"
          " `begin-anew` says that changes may be missing.",
          who.SIGNED_IN, events, Stream(), query=Followed,
          errors=(NotFound, Expired, Unavailable, websocket.UpgradeRequired), partial=True, media=listening.STREAM),
)  # fmt: skip
