"""The folder that a public link shows, a page at a time, and the one file."""

from __future__ import annotations

from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import quote

from markupsafe import Markup

from davshare.files import listing, reading, reconcile
from davshare.files.context import Address, Asker, Connection
from davshare.files.locate import Place
from davshare.files.service import Files
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.model import names
from davshare.model.access import Permission
from davshare.model.nodes import Node
from davshare.model.people import Actor
from davshare.web import linkpages, readme
from davshare.web.browse import Crumb, readable_size
from davshare.web.linkpages import Head

#: Members on one page.
PAGE = 200
_SECOND = 1_000_000_000


class Row(NamedTuple):
    """One member; ``href`` is empty where it cannot be opened."""

    name: str
    href: str
    folder: bool
    bytes: int | None
    size: str
    modified: str
    iso: str | None


class Shown(NamedTuple):
    """One page of a folder; ``after`` is the name with which the next one begins, empty on the last."""

    rows: list[Row]
    after: str


def shown(connection: Connection, place: Place, folder: Node, after: str, closed: bool) -> Shown:
    """Members behind a name; of a ``closed`` folder files cannot be opened."""
    found = list(islice(listing.members_after(connection, place, folder, after), PAGE + 1))
    rows = []
    for node in found[:PAGE]:
        href = place.href.rstrip("/") + "/" + names.quoted(node.name)
        told = place.sight is None or place.sight.reads(node)
        rows.append(
            Row(
                node.name,
                f"{href}/" if node.is_folder else "" if closed else href,
                node.is_folder,
                node.size if told else None,
                readable_size(node.size) if told else "",
                linkpages.readable_time(node.mtime_ns / _SECOND) if told else "",
                linkpages.iso(node.mtime_ns // _SECOND) if told else None,
            )
        )
    return Shown(rows, found[PAGE - 1].name if len(found) > PAGE else "")


def respond(
    files: Files, request: Request, actor: Actor, place: Place, head: Head, after: str, closed: bool
) -> Response:
    """The page of a folder, or the same for programs.

    :param closed: nothing can be downloaded.
    """
    reconcile.notice(files, place)
    with files.db.snapshot() as connection:
        place = files.place(connection, Asker(actor), Address(place.segments, True))
        folder = place.found()
        page = shown(connection, place, folder, after, closed)
    more = f"?after={quote(page.after, safe='')}" if page.after else ""
    here = place.href.rstrip("/")
    may_add = bool(place.rights & Permission.BIND)
    if linkpages.wants_json(request):
        return linkpages.told(request, 200, _for_programs(head, place, page, f"{here}{more}" if more else None, closed))
    name, text = ("", "") if after or closed else _readme(files, actor, place)
    return linkpages.page(
        request,
        200,
        "link_folder.html",
        head,
        here=here,
        crumbs=_crumbs(place, head),
        rows=page.rows,
        more=more,
        first=bool(after),
        closed=closed,
        may_add=may_add,
        readme_name=name,
        readme=text,
    )


def _crumbs(place: Place, head: Head) -> list[Crumb]:
    depth = len(place.mount.base)
    below = place.segments[depth:]
    base = names.href(place.mount.base, False)
    return [
        Crumb(head.title, base),
        *[Crumb(name, names.href(place.segments[: depth + number], True)) for number, name in enumerate(below, 1)],
    ]


def _for_programs(head: Head, place: Place, page: Shown, following: str | None, closed: bool) -> dict[str, Any]:
    frozen = {} if head.frozen is None else {"frozen": linkpages.iso(head.frozen)}
    return {
        "title": head.title,
        "owner": head.owner,
        "note": head.note,
        **frozen,
        "path": "/" + "/".join(place.segments[len(place.mount.base) :]),
        "may_upload": bool(place.rights & Permission.BIND),
        "may_download": not closed,
        "members": [
            {
                "name": row.name,
                "type": "folder" if row.folder else "file",
                "size": row.bytes,
                "modified": row.iso,
                "href": row.href or None,
            }
            for row in page.rows
        ],
        "next": following,
    }


def _readme(files: Files, actor: Actor, place: Place) -> tuple[str, Markup | str]:
    """Name and content of the README of a folder, both empty where there is none that can be read."""
    with files.db.session() as connection:
        found = listing.named(connection, place, place.found(), readme.NAMES)
    for name in readme.NAMES:
        node = found.get(name)
        if node is None or node.is_folder:
            continue
        address = Address((*place.segments, name))
        data = reading.beginning(files, Asker(actor), address, readme.MOST)
        if data is not None:
            return name, readme.rendered(name, data)
    return "", ""


def file_facts(node: Node) -> dict[str, Any]:
    """What the page of a single file says of it."""
    return {
        "name": node.name,
        "size": readable_size(node.size),
        "modified": linkpages.readable_time(node.mtime_ns / _SECOND),
    }
