"""A folder as one download: a ZIP archive of it, or the checksums of what is in it."""

from __future__ import annotations

from davshare.dav.exchange import Exchange
from davshare.errors import Waits
from davshare.files import archive, manifest
from davshare.files.context import Asker, Connection
from davshare.files.locate import Place
from davshare.http import archives
from davshare.http.responses import Response

_ZIP = "application/zip"


def is_asked(x: Exchange) -> bool:
    """Whether a GET of a folder is about all of its content, by its query or its Accept header."""
    return ("accept=" in x.request.query and bool(archives.wanted(x.request.query)[0])) or _wants_zip(x)


def _wants_zip(x: Exchange) -> bool:
    return x.headers.get("accept", "").split(";")[0].strip().lower() == _ZIP


def handle(x: Exchange) -> Response:
    """The folder at the address of a request, or those of its members that the query names.

    :raises NotFound: one of them is not there.
    :raises TooLarge: it is more than may be given out at once.
    """
    if not x.patient:
        raise Waits
    kind, wanted = archives.wanted(x.request.query)

    def locate(connection: Connection) -> Place:
        return x.files.place(connection, Asker(x.actor), x.address)

    x.notice()
    method = x.request.method
    if kind in ("sha256", "json"):
        found = archive.collect(x.files, locate, wanted, "sha256")
        return archives.list_response(kind, method, manifest.entries(found), _title(found.place))
    found = archive.complete(x.files, locate, wanted, "crc32")
    title = _title(found.place)
    return archives.zip_response(method, x.headers, found.entries, title, x.files.epoch, found.open)


def _title(place: Place) -> str:
    return place.segments[-1]
