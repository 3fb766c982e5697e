"""A readable page for a folder."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

from jinja2 import Environment, PackageLoader

from davshare.files import listing, view
from davshare.files.context import Connection
from davshare.files.locate import Place
from davshare.files.service import Files
from davshare.files.view import Virtual
from davshare.http.responses import Response
from davshare.model import names
from davshare.model.access import Permission
from davshare.model.people import Actor

#: Nothing but our own style sheet runs on these pages.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action 'self'; frame-ancestors 'none'"
_UNITS = ("bytes", "KB", "MB", "GB", "TB", "PB")


class Row(NamedTuple):
    """One line of a listing."""

    name: str
    href: str
    folder: bool
    size: str
    modified: str


class Crumb(NamedTuple):
    """One step of the way from the top."""

    name: str
    href: str


@cache
def environment() -> Environment:
    """The templates of all pages."""
    return Environment(loader=PackageLoader("davshare.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True)


def page(files: Files, connection: Connection, actor: Actor, target: view.Target, head: bool) -> Response:
    """The listing of a folder or a virtual collection."""
    title = target.segments[-1] if target.segments else "/"
    rows = _virtual(connection, actor, target) if isinstance(target, Virtual) else _members(connection, target)
    stream = (
        environment()
        .get_template("browse.html")
        .generate(
            title=title,
            crumbs=_crumbs(target.segments),
            rows=rows,
            user=actor.display_name or actor.name,
            download=not isinstance(target, Virtual),
        )
    )
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "private, no-cache"),
        ("Vary", "Accept"),
    ]
    if not isinstance(target, Virtual) and target.node is not None:
        headers.append(("ETag", files.etag_of(target)[:-1] + ':1"'))
    body = b"" if head else "".join(stream).encode()
    return Response(200, headers, body)


def _members(connection: Connection, place: Place) -> Iterator[Row]:
    base = place.href
    for node in listing.members(connection, place, place.found()):
        href = base + names.quoted(node.name) + ("/" if node.is_folder else "")
        # Of folders that only lead to something, size and time would tell what else is in them.
        told = place.sight is None or place.sight.reads(node)
        size, time = (readable_size(node.size), _time(node.mtime_ns)) if told else ("", "")
        yield Row(node.name, href, node.is_folder, size, time)
    for each in () if place.mounts is None else place.mounts.in_folder(place.found().id):
        node = each.shown
        href = base + names.quoted(node.name) + ("/" if node.is_folder else "")
        yield Row(node.name, href, node.is_folder, readable_size(node.size), _time(node.mtime_ns))


def _virtual(connection: Connection, actor: Actor, virtual: Virtual) -> Iterator[Row]:
    for member in view.members(connection, actor, virtual):
        size = ""
        if not isinstance(member, Virtual) and member.rights & Permission.READ:
            size = readable_size(member.chain[-1].size)
        yield Row(member.segments[-1], member.href, True, size, "")


def _crumbs(segments: tuple[str, ...]) -> list[Crumb]:
    return [Crumb(name, names.href(segments[: index + 1], True)) for index, name in enumerate(segments)]


def readable_size(size: int) -> str:
    """A number of bytes in the unit that a person would use."""
    amount = float(size)
    for unit in _UNITS:
        if amount < 1000 or unit == _UNITS[-1]:
            return f"{size} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return ""


def _time(nanoseconds: int) -> str:
    try:
        return datetime.fromtimestamp(nanoseconds / 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, OSError, ValueError):
        return ""
