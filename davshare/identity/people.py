"""Accounts and groups as an administrator handles them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import EllipsisType
from typing import TYPE_CHECKING, Any, NamedTuple

from davshare.errors import BadRequest, Conflict, NotFound
from davshare.identity import passwords
from davshare.index import nodes, people, sessions, spaces
from davshare.index.database import Connection, Database, Taken
from davshare.model import names
from davshare.model.people import Group, User

if TYPE_CHECKING:
    from davshare.files.service import Files

_LONGEST_TEXT = 200


def find_user(connection: Connection, name: str) -> User:
    """The user of that name, however its accents are spelled.

    :raises NotFound: there is none.
    """
    user = people.user(connection, names.key(name))
    if user is None:
        raise NotFound("There is no such user.")
    return user


def find_group(connection: Connection, name: str) -> Group:
    """The group of that name.

    :raises NotFound: there is none.
    """
    group = people.group(connection, names.key(name))
    if group is None:
        raise NotFound("There is no such group.")
    return group


class Account(NamedTuple):
    """A user as reports show it; ``home`` and ``used`` (bytes) are None for someone without a home."""

    user: User
    groups: list[str]
    home: str | None
    used: int | None
    tokens: int
    portable: bool


def accounts(database: Database, name: str | None = None) -> list[Account]:
    """All users by name, or the one of that name.

    :raises NotFound: there is none of that name.
    """
    with database.snapshot() as connection:
        known = people.users(connection) if name is None else [find_user(connection, name)]
        return [_account(connection, user) for user in known]


def _account(connection: Connection, user: User) -> Account:
    home = spaces.home(connection, user.id)
    root = None if home is None else nodes.get(connection, home.node)
    return Account(
        user,
        [group.name for group in people.groups_of(connection, user.id)],
        None if home is None else home.root,
        None if root is None else root.size,
        len(people.tokens(connection, user.id)),
        home is not None and home.portable,
    )


def groups(database: Database) -> list[tuple[Group, list[str]]]:
    """All groups by name, with the names of their members."""
    with database.snapshot() as connection:
        return [
            (group, [user.name for user in people.members_of(connection, group.id)])
            for group in people.groups(connection)
        ]


def user_named(database: Database, name: str) -> User:
    """The user of that name.

    :raises NotFound: there is none.
    """
    with database.session() as connection:
        return find_user(connection, name)


def check_new_user(database: Database, name: str) -> None:
    """Return when an account of that name could be added.

    :raises BadRequest: the name cannot be one.
    :raises Conflict: it is taken.
    """
    names.check_account(names.key(name))
    with database.session() as connection:
        if people.user(connection, names.key(name)) is not None:
            raise Conflict("There is a user of this name already.")


def add_user(
    files: Files,
    name: str,
    password: str | None,
    *,
    display_name: str = "",
    email: str = "",
    member_of: Sequence[str] = (),
    admin: bool = False,
    quota: int | None = None,
) -> User:
    """A new account with its home.

    The account is of no use to anybody until its home exists: a crash in
    between leaves a disabled one, and :func:`enable` makes up for it.

    :param password: None makes an account that cannot sign in with a password.
    :raises BadRequest: name, password or another value cannot be accepted.
    :raises Conflict: the name is taken.
    :raises NotFound: there is no such group.
    """
    from davshare.files.spaces import make_home

    name = names.key(name)
    names.check_account(name)
    if password is not None:
        passwords.check_new(password, files.settings.get("password.min_length"))
    _check_text(display_name, email)
    hashed = None if password is None else passwords.make_hash(password)
    new = User(0, name, display_name or name, email, hashed, admin, True, quota, int(time.time()))
    with files.db.write() as connection:
        memberships = [find_group(connection, group).id for group in member_of]
        if people.user(connection, name) is not None:
            raise Conflict("There is a user of this name already.")
        new = new._replace(id=people.add_user(connection, new))
        for group in memberships:
            people.add_member(connection, group, new.id)
    try:
        make_home(files, new)
    except BaseException:
        with files.db.write() as connection:
            people.remove(connection, new.id)
        raise
    new = new._replace(disabled=False)
    with files.db.write() as connection:
        people.update_user(connection, new)
    return new


def set_user(
    files: Files,
    name: str,
    *,
    display_name: str | EllipsisType = ...,
    email: str | EllipsisType = ...,
    admin: bool | EllipsisType = ...,
    quota: int | EllipsisType | None = ...,
    portable: bool | EllipsisType = ...,
) -> User:
    """Change what is given; quota and portable are those of the home.

    :raises NotFound: there is no such user.
    :raises BadRequest: a value cannot be accepted.
    """
    from davshare.files.spaces import set_home

    wanted = {"display_name": display_name, "email": email, "admin": admin, "quota": quota}
    changes: dict[str, Any] = {key: value for key, value in wanted.items() if value is not ...}
    _check_text(changes.get("display_name", ""), changes.get("email", ""))
    with files.db.write() as connection:
        user = find_user(connection, name)._replace(**changes)
        people.update_user(connection, user)
    if "quota" in changes or portable is not ...:
        set_home(files, user.id, quota=quota, portable=portable)
    return user


def set_password(database: Database, name: str, password: str, min_length: int) -> User:
    """Give a user another password; sessions and remembered sign-ins end at once.

    :raises NotFound: there is no such user.
    :raises BadRequest: the password cannot be accepted.
    """
    passwords.check_new(password, min_length)
    hashed = passwords.make_hash(password)
    with database.write() as connection:
        user = find_user(connection, name)._replace(password=hashed)
        people.update_user(connection, user)
        sessions.remove_of_user(connection, user.id)
    return user


def disable(database: Database, name: str) -> User:
    """Nobody signs in as this user any more, with password or token; nothing is deleted.

    :raises NotFound: there is no such user.
    """
    with database.write() as connection:
        user = find_user(connection, name)._replace(disabled=True)
        people.update_user(connection, user)
    return user


def enable(files: Files, name: str) -> User:
    """The opposite of :func:`disable`; makes the home if it is missing.

    :raises NotFound: there is no such user.
    """
    from davshare.files.spaces import make_home

    with files.db.session() as connection:
        user = find_user(connection, name)
        homeless = spaces.home(connection, user.id) is None
    if homeless:
        make_home(files, user)
    user = user._replace(disabled=False)
    with files.db.write() as connection:
        people.update_user(connection, user)
    return user


def remove_user(files: Files, name: str) -> User:
    """Remove an account with its tokens and grants; the files of its home stay on disk under another name.

    :raises NotFound: there is no such user.
    """
    from davshare.files.spaces import drop_home

    user = disable(files.db, name)
    drop_home(files, user.id)
    with files.db.write() as connection:
        people.remove(connection, user.id)
    return user


def add_group(database: Database, name: str, display_name: str = "") -> Group:
    """A new group without members.

    :raises BadRequest: the name cannot be accepted.
    :raises Conflict: it is taken.
    """
    name = names.key(name)
    names.check_account(name)
    _check_text(display_name, "")
    try:
        with database.write() as connection:
            number = people.add_group(connection, name, display_name or name, int(time.time()))
    except Taken:
        raise Conflict("There is a group of this name already.") from None
    return Group(number, name, display_name or name)


def remove_group(database: Database, name: str) -> Group:
    """Remove a group with everything that was granted to it.

    :raises NotFound: there is no such group.
    """
    with database.write() as connection:
        group = find_group(connection, name)
        people.remove(connection, group.id)
    return group


def join(database: Database, group: str, user: str) -> bool:
    """Put a user into a group; whether that is new.

    :raises NotFound: one of them does not exist.
    """
    with database.write() as connection:
        return people.add_member(connection, find_group(connection, group).id, find_user(connection, user).id)


def leave(database: Database, group: str, user: str) -> bool:
    """Take a user out of a group; whether the user was in it.

    :raises NotFound: one of them does not exist.
    """
    with database.write() as connection:
        return people.remove_member(connection, find_group(connection, group).id, find_user(connection, user).id)


def _check_text(display_name: str, email: str) -> None:
    for text in (display_name, email):
        if len(text) > _LONGEST_TEXT or not text.isprintable():
            raise BadRequest(f"A name or address is up to {_LONGEST_TEXT} printable characters.")
