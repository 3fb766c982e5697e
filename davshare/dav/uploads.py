"""``/remote.php/dav/uploads/USER/ID/``: files that come in chunks, as ownCloud's and Nextcloud's clients send them.

MKCOL opens an upload, PUT of a number brings a chunk, MOVE of ``.file`` puts
the whole in its place, DELETE forgets a chunk or all.  Chunks are put together
in the order of their numbers, whatever these count: chunks or bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from davshare.dav import propfind, put
from davshare.dav.exchange import Exchange
from davshare.dav.properties import COLLECTION
from davshare.dav.render import Asked, written
from davshare.dav.xml import DAV, Name, empty, tag
from davshare.errors import BadRequest, MethodNotAllowed, NotFound, Waits
from davshare.files import assembly, chunks, pending
from davshare.files.assembly import Answer, Whole
from davshare.files.context import Address
from davshare.files.pending import Intent
from davshare.http import digests
from davshare.http.responses import Response
from davshare.model import names

_BASE = ("remote.php", "dav", "uploads")
#: The number of a chunk, or those of its first byte and of its end (rclone, nc-py-api).
_NUMBER = re.compile(r"[0-9]{1,18}(?:-[0-9]{1,18})?\Z").match
_SIZE = re.compile(r"[0-9]{1,18}\Z").match
#: What stands for the whole file.
WHOLE = ".file"
_LONGEST = 255


def are_at(address: Address) -> bool:
    """Whether an address is one of uploads."""
    return address.segments[:3] == _BASE


def respond(x: Exchange) -> Response:
    """The answer to a request for an upload or a part of one; others' uploads are nowhere.

    :raises Waits: only if ``x.patient`` is false.
    """
    if not x.patient:
        raise Waits
    _, _, _, *rest = x.address.segments
    if len(rest) not in (2, 3) or names.key(rest[0]) != names.key(x.actor.name) or len(rest[1]) > _LONGEST:
        raise NotFound
    table = _OF_UPLOAD if len(rest) == 2 else _OF_WHOLE if rest[2] == WHOLE else _OF_CHUNK
    handler = table.get(x.request.method)
    if handler is None:
        raise MethodNotAllowed(", ".join(["OPTIONS", *table]))
    return handler(x, *rest[1:])


def _begin(x: Exchange, name: str) -> Response:
    """Nextcloud's clients tell the destination already here; ownCloud's tell it in the end."""
    target = x.destination().segments if "destination" in x.headers else ()
    pending.begin(x.files, x.actor, name, total(x), Intent(target))
    return Response(201)


def total(x: Exchange) -> int | None:
    """The announced size of the whole."""
    for header in ("oc-total-length", "oc-total-file-length"):
        if header in x.headers:
            text = x.headers[header].strip()
            if not _SIZE(text):
                raise BadRequest("The announced size is malformed.")
            return int(text)
    return None


def _list(x: Exchange, name: str) -> Response:
    depth = x.depth("infinity", ("0", "1", "infinity"))
    asked = propfind.parse(x.document())
    found = chunks.listing(x.files, x.actor, name)
    here = names.href((*_BASE, x.actor.name, name), True)
    parts = [_told(asked, here, None)]
    if depth != "0":
        parts += [_told(asked, here + names.quoted(each.name), each.size) for each in found]
    return propfind.answer(x, propfind.pieces_of(iter(parts)))


def _told(asked: Asked, href: str, size: int | None) -> str:
    """One response; ``size`` is None for the upload itself."""
    values: dict[Name, str] = {(DAV, "resourcetype"): COLLECTION if size is None else ""}
    if size is not None:
        values[DAV, "getcontentlength"] = str(size)
    wanted = asked.names if asked.kind == "prop" else tuple(values)
    if asked.kind == "propname":
        return written(href, [empty(name) for name in values], [])
    found = [_element(name, values[name]) for name in wanted if name in values]
    return written(href, found, [empty(name) for name in dict.fromkeys(wanted) if name not in values])


def _element(name: Name, text: str) -> str:
    start, end = tag(name)
    return f"<{start}>{text}</{end}>" if text else f"<{start}/>"


def _abandon(x: Exchange, name: str) -> Response:
    pending.abandon(x.files, x.actor, name)
    return Response(204)


def _put(x: Exchange, name: str, chunk: str) -> Response:
    if not _NUMBER(chunk):
        raise BadRequest("The name of a chunk is a number.")
    created = chunks.put(x.files, x.actor, name, chunk, put.content(x)._replace(hint=total(x)))
    return Response(201 if created else 204)


def _drop(x: Exchange, name: str, chunk: str) -> Response:
    if not _NUMBER(chunk):
        raise NotFound
    chunks.drop(x.files, x.actor, name, chunk)
    return Response(204)


def _complete(x: Exchange, name: str, whole: str) -> Response:
    """The conditions of this request are about the file that it makes."""
    there = x.storing(x.destination())
    overwrite = x.headers.get("overwrite", "T").strip().upper() not in ("F", "FALSE")
    said = Whole(total(x), put.mtime(x.headers.get("x-oc-mtime")), digests.of_file(x.headers), overwrite)
    answer = assembly.complete(x.files, there.asker, name, there.address, said)
    return told(answer, said.mtime_ns is not None)


def told(answer: Answer, timed: bool) -> Response:
    """What the sender of a file is told that is in its place; ``timed``: its time came with it."""
    headers = [*put.described(answer.etag, answer.node), *([("X-OC-MTime", "accepted")] if timed else [])]
    if answer.created:
        headers.append(("Location", names.href(answer.segments, False)))
    return Response(201 if answer.created else 204, headers)


_OF_UPLOAD: dict[str, Callable[..., Response]] = {"MKCOL": _begin, "PROPFIND": _list, "DELETE": _abandon}
_OF_CHUNK: dict[str, Callable[..., Response]] = {"PUT": _put, "DELETE": _drop}
_OF_WHOLE: dict[str, Callable[..., Response]] = {"MOVE": _complete}
