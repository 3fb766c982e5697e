"""``cloud/capabilities``: what a client can count on here.  What is not announced is not used.

Some things only clients are told of that are known to do them right.
"""

from __future__ import annotations

import re
from typing import Any

from davshare.clients import push, status
from davshare.clients.call import OcsCall, OcsRoute
from davshare.clients.ocs import Result
from davshare.files.settings import Settings
from davshare.sharing.linkrules import ENFORCED

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
    found = {**_capabilities(facts, agent, call.site), "files_sharing": _sharing(call.files.settings)}
    return Result({"version": version, "capabilities": found})


def _capabilities(facts: dict[str, Any], agent: str, site: str) -> dict[str, Any]:
    return {
        "core": {"pollinterval": POLL, "webdav-root": "remote.php/webdav", "status": facts},
        "spaces": {"enabled": True, "version": "1.0.0", "projects": True, "share_jail": False},
        "dav": {"chunking": "1.0", **({"bulkupload": "1.0"} if sends_in_bulk(agent) else {})},
        "files": {"bigfilechunking": True, **({"tus_support": TUS} if speaks_tus(agent) else {})},
        "checksums": {"supportedTypes": ["SHA1", "MD5", "ADLER32", "SHA256"], "preferredUploadType": "SHA1"},
        "notify_push": push.capability(site),
    }


def _sharing(settings: Settings) -> dict[str, Any]:
    """What the settings let people share, as ownCloud 10 and Nextcloud tell it."""
    if not settings.get("sharing.enabled"):
        return {"api_enabled": False}
    return {"api_enabled": True, "public": _links(settings)}


def _links(settings: Settings) -> dict[str, Any]:
    if not settings.get("sharing.link.enabled"):
        return {"enabled": False}
    enforced = {kind: settings.get(name) for kind, name in ENFORCED.items()}
    ends = settings.get("sharing.link.expire_default")
    expiry: dict[str, Any] = {"enabled": ends}
    if ends:
        expiry |= {
            "days": settings.get("sharing.link.expire_days"),
            "enforced": settings.get("sharing.link.expire_enforced"),
        }
    upload = settings.get("sharing.link.upload")
    return {
        "enabled": True,
        "upload": upload,
        "upload_files_drop": upload,
        "supports_upload_only": upload,
        "multiple": True,
        "multiple_links": True,
        "password": {
            "enforced": all(enforced.values()),
            "enforced_for": enforced,
            "askForOptionalPassword": False,
        },
        "expire_date": expiry,
        "send_mail": settings.get("sharing.link.mail"),
        "social_share": settings.get("sharing.link.social"),
    }


ROUTES = (OcsRoute("GET", "cloud/capabilities", get, partial=True, public=True),)
