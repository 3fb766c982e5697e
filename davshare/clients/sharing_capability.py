"""What clients are told of sharing: what they may offer to people, and with which limits."""

from __future__ import annotations

from typing import Any

from davshare.files.settings import Settings
from davshare.sharing.linkrules import ENFORCED


def capability(settings: Settings) -> dict[str, Any]:
    """``files_sharing`` as ownCloud 10 and Nextcloud spell it."""
    get = settings.get
    if not get("sharing.enabled"):
        return {"api_enabled": False, "public": {"enabled": False}}
    return {
        "api_enabled": True,
        "can_share": True,
        "resharing": get("sharing.resharing"),
        "group_sharing": get("sharing.group_sharing"),
        "default_permissions": get("sharing.default_permissions"),
        "auto_accept_share": get("sharing.auto_accept"),
        "share_with_group_members_only": get("sharing.only_with_group_members"),
        "share_with_membership_groups_only": get("sharing.only_with_own_groups"),
        "user_enumeration": {
            "enabled": get("sharing.search.enumeration"),
            "group_members_only": get("sharing.search.only_group_members"),
        },
        "search_min_length": get("sharing.search.min_length"),
        "user": {"expire_date": ends(settings, "user"), "profile_picture": False, "send_mail": get("sharing.mail")},
        "group": {"enabled": get("sharing.group_sharing"), "expire_date": ends(settings, "group")},
        "remote": {"expire_date": ends(settings, "remote")},
        "federation": {"incoming": False, "outgoing": False},
        "public": _links(settings),
    }


def _links(settings: Settings) -> dict[str, Any]:
    """What public links may be, and what they need."""
    if not settings.get("sharing.link.enabled"):
        return {"enabled": False}
    enforced = {kind: settings.get(name) for kind, name in ENFORCED.items()}
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
        "expire_date": ends(settings, "link"),
        "send_mail": settings.get("sharing.link.mail"),
        "social_share": settings.get("sharing.link.social"),
    }


def ends(settings: Settings, kind: str) -> dict[str, Any]:
    """Whether shares of a kind end by themselves, after how many days, and whether they have to."""
    if not settings.get(f"sharing.{kind}.expire_default"):
        return {"enabled": False}
    days, enforced = settings.get(f"sharing.{kind}.expire_days"), settings.get(f"sharing.{kind}.expire_enforced")
    return {"enabled": True, "days": days, "enforced": enforced}
