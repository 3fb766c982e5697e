"""Whoever is signed in: what others see of them, and their app tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import EllipsisType
from typing import Annotated, Any

from davshare.api import who
from davshare.api.call import Call, Made, Route
from davshare.api.moments import future, moment
from davshare.api.pages import Next, Paging, page
from davshare.api.schema import Says
from davshare.api.users import User, told
from davshare.errors import Conflict, Forbidden, NotFound
from davshare.files import view
from davshare.files.locate import Place
from davshare.identity import apptokens, groups, people
from davshare.model.access import Permission

_LABEL = Says("What or where the token is for.", 0, 200)
_SCOPES = Says("read, or write (everything); space:NAME or path:home/FOLDER for a part.", 0, 4)
_END = Says("When it ends; null for never.")


@dataclass(frozen=True, slots=True)
class Me:
    """The caller."""

    user: User
    manages: Annotated[list[str], Says("Names of the groups that the caller manages.")]


@dataclass(frozen=True, slots=True)
class MyChanges:
    """What the caller wants others to see; what is left out stays."""

    display_name: Annotated[str | EllipsisType, Says("The name that others see.", 0, 200)] = ...
    email: Annotated[str | EllipsisType, Says("E-mail address.", 0, 200)] = ...


@dataclass(frozen=True, slots=True)
class Token:
    """An app token without its secret."""

    id: Annotated[int, Says("What it is removed by.", 1)]
    label: Annotated[str, _LABEL]
    scopes: Annotated[list[str], _SCOPES]
    created: datetime
    expires: Annotated[datetime | None, _END]
    expired: Annotated[bool, Says("Whether it has ended.")]


@dataclass(frozen=True, slots=True)
class NewToken:
    """An app token to be made."""

    label: Annotated[str, _LABEL] = ""
    scopes: Annotated[list[Annotated[str, Says("One scope.", 1, 1000)]] | None, _SCOPES] = None
    expires: Annotated[datetime | None, _END] = None


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A new app token, and its secret, which nobody can see again."""

    token: Token
    secret: Annotated[str, Says("Sent as a Bearer token, or as the password of Basic.")]


@dataclass(frozen=True, slots=True)
class TokenList:
    """A page of app tokens, oldest first."""

    items: list[Token]
    next: Next


def get(call: Call) -> Me:
    """The caller."""
    (account,) = people.accounts(call.files.db, call.actor.name)
    managed = groups.managed_by(call.files.db, call.actor.name)
    return Me(told(account), [group.name for group in managed])


def change(call: Call) -> Me:
    """Change what others see of the caller."""
    changes: MyChanges = call.body
    wanted: dict[str, Any] = {}
    (account,) = people.accounts(call.files.db, call.actor.name)
    if account.user.guest and changes.email is not ...:
        raise Forbidden("The address of a guest says who they are: what is shared with it is theirs.")
    for name, value, setting in (
        ("display_name", changes.display_name, "accounts.change_display_name"),
        ("email", changes.email, "accounts.change_email"),
    ):
        if value is ...:
            continue
        if not (call.actor.admin or call.files.settings.get(setting)):
            raise Forbidden("Only administrators may change this here.")
        wanted[name] = value
    people.set_user(call.files, call.actor.name, **wanted, by=call.actor)
    return get(call)


def _token(token: apptokens.AppToken) -> Token:
    expires = moment(token.expires)
    expired = expires is not None and expires <= datetime.now(UTC)
    scopes = token.scope.split(",") if token.scope else ["write"]
    return Token(token.id, token.label, scopes, datetime.fromtimestamp(token.created, UTC), expires, expired)


def list_tokens(call: Call) -> TokenList:
    """The caller's app tokens."""
    known = apptokens.own(call.files.db, call.actor)
    found, after = page(call.query, lambda offset, limit: known[offset : offset + limit])
    return TokenList([_token(each) for each in found], after)


def add_token(call: Call) -> Made:
    """A new app token."""
    new: NewToken = call.body
    expires = future(new.expires, "expires")
    _demand_seen(call, new.scopes or ())
    token, secret = apptokens.create_own(call.files.db, call.actor, new.label, new.scopes or (), expires)
    return Made(MadeToken(_token(token), secret), ("me", "tokens", str(token.id)))


def _demand_seen(call: Call, scopes: Sequence[str]) -> None:
    """Scopes that lead to what the caller may not know of are as those that lead nowhere."""
    for word in [word.strip() for each in scopes for word in each.split(",")]:
        kind, _, rest = word.partition(":")
        parts = [part for part in rest.split("/") if part]
        if kind in ("space", "path") and not _sees(call, ("spaces", rest) if kind == "space" else tuple(parts)):
            raise NotFound("A scope leads nowhere.")


def _sees(call: Call, way: tuple[str, ...]) -> bool:
    """Whether a path below ``/dav/`` leads to something that the caller may know of."""
    try:
        with call.files.db.snapshot() as connection:
            found = view.locate(connection, call.actor, ("dav", *way), False)
    except NotFound:
        return False
    return isinstance(found, Place) and not found.missing and bool(found.rights & Permission.READ or found.passages)


def drop_token(call: Call) -> None:
    """End one of the caller's app tokens."""
    number = call.path["token"]
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise NotFound
    apptokens.revoke_own(call.files.db, call.actor, int(number))


ROUTES = (
    Route("GET", "/me", "The caller.", who.SIGNED_IN, get, Me, partial=True),
    Route("PATCH", "/me", "Change what others see of the caller, where the settings allow that.",
          who.SIGNED_IN, change, Me, MyChanges),
    Route("GET", "/me/tokens", "The caller's app tokens.", who.SIGNED_IN, list_tokens, TokenList, query=Paging),
    Route("POST", "/me/tokens", "Make an app token; its secret is shown once. App tokens make no app tokens.",
          who.SIGNED_IN, add_token, MadeToken, NewToken, errors=(Conflict, NotFound), status=201),
    Route("DELETE", "/me/tokens/{token}", "End one of the caller's app tokens.", who.SIGNED_IN, drop_token),
)  # fmt: skip
