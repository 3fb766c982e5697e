"""App passwords over OCS, which are app tokens: one for a password, one for a one-time password, the end of one."""

from __future__ import annotations

from davshare.clients.call import OcsCall, OcsRoute
from davshare.clients.ocs import Result
from davshare.errors import Forbidden
from davshare.identity import apptokens
from davshare.identity.devices import name_of


def get(call: OcsCall) -> Result:
    """A new one for whoever has signed in by password.

    :raises Forbidden: they have not.
    :raises Conflict: they have too many.
    """
    _demand_client(call)
    if not call.actor.by_password:
        raise Forbidden("An app password is given for the password only.")
    _, secret = apptokens.create_own(call.files.db, call.actor, name_of(call.headers.get("user-agent", "")))
    return Result({"apppassword": secret})


def exchange(call: OcsCall) -> Result:
    """A new one for a one-time password, which is used up.

    :raises Forbidden: something else was used.
    """
    _demand_client(call)
    _, secret = apptokens.exchange(call.files.db, call.actor, name_of(call.headers.get("user-agent", "")))
    return Result({"apppassword": secret})


def revoke(call: OcsCall) -> Result:
    """End the one that was used.

    :raises Forbidden: none was.
    """
    if call.actor.device is None or call.actor.brief:
        raise Forbidden("No app password was used.")
    apptokens.revoke_own(call.files.db, call.actor, call.actor.device)
    return Result()


def _demand_client(call: OcsCall) -> None:
    """Browsers send passwords with links and pictures of other sites, too, but not this header."""
    if call.headers.get("ocs-apirequest", "").strip().lower() != "true":
        raise Forbidden("This call needs the header OCS-APIRequest: true.")


ROUTES = (
    OcsRoute("GET", "core/getapppassword", get, partial=True),
    OcsRoute("GET", "core/getapppassword-onetime", exchange, partial=True),
    OcsRoute("DELETE", "core/apppassword", revoke, partial=True),
)
