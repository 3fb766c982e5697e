"""Who did what: for everybody what was changed in what they see, also as an Atom feed; for administrators all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from lxml import etree

from davshare.api import who
from davshare.api.call import Call, Route
from davshare.api.pages import MOST
from davshare.api.schema import Says
from davshare.errors import NotFound
from davshare.files import activity as service
from davshare.files import audit
from davshare.files.activity import Deed
from davshare.http.responses import Response

_ATOM = "http://www.w3.org/2005/Atom"
_CURSOR = Says("From the page before; empty: from now.", 0, 1300)
_NEXT = Says("The cursor of the next page, which may have fewer entries, or none; null on the last.")


@dataclass(frozen=True)
class Asked:
    """Which changes."""

    own: Annotated[bool, Says("Also those by the caller.")] = False
    user: Annotated[str, Says("Only those by this user.", 0, 200)] = ""
    space: Annotated[str, Says("Only those in this project space.", 0, 200)] = ""
    path: Annotated[
        str, Says("Only those at or below a path below /dav/, or below the root of the space.", 0, 1300)
    ] = ""
    cursor: Annotated[str, _CURSOR] = ""
    limit: Annotated[int, Says("Most entries of the answer.", 1, MOST)] = 50


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who has done something."""

    name: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Activity:
    """One change."""

    kind: Annotated[str, Says("created, changed, moved, deleted or properties.")]
    path: Annotated[str, Says("Where the thing is now, or was when it was deleted.")]
    old_path: Annotated[str | None, Says("Where it was before it was moved, if the caller may see that place.")]
    node: Annotated[int, Says("The id of the thing.")]
    space: Annotated[str, Says("The name of the project space, or of whose home it is in.")]
    seq: Annotated[int, Says("The number of the change there.")]
    user: Annotated[Who | None, Says("Who did it; null by a link, on disk, and for accounts that are gone.")]
    link: Annotated[bool, Says("Whether somebody did it who came by a public link.")]
    at: datetime


@dataclass(frozen=True, slots=True)
class ActivityList:
    """A page of changes, the newest first."""

    items: list[Activity]
    next: Annotated[str | None, _NEXT]


@dataclass(frozen=True)
class AuditAsked:
    """Which records."""

    user: Annotated[str, Says("Only those by or about this user.", 0, 200)] = ""
    space: Annotated[str, Says("Only those in this project space, or in the home of this user.", 0, 200)] = ""
    path: Annotated[
        str, Says("Only those about spaces/NAME/… or users/NAME/…, and changes of files below.", 0, 1300)
    ] = ""
    since: Annotated[datetime | None, Says("Only those from then on.")] = None
    cursor: Annotated[str, _CURSOR] = ""
    limit: Annotated[int, Says("Most entries of the answer.", 1, MOST)] = 100


