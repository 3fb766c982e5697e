"""LOCK and UNLOCK (RFC 4918 sections 9.10 and 9.11)."""

from __future__ import annotations

import re

from davshare.dav import xml
from davshare.dav.exchange import Exchange
from davshare.dav.properties import activelock
from davshare.dav.xml import DAV
from davshare.errors import BadRequest
from davshare.files import locks
from davshare.files.locks import Granted, Wish
from davshare.http.responses import Response

_SECONDS = re.compile(r"Second-(\d{1,20})\Z", re.IGNORECASE)
_LONGEST_OWNER = 8192


def lock(x: Exchange) -> Response:
    """A new lock, or more time for one."""
    timeout = _timeout(x)
    data = x.document()
    if not data.strip():
        if len(x.asker.tokens) != 1:
            raise BadRequest("LOCK without a body refreshes a lock and needs just its token in If.")
        return _answer(locks.refresh(x.files, x.asker, x.address, timeout), refreshed=True)
    depth = x.depth("infinity", ("0", "infinity"))
    exclusive, owner = _lockinfo(data)
    wish = Wish(exclusive, depth == "infinity", owner, timeout)
    return _answer(locks.lock(x.files, x.asker, x.address, wish), refreshed=False)


def _answer(granted: Granted, refreshed: bool) -> Response:
    headers = [("Content-Type", xml.CONTENT_TYPE)]
    if not refreshed:
        headers.append(("Lock-Token", f"<{granted.lock.token}>"))
    told = activelock(granted.lock, granted.root, granted.lock.timeout)
    body = f'{xml.HEAD}<d:prop xmlns:d="{DAV}"><d:lockdiscovery>{told}</d:lockdiscovery></d:prop>'
    return Response(201 if granted.created else 200, headers, body.encode())


def _lockinfo(data: bytes) -> tuple[bool, str]:
    """Whether the lock is to be exclusive, and the content of owner.

    :raises BadRequest: the body is not a lockinfo of a kind that is known.
    """
    root = xml.parse(data)
    if xml.name_of(root) != (DAV, "lockinfo"):
        raise BadRequest("The body is not a lockinfo document.")
    scope, kind = xml.child(root, "lockscope"), xml.child(root, "locktype")
    if scope is None or kind is None or xml.child(kind, "write") is None:
        raise BadRequest("Only write locks are known.")
    exclusive = xml.child(scope, "exclusive") is not None
    if exclusive == (xml.child(scope, "shared") is not None):
        raise BadRequest("A lock is either exclusive or shared.")
    owner = xml.inside(xml.child(root, "owner"))
    if len(owner) > _LONGEST_OWNER:
        raise BadRequest("The owner of the lock is too long.")
    return exclusive, owner


def _timeout(x: Exchange) -> int:
    """Seconds to grant: what was asked, up to the maximum (RFC 4918 section 10.7)."""
    longest: int = x.files.settings.get("locks.max_timeout")
    text = x.headers.get("timeout")
    if text is None:
        usual: int = x.files.settings.get("locks.default_timeout")
        return min(longest, usual)
    for part in text.split(","):
        part = part.strip()
        if part.lower() == "infinite":
            return longest
        match = _SECONDS.match(part)
        if match is None:
            raise BadRequest("The Timeout header is malformed.")
        return max(1, min(longest, int(match[1])))
    raise BadRequest("The Timeout header is empty.")


def unlock(x: Exchange) -> Response:
    """Remove a lock."""
    text = x.headers.get("lock-token", "").strip()
    if not (text.startswith("<") and text.endswith(">") and len(text) > 2):
        raise BadRequest("UNLOCK needs the Lock-Token header.")
    locks.unlock(x.files, x.asker, x.address, text[1:-1])
    return Response(204)
