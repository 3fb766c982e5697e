"""``cloud/capabilities``: what a client can count on here.  What is not announced is not used."""

from __future__ import annotations

from typing import Any

from davshare.clients import push, status
from davshare.clients.call import OcsCall, OcsRoute
from davshare.clients.ocs import Result

#: Milliseconds between two looks of a running client at the ETag of its root.
POLL = 30_000


def get(call: OcsCall) -> Result:
    """The version that clients take this site for, and its capabilities; the same for everybody."""
    facts = status.facts()
    major, minor, micro, _ = status.DIALECT
    version = {
        "major": major,
        "minor": minor,
        "micro": micro,
        "string": facts["versionstring"],
        "edition": facts["edition"],
        "extendedSupport": facts["extendedSupport"],
    }
    return Result({"version": version, "capabilities": _capabilities(facts, call.site)})


def _capabilities(facts: dict[str, Any], site: str) -> dict[str, Any]:
    return {
        "core": {"pollinterval": POLL, "webdav-root": "remote.php/webdav", "status": facts},
        "dav": {"chunking": "1.0"},
        "files": {"bigfilechunking": True},
        "checksums": {"supportedTypes": ["SHA1", "MD5", "ADLER32", "SHA256"], "preferredUploadType": "SHA1"},
        "notify_push": push.capability(site),
    }


ROUTES = (OcsRoute("GET", "cloud/capabilities", get, partial=True, public=True),)
