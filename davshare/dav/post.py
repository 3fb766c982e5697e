"""POST on a folder makes a member of it (RFC 5995); the Slug header (RFC 5023 section 9.7) is a hint."""

from __future__ import annotations

import mimetypes
from contextlib import suppress
from urllib.parse import unquote_to_bytes

from davshare.dav import get, put, tus
from davshare.dav.exchange import Exchange
from davshare.errors import BadGateway, BadRequest, Forbidden, UnsupportedMediaType
from davshare.files import adding
from davshare.files.context import Address
from davshare.http.responses import Response
from davshare.model import names

#: What browsers send for forms: nobody wants that as a file.
_FORMS = frozenset({"multipart/form-data", "application/x-www-form-urlencoded"})


def handle(x: Exchange) -> Response:
    """Store the body as a new file in the folder at the request's address."""
    demand_own_site(x)
    if "tus-resumable" in x.headers:
        return tus.create(x)
    sent = put.content(x)
    kind = x.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _FORMS:
        raise UnsupportedMediaType("A form is not a file.")
    suffix = mimetypes.guess_extension(kind, strict=False) or ".bin"
    stored = adding.add(x.files, x.asker, x.address, slug(x.headers.get("slug", "")), suffix, sent)
    address = Address(stored.segments)
    location = ("Location", names.href(stored.segments, False))
    if x.prefers("return=representation"):
        answer = get.representation(x, address, 201)
        answer.headers.append(location)
        return answer
    return Response(201, [*put.told(stored), *put.accepted(sent), location])


def slug(text: str) -> str:
    """The name that a Slug header suggests, empty when it suggests none that can be one."""
    with suppress(UnicodeDecodeError, BadRequest):
        name = unquote_to_bytes(text.strip()).decode().replace("\\", "/").rpartition("/")[2]
        return names.tidied(name)
    return ""


def demand_own_site(x: Exchange) -> None:
    """Pages of other sites can make a browser that has signed in here send POSTs; nothing else needs asking."""
    origin = x.headers.get("origin")
    if origin is None:
        return
    try:
        x.local(f"{origin.strip()}/")
    except (BadGateway, BadRequest):
        raise Forbidden("This request comes from a page of another site.") from None
