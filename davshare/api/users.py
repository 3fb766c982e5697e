"""Accounts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from types import EllipsisType
from typing import Annotated, Any

from davshare.api import who
from davshare.api.call import Call, Made, Route
from davshare.api.pages import Next, Search, page
from davshare.api.schema import Says
from davshare.errors import Conflict, Forbidden, InsufficientStorage, NotFound
from davshare.files import handover
from davshare.identity import apptokens, people, reset
from davshare.identity.people import Account
from davshare.model import names

_NAME = Says("The name, which is a part of addresses.", 1, 64)
_DISPLAY_NAME = Says("The name that others see.", 0, 200)
_EMAIL = Says("E-mail address.", 0, 200)
_ADMIN = Says("Whether they administer the server.")
_GUEST = Says("Whether they can make nothing in their home, and see only what others granted.")
_FACTOR = Says("Whether a password alone is not enough to sign in.")
_QUOTA = Says("Most bytes in the home; null for no limit.", 0)
_PORTABLE = Says("Whether new names in the home have to be such as Windows and macOS can hold.")


@dataclass(frozen=True, slots=True)
class User:
    """An account."""

    id: Annotated[int, Says("A number that never changes.", 1)]
    name: Annotated[str, _NAME]
    display_name: Annotated[str, _DISPLAY_NAME]
    email: Annotated[str, _EMAIL]
    admin: Annotated[bool, _ADMIN]
    guest: Annotated[bool, _GUEST]
    disabled: Annotated[bool, Says("Whether nobody can sign in as them.")]
    second_factor: Annotated[bool, _FACTOR]
    source: Annotated[str, Says("Who keeps the account; empty for this server.")]
    groups: Annotated[list[str], Says("Names of the groups they were put into.")]
    quota: Annotated[int | None, _QUOTA]
    used: Annotated[int | None, Says("Bytes in the home; null without one.", 0)]
    portable: Annotated[bool, _PORTABLE]
    tokens: Annotated[int, Says("How many app tokens they have.", 0)]
    created: datetime


@dataclass(frozen=True, slots=True)
class UserList:
    """A page of accounts, by name."""

    items: list[User]
    next: Next


@dataclass(frozen=True, slots=True)
class NewUser:
    """An account to be made; without a password it signs in with app tokens, or sets one by a link."""

    name: Annotated[str, _NAME]
    password: Annotated[str | None, Says("The first password.", 1, 1024)] = None
    display_name: Annotated[str, _DISPLAY_NAME] = ""
    email: Annotated[str, _EMAIL] = ""
    groups: Annotated[list[Annotated[str, _NAME]] | None, Says("Groups to be put into.", 0, 500)] = None
    admin: Annotated[bool, _ADMIN] = False
    guest: Annotated[bool, _GUEST] = False
    second_factor: Annotated[bool, _FACTOR] = False
    quota: Annotated[int | None, _QUOTA] = None


@dataclass(frozen=True, slots=True)
class UserChanges:
    """What is to be changed of an account; what is left out stays."""

    display_name: Annotated[str | EllipsisType, _DISPLAY_NAME] = ...
    email: Annotated[str | EllipsisType, _EMAIL] = ...
    admin: Annotated[bool | EllipsisType, _ADMIN] = ...
    second_factor: Annotated[bool | EllipsisType, _FACTOR] = ...
    quota: Annotated[int | EllipsisType | None, _QUOTA] = ...
    portable: Annotated[bool | EllipsisType, _PORTABLE] = ...


@dataclass(frozen=True, slots=True)
class Link:
    """A link with which a new password can be chosen, once."""

    url: Annotated[str, Says("To be given to the user; nobody can see it again.")]
    expires: datetime


@dataclass(frozen=True, slots=True)
class HandOver:
    """Who gets what somebody has."""

    to: Annotated[str, _NAME]
    force: Annotated[bool, Says("Also if it is more than their quota allows.")] = False


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What went over."""

    folder: Annotated[str, Says("The folder in the other home; empty: there were no files.")]
    size: Annotated[int, Says("Bytes in it.", 0)]
    shares: Annotated[int, Says("How many shares.", 0)]
    links: Annotated[int, Says("How many public links.", 0)]
    left: Annotated[int, Says("How many of both the other one may not share on, of things of others.", 0)]
    groups: Annotated[int, Says("How many groups the other one manages now.", 0)]
    spaces: Annotated[int, Says("How many project spaces the other one manages now.", 0)]


