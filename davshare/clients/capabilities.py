"""``cloud/capabilities``: what a client can count on here.  What is not announced is not used.

Some things only clients are told of that are known to do them right.
"""

from __future__ import annotations

import re
from typing import Any

from davshare.clients import ocs_notifications, push, sharing_capability, status
from davshare.clients.call import OcsCall, OcsRoute
from davshare.clients.ocs import Result

#: Milliseconds between two looks of a running client at the ETag of its root.
POLL = 30_000


#: Resumable uploads; without a largest part, of which ownCloud's client 2.11 makes an endless loop of empty ones.
TUS = {
    "version": "1.0.0",
    "resumable": "1.0.0",
    "extension": "creation,creation-with-upload,expiration,checksum,termination",
    "max_chunk_size": 0,
    "http_method_override": "",
}
_MIRALL = re.compile(r"\bmirall/(\d{1,4})\.(\d{1,4})").search


def speaks_tus(agent: str) -> bool:
    """Whether a client is one of ownCloud's: each of its files comes in one request then, and goes on after a cut."""
    agent = agent.lower()
    return "owncloud" in agent and "nextcloud" not in agent


def sends_in_bulk(agent: str) -> bool:
    """Whether a client is one of Nextcloud's that can send empty files in bulk: older ones try it for ever."""
    found = _MIRALL(agent)
    return found is not None and "nextcloud" in agent.lower() and (int(found[1]), int(found[2])) >= (3, 10)


def get(call: OcsCall) -> Result:
    """The version that clients take this site for, and its capabilities; the same whoever asks."""
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
    agent = call.headers.get("user-agent", "")
    return Result({"version": version, "capabilities": _capabilities(call, facts, agent)})


def _capabilities(call: OcsCall, facts: dict[str, Any], agent: str) -> dict[str, Any]:
    return {
        "core": {"pollinterval": POLL, "webdav-root": "remote.php/webdav", "status": facts},
        "spaces": {"enabled": True, "version": "1.0.0", "projects": True, "share_jail": False},
        "dav": {"chunking": "1.0", **({"bulkupload": "1.0"} if sends_in_bulk(agent) else {})},
        "files": {"bigfilechunking": True, **({"tus_support": TUS} if speaks_tus(agent) else {})},
        "checksums": {"supportedTypes": ["SHA1", "MD5", "ADLER32", "SHA256"], "preferredUploadType": "SHA1"},
        "notifications": ocs_notifications.CAPABILITY,
        "notify_push": push.capability(call.site),
        "files_sharing": sharing_capability.capability(call.files.settings),
    }


ROUTES = (OcsRoute("GET", "cloud/capabilities", get, partial=True, public=True),)
