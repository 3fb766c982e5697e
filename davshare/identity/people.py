"""Accounts as an administrator handles them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import EllipsisType
from typing import TYPE_CHECKING, Any, NamedTuple

from davshare.errors import BadRequest, Conflict
from davshare.files import access, record
from davshare.identity import passwords
from davshare.identity.groups import PAGE, change_membership
from davshare.identity.lookup import check_text, find_group, find_user
from davshare.index import identities, members, people, sessions, spaces
from davshare.index.database import Connection, Database
from davshare.index.members import Membership
from davshare.model import names
from davshare.model.people import Actor, User

if TYPE_CHECKING:
    from davshare.files.commit import Transaction
    from davshare.files.service import Files


#: The source of accounts that were made because somebody shares with an e-mail address.
INVITED = "invited"


class Account(NamedTuple):
    """A user as reports show it; ``home`` and ``used`` (bytes) are None for someone without a home."""

    user: User
    groups: list[str]
    home: str | None
    used: int | None
    tokens: int
    portable: bool


def accounts(
    database: Database, name: str | None = None, *, text: str = "", offset: int = 0, limit: int | None = None
) -> list[Account]:
    """Users by name: all of them, a page of them, or the one of that name.

    A page costs four statements, whoever is on it.

    :param text: only those who have it in name, display name or e-mail address.
    :raises NotFound: there is none of that name.
    """
    with database.snapshot() as connection:
        known = people.search_users(connection, text, offset, limit) if name is None else [find_user(connection, name)]
        ids = [user.id for user in known]
        groups = members.names_of_groups(connection, ids)
        homes = spaces.homes_of(connection, ids)
        tokens = people.token_counts(connection, ids)
    found = []
    for user in known:
        home, used, portable = homes.get(user.id, (None, None, False))
        found.append(Account(user, groups.get(user.id, []), home, used, tokens.get(user.id, 0), portable))
    return found


def search(database: Database, text: str = "", offset: int = 0, limit: int = PAGE) -> list[User]:
    """A page of users by name; ``text`` occurs in name, display name or e-mail address; one statement."""
    with database.session() as connection:
        return people.search_users(connection, text, offset, limit)


def user_named(database: Database, name: str) -> User:
    """The user of that name.

    :raises NotFound: there is none.
    """
    with database.session() as connection:
        return find_user(connection, name)


def check_ours(user: User) -> None:
    """Return when the password of an account is ours to change.

    :raises Conflict: a directory keeps it.
    """
    if user.source == "ldap":
        raise Conflict("The password of this account is kept in the directory.")


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
    guest: bool = False,
    second_factor: bool = False,
    source: str = "",
    identity: tuple[str, str] | None = None,
    by: Actor | None = None,
) -> User:
    """A new account with its home; in that of a guest nothing can be made, so they have only what others granted.

    The account is of no use to anybody until its home exists: a crash in
    between leaves a disabled one, and :func:`enable` makes up for it.

    :param password: None makes an account that cannot sign in with a password.
    :param source: who keeps the account; empty: we do.
    :param by: who does this; None: the server itself, or an administrator at its console.
    :param identity: issuer and subject of the same person elsewhere.
    :raises BadRequest: name, password or another value cannot be accepted.
    :raises Conflict: the name is taken, or the identity is known already.
    :raises NotFound: there is no such group.
    """
    from davshare.files.spaces import make_home

    name = names.key(name)
    names.check_account(name)
    if guest and admin:
        raise BadRequest("A guest cannot be an administrator.")
    if password is not None:
        passwords.check_new(password, files.settings.get("password.min_length"))
    check_text(display_name, email)
    hashed = None if password is None else passwords.make_hash(password)
    new = User(0, name, display_name or name, email, hashed, admin, True, quota, int(time.time()))
    new = new._replace(guest=guest, second_factor=second_factor, source=source)
    new = _insert(files, new, member_of, identity)
    try:
        make_home(files, new)
    except BaseException:
        with files.db.write() as connection:
            people.remove(connection, new.id)
        raise
    new = new._replace(disabled=False)
    with files.db.write() as connection:
        people.update_user(connection, new)
        record.note(connection, "user.add", by, whom=new, guest=guest, admin=admin)
    return new


def _insert(files: Files, new: User, member_of: Sequence[str], identity: tuple[str, str] | None) -> User:
    """The row of a new user, with memberships and identity."""

    def work(tx: Transaction) -> User:
        joined = [find_group(tx.connection, group).id for group in member_of]
        if people.user(tx.connection, new.name) is not None:
            raise Conflict("There is a user of this name already.")
        if identity is not None and identities.owner(tx.connection, *identity) is not None:
            raise Conflict("This person has an account already.")
        user = new._replace(id=people.add_user(tx.connection, new))
        if identity is not None:
            identities.add(tx.connection, *identity, user.id)
        change_membership(tx, joining=[Membership(group, user.id) for group in joined])
        return user

    return files.committer.run(work, [])


def set_user(
    files: Files,
    name: str,
    *,
    display_name: str | EllipsisType = ...,
    email: str | EllipsisType = ...,
    admin: bool | EllipsisType = ...,
    second_factor: bool | EllipsisType = ...,
    quota: int | EllipsisType | None = ...,
    portable: bool | EllipsisType = ...,
    by: Actor | None = None,
) -> User:
    """Change what is given; quota and portable are those of the home.

    :raises NotFound: there is no such user.
    :raises BadRequest: a value cannot be accepted.
    """
    from davshare.files.spaces import set_home

    wanted = {"display_name": display_name, "email": email, "admin": admin, "quota": quota}
    wanted["second_factor"] = second_factor
    changes: dict[str, Any] = {key: value for key, value in wanted.items() if value is not ...}
    check_text(changes.get("display_name", ""), changes.get("email", ""))

    def change(connection: Connection) -> User:
        user = find_user(connection, name)._replace(**changes)
        if user.guest and user.admin:
            raise BadRequest("A guest cannot be an administrator.")
        people.update_user(connection, user)
        record.note(connection, "user.change", by, whom=user, changed=sorted(changes))
        return user

    def work(tx: Transaction) -> User:
        user = change(tx.connection)
        access.settle(tx, [user.id])
        return user

    if admin is False:
        user = files.committer.run(work, [])
    else:
        with files.db.write() as connection:
            user = change(connection)
    if "quota" in changes or portable is not ...:
        set_home(files, user.id, quota=quota, portable=portable)
    return user


def set_password(database: Database, name: str, password: str, min_length: int, by: Actor | None = None) -> User:
    """Give a user another password; sessions and remembered sign-ins end at once.

    :raises NotFound: there is no such user.
    :raises BadRequest: the password cannot be accepted.
    :raises Conflict: a directory keeps the password.
    """
    passwords.check_new(password, min_length)
    hashed = passwords.make_hash(password)
    with database.write() as connection:
        user = find_user(connection, name)
        check_ours(user)
        user = user._replace(password=hashed)
        people.update_user(connection, user)
        sessions.remove_of_user(connection, user.id)
        record.note(connection, "user.password", by, whom=user)
    return user


def disable(database: Database, name: str, by: Actor | None = None) -> User:
    """Nobody signs in as this user any more, with password or token; nothing is deleted.

    :raises NotFound: there is no such user.
    """
    with database.write() as connection:
        user = find_user(connection, name)._replace(disabled=True)
        people.update_user(connection, user)
        record.note(connection, "user.disable", by, whom=user)
    return user


def enable(files: Files, name: str, by: Actor | None = None) -> User:
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
        record.note(connection, "user.enable", by, whom=user)
    return user


def remove_user(files: Files, name: str, by: Actor | None = None) -> User:
    """Remove an account with its tokens and grants; the files of its home stay on disk under another name.

    :raises NotFound: there is no such user.
    """
    from davshare.files.spaces import drop_home

    user = disable(files.db, name, by)
    drop_home(files, user.id)

    def work(tx: Transaction) -> User:
        access.forget_sharer(tx, user.id)
        change_membership(tx, leaving=members.touching(tx.connection, user.id))
        people.remove(tx.connection, user.id)
        record.note(tx.connection, "user.remove", by, whom=user)
        return user

    return files.committer.run(work, [])