@dataclass(frozen=True, slots=True)
class Fact:
    """What else is known of a record."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Record:
    """Something that was done."""

    at: datetime
    kind: Annotated[str, Says("Such as share.create, user.disable or file.moved.")]
    actor: Annotated[str, Says("Who did it; empty: the server, somebody at its console, or on disk.")]
    address: Annotated[str, Says("From where; of a change of a file: where its device was seen last.")]
    agent: Annotated[str, Says("With which program; likewise.")]
    device: Annotated[str, Says("What the app token is called by which it was done.")]
    space: Annotated[str, Says("spaces/NAME or users/NAME.")]
    path: Annotated[str, Says("Where the thing is now, below that.")]
    whom: Annotated[str, Says("To whom it was done: user:NAME or group:NAME.")]
    detail: list[Fact]


@dataclass(frozen=True, slots=True)
class Records:
    """A page of records, the newest first."""

    items: list[Record]
    next: Annotated[str | None, _NEXT]


class Atom:
    """A feed; what is in it is said by its own standard."""

    def schema(self) -> dict[str, Any]:
        """A text."""
        return {"type": "string"}

    def read(self, value: Any) -> Any:
        """Nobody sends one."""
        return value


def _feed(call: Call) -> service.Feed:
    asked: Asked = call.query
    wanted = service.Wanted(asked.own, asked.user, asked.space, asked.path)
    return service.feed(call.files, call.actor, wanted, asked.cursor, asked.limit)


def _told(deed: Deed) -> Activity:
    entry, user = deed.entry, None if deed.user is None else Who(deed.user.name, deed.user.display_name)
    at = datetime.fromtimestamp(entry.at, UTC)
    space = deed.place.space.name
    return Activity(deed.kind, deed.path, deed.old_path, entry.node, space, entry.seq, user, deed.link, at)


def get(call: Call) -> ActivityList:
    """What was changed."""
    found = _feed(call)
    return ActivityList([_told(each) for each in found.deeds], found.cursor or None)


def atom(call: Call) -> Response:
    """The same for feed readers (RFC 4287)."""
    found = _feed(call)
    names: dict[Any, str] = {None: _ATOM}
    root = etree.Element(f"{{{_ATOM}}}feed", nsmap=names)
    newest = max((each.entry.at for each in found.deeds), default=0)
    _add(root, "id", f"{call.site}/api/v1/activity.atom#{call.actor.user}")
    _add(root, "title", "davshare")
    _add(root, "updated", _moment(newest))
    etree.SubElement(root, f"{{{_ATOM}}}link", rel="self", href=f"{call.site}/api/v1/activity.atom")
    for deed in found.deeds:
        item = etree.SubElement(root, f"{{{_ATOM}}}entry")
        _add(item, "id", f"urn:davshare:{call.files.epoch}:{deed.entry.space}:{deed.entry.seq}")
        _add(item, "title", _sentence(deed))
        _add(item, "updated", _moment(deed.entry.at))
        author = etree.SubElement(item, f"{{{_ATOM}}}author")
        _add(author, "name", _author(deed))
        etree.SubElement(item, f"{{{_ATOM}}}link", rel="alternate", href=f"{call.site}{deed.path}")
    body = etree.tostring(root, xml_declaration=True, encoding="utf-8")
    headers = [
        ("Content-Type", "application/atom+xml"),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    return Response(200, headers, body)


def _add(parent: etree._Element, name: str, text: str) -> None:
    # XML has no form for control characters, which names of files may hold.
    plain = "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
    etree.SubElement(parent, f"{{{_ATOM}}}{name}").text = plain


def _author(deed: Deed) -> str:
    if deed.link:
        return "somebody with a link"
    return "somebody" if deed.user is None else deed.user.display_name or deed.user.name


def _sentence(deed: Deed) -> str:
    name = deed.entry.old_name if deed.kind == "deleted" else deed.place.name
    did = "changed properties of" if deed.kind == "properties" else deed.kind
    return f"{_author(deed)} {did} {name}"


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_audit(call: Call) -> Records:
    """Who did what from where."""
    asked: AuditAsked = call.query
    since = None if asked.since is None else int(asked.since.timestamp())
    found = audit.read(call.files, audit.Wanted(asked.user, asked.space, asked.path, since), asked.cursor, asked.limit)
    items = [
        Record(
            datetime.fromtimestamp(each.at, UTC),
            *each[1:9],
            [Fact(name, _value(value)) for name, value in sorted(each.detail.items())],
        )
        for each in found.records
    ]
    return Records(items, found.cursor or None)


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


ROUTES = (
    Route("GET", "/activity", "What was changed in what the caller can see, the newest first.",
          who.SIGNED_IN, get, ActivityList, query=Asked, errors=(NotFound,), partial=True),
    Route("GET", "/activity.atom", "The same as a feed (RFC 4287), with an app token as the password.",
          who.SIGNED_IN, atom, Atom(), query=Asked, errors=(NotFound,), partial=True, media="application/atom+xml"),
    Route("GET", "/audit", "Who shared what with whom, and the like; with user, space or path also changes of files.",
          who.ADMIN, read_audit, Records, query=AuditAsked, errors=(NotFound,)),
)  # fmt: skip