def told(account: Account) -> User:
    """An account as everybody sees it who may see it."""
    user = account.user
    return User(
        user.id,
        user.name,
        user.display_name,
        user.email,
        user.admin,
        user.guest,
        user.disabled,
        user.second_factor,
        user.source,
        account.groups,
        user.quota,
        account.used,
        account.portable,
        account.tokens,
        datetime.fromtimestamp(user.created, UTC),
    )


def _one(call: Call, name: str) -> User:
    (account,) = people.accounts(call.files.db, name)
    return told(account)


def list_(call: Call) -> UserList:
    """Accounts."""
    query: Search = call.query
    found, after = page(
        query, lambda offset, limit: people.accounts(call.files.db, text=query.search, offset=offset, limit=limit)
    )
    return UserList([told(each) for each in found], after)


def get(call: Call) -> User:
    """One account."""
    return _one(call, call.path["user"])


def add(call: Call) -> Made:
    """A new account."""
    new: NewUser = call.body
    user = people.add_user(
        call.files,
        new.name,
        new.password,
        display_name=new.display_name,
        email=new.email,
        member_of=new.groups or (),
        admin=new.admin,
        guest=new.guest,
        second_factor=new.second_factor,
        quota=new.quota,
        by=call.actor,
    )
    return Made(_one(call, user.name), ("users", user.name))


def change(call: Call) -> User:
    """Change an account."""
    changes: UserChanges = call.body
    if changes.admin is False:
        _demand_other(call)
    wanted: dict[str, Any] = {
        "display_name": changes.display_name,
        "email": changes.email,
        "admin": changes.admin,
        "second_factor": changes.second_factor,
        "quota": changes.quota,
        "portable": changes.portable,
    }
    people.set_user(call.files, call.path["user"], **wanted, by=call.actor)
    return _one(call, call.path["user"])


def hand_over(call: Call) -> HandedOver:
    """Give what somebody has to somebody else."""
    wanted: HandOver = call.body
    done = handover.hand_over(call.files, call.path["user"], wanted.to, force=wanted.force, by=call.actor)
    return HandedOver(*done)


def remove(call: Call) -> None:
    """Remove an account."""
    _demand_other(call)
    people.remove_user(call.files, call.path["user"], by=call.actor)


def disable(call: Call) -> None:
    """Let nobody sign in."""
    _demand_other(call)
    people.disable(call.files.db, call.path["user"], by=call.actor)


def enable(call: Call) -> None:
    """Let somebody sign in again."""
    people.enable(call.files, call.path["user"], by=call.actor)


def reset_password(call: Call) -> Link:
    """A link to a new password."""
    if names.key(call.path["user"]) == call.actor.name and apptokens.is_limited(call.actor):
        raise Forbidden("A token cannot change the password of its owner.")
    expires = int(time.time()) + reset.GOOD_FOR
    secret = reset.create(call.files.db, call.path["user"], expires)
    return Link(f"{call.site}/reset/{secret}", datetime.fromtimestamp(expires, UTC))


def _demand_other(call: Call) -> None:
    """Administrators do not lock themselves out."""
    if names.key(call.path["user"]) == call.actor.name:
        raise Conflict("Another administrator has to do this to you.")


_USER = "/users/{user}"
ROUTES = (
    Route("GET", "/users", "Accounts by name.", who.ADMIN, list_, UserList, query=Search),
    Route("POST", "/users", "Make an account.", who.ADMIN, add, User, NewUser, errors=(Conflict, NotFound), status=201),
    Route("GET", _USER, "One account.", who.SELF_OR_ADMIN, get, User),
    Route("PATCH", _USER, "Change an account.", who.ADMIN, change, User, UserChanges, errors=(Conflict,)),
    Route("DELETE", _USER, "Remove an account; the files of its home stay on disk.", who.ADMIN, remove,
          errors=(Conflict,)),
    Route("POST", _USER + "/handover", "Give their files, shares, groups and spaces to somebody else.", who.ADMIN,
          hand_over, HandedOver, HandOver, errors=(Conflict, NotFound, InsufficientStorage)),
    Route("POST", _USER + "/disable", "Let nobody sign in as them.", who.ADMIN, disable, errors=(Conflict,)),
    Route("POST", _USER + "/enable", "Let them sign in again.", who.ADMIN, enable),
    Route("POST", _USER + "/password-reset", "Make a link with which they choose a new password, once.", who.ADMIN,
          reset_password, Link, errors=(Conflict,), status=201),
)  # fmt: skip
