"""Answers that the connection layer gives itself, before or instead of the application."""

from __future__ import annotations

from xml.sax.saxutils import escape

from davshare.errors import DavshareError
from davshare.http.responses import Response

_BODY = (
    '<?xml version="1.0" encoding="utf-8"?>\n<d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns">'
    "<s:exception>{exception}</s:exception><s:message>{message}</s:message></d:error>"
)


def refuse(error: DavshareError) -> Response:
    """The error as a ``DAV:error`` document that ends the connection."""
    text = _BODY.format(exception=escape(error.exception), message=escape(error.message))
    headers = [("Content-Type", "application/xml; charset=utf-8"), *error.headers]
    return Response(error.status, headers, text.encode(), close=True)


def bare_failure() -> Response:
    """What is left to say when the application raised something."""
    return Response(500, [], b"", close=True)
