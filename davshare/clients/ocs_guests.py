"""Shares with e-mail addresses, in the sharing calls: whoever has no account becomes a guest."""

from __future__ import annotations

from davshare.clients import share_told
from davshare.clients.call import OcsCall
from davshare.clients.ocs import Refused, Result
from davshare.clients.share_given import NO_PATH, expires_of, rights_of, said_of
from davshare.errors import Forbidden, MethodNotAllowed, NotFound
from davshare.files.context import Address, Asker
from davshare.sharing import guests
from davshare.sharing.rules import BadExpiry

#: Their types, as Nextcloud and ownCloud count them.
NUMBERS = ("4", "8")


def create(call: OcsCall, address: Address) -> Result:
    """Share something with an e-mail address; without mail ``invitation`` is the link for a new guest.

    :raises Refused: the arguments make no sense, or it may not be.
    """
    rights, expires = rights_of(call), expires_of(call)
    note = call.given.text("note") or ""
    email = (call.given.text("shareWith") or "").strip()
    try:
        made = guests.invite(call.files, Asker(call.actor), address, email, rights, expires, note)
    except (NotFound, MethodNotAllowed):
        raise Refused(404, NO_PATH) from None
    except BadExpiry as error:
        raise Refused(404, error.message) from None
    except Forbidden as error:
        raise Refused(403, said_of(error)) from None
    told = share_told.told(made.found, call)
    return Result(told if made.link is None else {**told, "invitation": f"{call.site}{made.link}"})
