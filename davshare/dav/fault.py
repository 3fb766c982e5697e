"""Refusals as XML: the condition of the RFC, and what sabre-style clients look for (RFC 4918 section 16)."""

from __future__ import annotations

from davshare.dav import xml
from davshare.errors import DavshareError, NotAuthenticated
from davshare.http.responses import Response
from davshare.model.access import privileges_of


def error_element(error: DavshareError) -> str:
    """``d:error`` for a refusal."""
    hrefs = "".join(xml.href(url) for url in error.hrefs)
    if error.needs is not None:
        url, rights = error.needs
        hrefs = "".join(
            f"<d:resource>{xml.href(url)}{xml.privilege(name)}</d:resource>" for name in privileges_of(rights)
        )
    condition = f"<d:{error.condition}>{hrefs}</d:{error.condition}>" if error.condition else ""
    return (
        f'<d:error xmlns:d="{xml.DAV}" xmlns:s="{xml.SABRE}">{condition}'
        f"<s:exception>{xml.escape(error.exception)}</s:exception>"
        f"<s:message>{xml.escape(error.message)}</s:message></d:error>"
    )


def response(error: DavshareError, method: str) -> Response:
    """The answer to a request that was refused."""
    headers = [*error.headers]
    if error.status == 304 or method == "HEAD":
        return Response(error.status, headers, b"", error.close)
    if not isinstance(error, NotAuthenticated):
        headers.append(("Cache-Control", "no-store"))
    headers.append(("Content-Type", xml.CONTENT_TYPE))
    return Response(error.status, headers, (xml.HEAD + error_element(error)).encode(), error.close)
