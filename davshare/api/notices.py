"""What the caller is told, and how they want to be told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from davshare.api import who
from davshare.api.call import Call, Route
from davshare.api.pages import Next, Paging, page
from davshare.api.schema import Says
from davshare.errors import NotFound, Unprocessable
from davshare.notices import notices
from davshare.notices.kinds import NAMES

_KINDS = Says(f"Some of {', '.join(NAMES)}.", 0, len(NAMES))


@dataclass(frozen=True, slots=True)
class About:
    """Ids and names that a notification tells; null or left out where it is not about such a thing."""

    share: Annotated[int | None, Says("The id of a share.")] = None
    user: Annotated[str | None, Says("The name of who has shared.")] = None
    group: Annotated[str | None, Says("The group that it was shared with.")] = None
    receiver: Annotated[str | None, Says("With whom the caller shares it.")] = None
    label: Annotated[str | None, Says("What a link is called.")] = None
    space: Annotated[str | None, Says("The name of a project space.")] = None
    percent: Annotated[int | None, Says("How much of a quota is used.")] = None
    expires: Annotated[datetime | None, Says("When a share or link ends.")] = None


@dataclass(frozen=True, slots=True)
class Notification:
    """Something that the caller is told."""

    id: Annotated[int, Says("What it is changed and removed by.", 1)]
    kind: Annotated[str, Says(f"One of {', '.join(NAMES)}.")]
    text: Annotated[str, Says("All of it in a sentence.")]
    path: Annotated[str | None, Says("Where that is; null if the caller may not see it, or there is no such thing.")]
    node: Annotated[int | None, Says("The id of what is there.")]
    about: About
    at: datetime
    read: bool


@dataclass(frozen=True, slots=True)
class NotificationList:
    """A page of notifications, the newest first."""

    items: list[Notification]
    next: Next


@dataclass(frozen=True)
class Wanted(Paging):
    """Which notifications."""

    unread: Annotated[bool, Says("Only those that were not read.")] = False


@dataclass(frozen=True, slots=True)
class Read:
    """Whether a notification was read."""

    read: bool = True


@dataclass(frozen=True, slots=True)
class Preferences:
    """How the caller wants to be told."""

    mail: Annotated[list[str], Says(f"What goes by mail, too. {_KINDS.doc}", 0, len(NAMES))]


@dataclass(frozen=True, slots=True)
class NewPreferences:
    """Other wishes of the caller's."""

    mail: Annotated[list[str] | None, Says(f"{_KINDS.doc} null: what the site says.", 0, len(NAMES))]


def _told(notice: notices.Notice) -> Notification:
    said = notice.subject
    expires = said.get("expires")
    about = About(
        said.get("share"),
        said.get("user"),
        said.get("group"),
        said.get("with"),
        said.get("label"),
        said.get("space"),
        said.get("percent"),
        None if expires is None else datetime.fromtimestamp(expires, UTC),
    )
    at = datetime.fromtimestamp(notice.at, UTC)
    return Notification(notice.id, notice.kind, notice.text, notice.path, notice.node, about, at, notice.read)


def list_(call: Call) -> NotificationList:
    """The caller's notifications."""
    wanted: Wanted = call.query
    found, after = page(
        wanted, lambda offset, limit: notices.listed(call.files, call.actor, wanted.unread, offset, limit)
    )
    return NotificationList([_told(each) for each in found], after)


def change(call: Call) -> Notification:
    """Note that one of the caller's notifications was read, or not."""
    number = _number(call)
    notices.mark(call.files, call.actor, number, call.body.read)
    return _told(notices.get(call.files, call.actor, number))


def change_all(call: Call) -> None:
    """Note that all were read, or not."""
    notices.mark(call.files, call.actor, None, call.body.read)


def remove(call: Call) -> None:
    """Remove one."""
    notices.remove(call.files, call.actor, _number(call))


def remove_all(call: Call) -> None:
    """Remove all."""
    notices.remove(call.files, call.actor, None)


def preferences(call: Call) -> Preferences:
    """The caller's wishes."""
    return Preferences(notices.wanted_by_mail(call.files, call.actor))


def prefer(call: Call) -> Preferences:
    """Other wishes.

    :raises Unprocessable: there is no such kind.
    """
    if call.body.mail is not None and not set(call.body.mail) <= set(NAMES):
        raise Unprocessable("mail", f"mail: expected some of {', '.join(NAMES)}.")
    notices.want_by_mail(call.files, call.actor, call.body.mail)
    call.files.generation()
    return preferences(call)


def _number(call: Call) -> int:
    number = call.path["notification"]
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise NotFound("There is no such notification.")
    return int(number)


ROUTES = (
    Route("GET", "/me/notifications", "What the caller is told, the newest first; at most 500 are kept.",
          who.SIGNED_IN, list_, NotificationList, query=Wanted),
    Route("DELETE", "/me/notifications", "Remove all of the caller's notifications.", who.SIGNED_IN, remove_all),
    Route("PATCH", "/me/notifications", "Note that all of the caller's notifications were read, or were not.",
          who.SIGNED_IN, change_all, takes=Read),
    Route("PATCH", "/me/notifications/{notification}", "Note that a notification was read, or was not.",
          who.SIGNED_IN, change, Notification, Read),
    Route("DELETE", "/me/notifications/{notification}", "Remove a notification.", who.SIGNED_IN, remove),
    Route("GET", "/me/preferences", "How the caller wants to be told.", who.SIGNED_IN, preferences, Preferences),
    Route("PATCH", "/me/preferences", "Change how the caller wants to be told.",
          who.SIGNED_IN, prefer, Preferences, NewPreferences),
)  # fmt: skip
