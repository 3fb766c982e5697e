"""The devices of a person: where each was seen last and how far it has read; ending them, and wiping them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote

from davshare.api import who
from davshare.api.call import Call, Route
from davshare.api.moments import moment
from davshare.api.pages import Next, Paging, page
from davshare.api.schema import Says
from davshare.errors import Conflict, NotFound
from davshare.identity import apptokens, devices


@dataclass(frozen=True, slots=True)
class Seen:
    """When and where a device was seen last, to the minute."""

    at: datetime
    agent: Annotated[str, Says("What the program calls itself.")]
    address: Annotated[str, Says("From where it came.")]


@dataclass(frozen=True, slots=True)
class Position:
    """How far a device has read the journal of a home or space."""

    kind: Annotated[str, Says("home or space.")]
    name: Annotated[str, Says("Its name; that of a home is its owner's.")]
    seq: Annotated[int, Says("The last entry that the device was told of.", 0)]
    last: Annotated[int, Says("The last entry that changed something.", 0)]
    behind: Annotated[bool, Says("Whether the device has not been told of that.")]
    at: datetime


@dataclass(frozen=True, slots=True)
class Device:
    """A program with an app token."""

    id: Annotated[int, Says("The id of the app token.", 1)]
    label: Annotated[str, Says("What it is called.")]
    scopes: Annotated[list[str], Says("What it can reach at most, as for app tokens.")]
    created: datetime
    expires: Annotated[datetime | None, Says("When it ends; null for never.")]
    expired: Annotated[bool, Says("Whether it has ended.")]
    current: Annotated[bool, Says("Whether it is the one that asks.")]
    seen: Annotated[Seen | None, Says("null until it has been used.")]
    positions: list[Position]


@dataclass(frozen=True, slots=True)
class DeviceList:
    """A page of devices, oldest first."""

    items: list[Device]
    next: Next


@dataclass(frozen=True, slots=True)
class Wipe:
    """A device that is to forget everything; its app token has ended."""

    label: Annotated[str, Says("What the device was called.")]
    asked: datetime
    done: Annotated[datetime | None, Says("When it has forgotten everything; null: not yet.")]


@dataclass(frozen=True, slots=True)
class WipeList:
    """Wiped devices, newest first."""

    items: list[Wipe]


@dataclass(frozen=True, slots=True)
class OneTime:
    """A sign-in for one device, once, within five minutes."""

    url: Annotated[str, Says("For the device to open, or to read as a QR code; nobody can see it again.")]
    expires: datetime


def _told(call: Call, found: Sequence[devices.Device]) -> list[Device]:
    now = datetime.now(UTC)
    told = []
    for each in found:
        token, seen = each.token, each.seen
        expires = moment(token.expires)
        told.append(
            Device(
                token.id,
                token.label,
                token.scope.split(",") if token.scope else ["write"],
                datetime.fromtimestamp(token.created, UTC),
                expires,
                expires is not None and expires <= now,
                token.id == call.actor.device,
                None if seen is None else Seen(datetime.fromtimestamp(seen.at, UTC), seen.agent, seen.peer),
                [
                    Position(at.kind, at.name, at.seq, at.last, at.seq < at.last, datetime.fromtimestamp(at.at, UTC))
                    for at in each.positions
                ],
            )
        )
    return told


def list_own(call: Call) -> DeviceList:
    """The caller's devices."""
    found, after = page(call.query, lambda offset, limit: devices.own(call.files.db, call.actor, offset, limit))
    return DeviceList(_told(call, found), after)


def list_of(call: Call) -> DeviceList:
    """A user's devices."""
    name = call.path["user"]
    found, after = page(call.query, lambda offset, limit: devices.listed(call.files.db, name, offset, limit))
    return DeviceList(_told(call, found), after)


def one_time(call: Call) -> OneTime:
    """A sign-in for one device."""
    token, secret = apptokens.one_time(call.files.db, call.actor)
    name = quote(call.actor.name, safe="")
    expires = moment(token.expires)
    assert expires is not None
    return OneTime(f"nc://onetime-login/user:{name}&password:{secret}&server:{call.site}", expires)


def drop_own(call: Call) -> None:
    """End one of the caller's devices."""
    apptokens.revoke_own(call.files.db, call.actor, _number(call))


def drop(call: Call) -> None:
    """End a device."""
    devices.revoke(call.files.db, call.path["user"], _number(call))


def wipe_own(call: Call) -> None:
    """Wipe one of the caller's devices."""
    devices.wipe_own(call.files.db, call.actor, _number(call))


def wipe(call: Call) -> None:
    """Wipe a device."""
    devices.wipe(call.files.db, call.path["user"], _number(call))


def _wiped(call: Call, name: str) -> WipeList:
    found = devices.wipes(call.files.db, name)
    return WipeList([Wipe(each.label, datetime.fromtimestamp(each.asked, UTC), moment(each.done)) for _, each in found])


def wiped_own(call: Call) -> WipeList:
    """The caller's wiped devices."""
    return _wiped(call, call.actor.name)


def wiped(call: Call) -> WipeList:
    """A user's wiped devices."""
    return _wiped(call, call.path["user"])


def _number(call: Call) -> int:
    number = call.path["device"]
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise NotFound
    return int(number)


_MINE, _THEIRS = "/me/devices", "/users/{user}/devices"
ROUTES = (
    Route("GET", _MINE, "The caller's devices; an app token sees only itself.", who.SIGNED_IN, list_own, DeviceList,
          query=Paging),
    Route("POST", "/me/one-time-password", "Make an address with which an app signs in, once.", who.SIGNED_IN, one_time,
          OneTime, errors=(Conflict,), status=201),
    Route("GET", "/me/wipes", "The caller's wiped devices.", who.SIGNED_IN, wiped_own, WipeList),
    Route("DELETE", _MINE + "/{device}", "End one of the caller's devices.", who.SIGNED_IN, drop_own),
    Route("POST", _MINE + "/{device}/wipe", "End one of the caller's devices, and have it forget everything.",
          who.SIGNED_IN, wipe_own, errors=(Conflict,)),
    Route("GET", _THEIRS, "A user's devices.", who.ADMIN, list_of, DeviceList, query=Paging),
    Route("GET", "/users/{user}/wipes", "A user's wiped devices.", who.ADMIN, wiped, WipeList),
    Route("DELETE", _THEIRS + "/{device}", "End one of a user's devices.", who.ADMIN, drop),
    Route("POST", _THEIRS + "/{device}/wipe", "End one of a user's devices, and have it forget everything.", who.ADMIN,
          wipe, errors=(Conflict,)),
)  # fmt: skip
