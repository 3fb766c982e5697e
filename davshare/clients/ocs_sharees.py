"""The call with which clients look for whom to share with.

doc.owncloud.com/server/10.15/developer_manual/core/apis/ocs-recipient-api.html
"""

from __future__ import annotations

from typing import Any

from davshare.clients.call import OcsCall, OcsRoute
from davshare.clients.ocs import Refused, Result
from davshare.files.settings import Settings
from davshare.model.people import Group, User
from davshare.sharing import guests, sharees

USER, GROUP = 0, 1
#: Shares with e-mail addresses.
EMAIL = "4"
_PAGE, _MOST = 200, 1000
#: Every list that clients look for, with what there is of it here or not.
_LISTS = ("users", "groups", "remotes", "remote_groups", "emails", "circles", "rooms")


def find(call: OcsCall) -> Result:
    """Users and groups by what was typed: exactly that, and a page of others.

    :raises Refused: the arguments make no sense.
    """
    given = call.given
    if not given.text("itemType"):
        raise Refused(400, "Missing itemType")
    page, size = given.text("page") or "1", given.text("perPage") or str(_PAGE)
    if not (page.isascii() and page.isdecimal() and int(page[:6]) > 0):
        raise Refused(400, "Invalid page")
    if not (size.isascii() and size.isdecimal() and int(size[:6]) > 0):
        raise Refused(400, "Invalid perPage argument")
    wanted = given.texts("shareType") or [each for each in (given.text("shareType") or "").split(",") if each]
    kinds = [kind for number, kind in (("0", "user"), ("1", "group")) if not wanted or number in wanted]
    limit = min(int(size[:6]), _MOST)
    found = sharees.find(call.files, call.actor, given.text("search") or "", kinds, (int(page[:6]) - 1) * limit, limit)
    settings = call.files.settings
    exact = _sorted(settings, found.exact)
    if not wanted or EMAIL in wanted:
        exact["emails"] = _invited(call, (given.text("search") or "").strip())
    return Result({"exact": exact, **_sorted(settings, found.partial)})


def _invited(call: OcsCall, text: str) -> list[dict[str, Any]]:
    """The address that was typed, where whoever has it can be invited."""
    if not guests.can_invite(call.files, call.actor, text):
        return []
    return [{"label": text, "value": {"shareType": int(EMAIL), "shareWith": text}}]


def _sorted(settings: Settings, found: list[User | Group]) -> dict[str, list[dict[str, Any]]]:
    """Users and groups apart, and every other list."""
    return {
        **{name: [] for name in _LISTS},
        "users": [_told(settings, each, USER) for each in found if isinstance(each, User)],
        "groups": [_told(settings, each, GROUP) for each in found if isinstance(each, Group)],
    }


def _told(settings: Settings, who: User | Group, kind: int) -> dict[str, Any]:
    value: dict[str, Any] = {"shareType": kind, "shareWith": who.name}
    told = sharees.additional_info(settings, who.name, who.email) if isinstance(who, User) else None
    if told is not None:
        value["shareWithAdditionalInfo"] = told
    return {"label": who.display_name or who.name, "value": value}


ROUTES = (OcsRoute("GET", "apps/files_sharing/api/v1/sharees", find),)
