"""Public links in the sharing calls (shareType 3), with the codes and words of ownCloud 10.

doc.owncloud.com/server/10.15/developer_manual/core/apis/ocs-share-api.html.
"""

from __future__ import annotations

import json
from types import EllipsisType

from davshare.clients import share_told
from davshare.clients.call import OcsCall
from davshare.clients.ocs import Refused, Result
from davshare.clients.share_given import NO_PATH, NO_SHARE, expires_of, flag, said_of
from davshare.errors import BadRequest, Forbidden, MethodNotAllowed, NotFound
from davshare.files.context import Address, Asker
from davshare.identity import passwords
from davshare.model.access import Permission, Rights
from davshare.sharing import bits, links
from davshare.sharing.linkrules import NoLinks
from davshare.sharing.links import Change, Found, New, State
from davshare.sharing.rules import BadExpiry

#: What the calls mean by public upload.
_UPLOAD = bits.READ | bits.UPDATE | bits.CREATE | bits.DELETE


def create(call: OcsCall, address: Address) -> Result:
    """A public link to what is at an address.

    :raises Refused: the arguments make no sense, or it may not be.
    """
    expires, rights = expires_of(call), _rights(call)
    hidden = _hidden(call)
    new = New(
        None if isinstance(rights, EllipsisType) else rights,
        expires,
        None,
        _label(call) or "",
        call.given.text("note") or "",
        hide_download=hidden is True,
    )
    try:
        _demand_folder(call, address)
        new = new._replace(password=_hashed(call) or None)
        return Result(_told(call, links.create(call.files, Asker(call.actor), address, new)))
    except (NotFound, MethodNotAllowed):
        raise Refused(404, NO_PATH) from None
    except (BadExpiry, NoLinks) as error:
        raise Refused(404, error.message) from None
    except Forbidden as error:
        raise Refused(403, said_of(error)) from None


def _demand_folder(call: OcsCall, address: Address) -> None:
    """Public upload makes sense of folders only."""
    if not flag(call, "publicUpload"):
        return
    with call.files.db.snapshot() as connection:
        folder = call.files.place(connection, Asker(call.actor), address).found().is_folder
    if not folder:
        raise Refused(404, "Public upload is only possible for publicly shared folders")


def made(call: OcsCall) -> list[dict[str, object]]:
    """What the caller has linked to, as far as it is somewhere: nothing else can be said here."""
    found = links.made(call.files, call.actor)
    return [_told(call, each) for each in found if each.state is not State.EXPIRED and not each.gone]


def shared(call: OcsCall, address: Address, members: bool, everybodys: bool) -> list[dict[str, object]]:
    """Links to something, or to the members of a folder.

    :raises Refused: it is not there.
    """
    try:
        found = links.shared(call.files, Asker(call.actor), address, members, everybodys)
    except (NotFound, Forbidden, MethodNotAllowed):
        raise Refused(404, NO_PATH) from None
    return [_told(call, each) for each in found if each.state is not State.EXPIRED]


def get(call: OcsCall, number: int) -> Result:
    """One link, in a list."""
    return Result([_told(call, _known(call, number))])


def _known(call: OcsCall, number: int) -> Found:
    found = links.get(call.files, call.actor, number)
    if found.state is State.EXPIRED:
        raise Refused(404, NO_SHARE)
    return found


def update(call: OcsCall, number: int) -> Result:
    """Other permissions, another password, end, label, note; what is not given stays.

    :raises Refused: nothing is given, or it may not be.
    """
    found = _known(call, number)
    label, note, hidden = _label(call), call.given.text("note"), _hidden(call)
    change = Change(
        _rights(call),
        expires_of(call),
        ...,
        ... if label is None else label,
        ... if note is None else note,
        hide_download=... if hidden is None else hidden,
    )
    password = call.given.text("password")
    if password is None and all(value is ... for value in change):
        raise Refused(400, "Wrong or no update parameter given")
    if flag(call, "publicUpload") and not found.link.is_folder:
        raise Refused(400, "Public upload is only possible for publicly shared folders")
    try:
        if password is not None:
            change = change._replace(password=_hashed(call) or None)
        return Result(_told(call, links.update(call.files, Asker(call.actor), number, change)))
    except (BadExpiry, NoLinks) as error:
        raise Refused(404, error.message) from None
    except Forbidden as error:
        raise Refused(403, said_of(error)) from None


def remove(call: OcsCall, number: int) -> Result:
    """End a link.

    :raises Refused: the caller may not.
    """
    try:
        links.revoke(call.files, Asker(call.actor), number)
    except Forbidden:
        raise Refused(403, "Could not delete share") from None
    return Result()


# what was given


def _rights(call: OcsCall) -> Rights | EllipsisType:
    """The permissions that were given, by their number or as public upload; ``...`` where neither was."""
    text = call.given.text("permissions")
    if text:
        if not (text.isascii() and text.isdecimal() and len(text) < 4 and int(text) <= bits.ALL):
            raise Refused(404, "invalid permissions")
        rights = bits.of_link(int(text)) & ~Permission.SHARE
        if not rights:
            raise Refused(400, "Cannot remove all permissions")
        return rights
    if call.given.text("publicUpload"):
        return bits.of_link(_UPLOAD if flag(call, "publicUpload") else bits.READ)
    return ...


def _label(call: OcsCall) -> str | None:
    """Nextcloud has labels, ownCloud names; they are the same."""
    label = call.given.text("label")
    return call.given.text("name") if label is None else label


def _hidden(call: OcsCall) -> bool | None:
    """Whether pages shall offer no download; None where nothing was said about it."""
    if call.given.text("hideDownload") is not None:
        return flag(call, "hideDownload")
    text = call.given.text("attributes")
    if not text:
        return None
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(400, "Invalid share attributes") from None
    for each in said if isinstance(said, list) else ():
        if isinstance(each, dict) and (each.get("scope"), each.get("key")) == ("permissions", "download"):
            return each.get("value", each.get("enabled")) is False
    return None


def _hashed(call: OcsCall) -> str:
    """The hash of the password that was given; empty where none was.

    :raises BadRequest: it will not do.
    """
    password = call.given.text("password")
    if not password:
        return ""
    try:
        passwords.check_new(password, call.files.settings.get("password.min_length"))
    except BadRequest as error:
        raise Refused(400, error.message) from None
    return passwords.make_hash(password)


# what is told


def _told(call: OcsCall, found: Found) -> dict[str, object]:
    link = found.link
    told = share_told.common(link, found.way)
    hidden = "***redacted***" if link.password is not None else None
    told.update(
        share_type=3,
        permissions=bits.bits_of(link.rights, link.is_folder),
        can_edit=found.token is not None,
        can_delete=found.token is not None,
        token=found.token,
        url=None if found.token is None else f"{call.site}/s/{found.token}",
        name=link.label,
        label=link.label,
        share_with=hidden,
        share_with_displayname=hidden,
        password=hidden,
        send_password_by_talk=False,
        hide_download=int(link.hide_download),
    )
    return told
