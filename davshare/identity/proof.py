"""Whether a password is somebody's: our own hash, or a directory's word, and the second factor."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from davshare.errors import NotAuthenticated
from davshare.identity import passwords, second_factor
from davshare.index import people
from davshare.index.database import Database
from davshare.model.people import User

#: Seconds for which something that was wrong may become right without our knowing.
_SHORTLY = 60.0


class SecondFactorNeeded(NotAuthenticated):
    """The password was right, and is not enough."""

    message = "A second factor is needed here: use an app token, or the password directly followed by the code."


class Directory(Protocol):
    """Who keeps accounts elsewhere; every method may raise Unavailable."""

    def find(self, login: str) -> Any | None:
        """The entry of a login name."""
        ...

    def account_of(self, entry: Any) -> User | None:
        """The account that an entry has here already."""
        ...

    def check(self, entry: Any, password: str) -> bool:
        """Whether the password is the entry's."""
        ...

    def admit(self, entry: Any) -> User:
        """The account, made or brought up to date."""
        ...


class Account(NamedTuple):
    """An account as a sign-in finds it.

    ``state`` becomes another one whenever something else has to be shown to
    sign in, and is None where nothing of ours does.  ``wrong_for`` says for how
    many seconds a wrong password stays wrong as long as the state does.
    """

    user: User | None
    state: str | None
    elsewhere: bool
    wrong_for: float


def state_of(user: User | None) -> str | None:
    """What has to be shown to sign in as a user, as a text to compare; None if nobody can."""
    if user is None or user.disabled:
        return None
    factor = "" if user.totp is None else user.totp.hex()
    return f"{user.source}\n{user.password}\n{user.second_factor}\n{factor}"


class Proofs:
    """Judges passwords.

    :param key: the site's key.
    :param directory: asked about accounts that are not ours.
    """

    def __init__(self, database: Database, key: bytes, directory: Directory | None = None) -> None:
        self._db = database
        self._key = key
        self._directory = directory

    def login_name(self, text: str) -> str:
        """The name of the account that a text names, or whose e-mail address it is if it is nobody else's."""
        with self._db.session() as connection:
            if people.user(connection, text) is None:
                found = people.by_email(connection, text)
                if len(found) == 1:
                    return found[0].name
        return text

    def account(self, name: str) -> Account:
        """What is known of an account; one statement."""
        with self._db.session() as connection:
            user = people.user(connection, name)
        elsewhere = self._directory is not None and (user is None or user.source == "ldap")
        lasting = not elsewhere and (user is None or user.totp is None)
        return Account(user, state_of(user), elsewhere, float("inf") if lasting else _SHORTLY)

    def judge(self, name: str, account: Account, password: str) -> User | None:
        """Who has shown enough to sign in; None: nobody.

        :raises SecondFactorNeeded: the password is right, and not enough.
        :raises Unavailable: the directory does not answer.
        """
        if account.elsewhere and self._directory is not None:
            return self._abroad(self._directory, name, password)
        user = account.user if account.state is not None else None
        plain, code = second_factor.split(user, password)
        stored = None if user is None else user.password
        if not passwords.verify(stored, plain) or user is None or stored is None:
            return None
        if not self._second(user, code):
            return None
        return self._hashed_anew(user, stored, plain) if passwords.is_outdated(stored) else user

    def _abroad(self, directory: Directory, name: str, password: str) -> User | None:
        entry = directory.find(name)
        if entry is None:
            return None
        user = directory.account_of(entry)
        plain, code = second_factor.split(user, password)
        # To bind with an empty password succeeds for everybody (RFC 4513 section 5.1.2).
        if not plain or not directory.check(entry, plain) or (user is not None and not self._second(user, code)):
            return None
        user = directory.admit(entry)
        return None if user.disabled else user

    def _second(self, user: User, code: str | None) -> bool:
        """Whether there is a second factor where one is needed."""
        if not second_factor.is_needed(user):
            return True
        if code is None:
            raise SecondFactorNeeded
        return second_factor.spend(self._db, self._key, user, code)

    def _hashed_anew(self, user: User, old: str, plain: str) -> User:
        new = passwords.make_hash(plain)
        with self._db.write() as connection:
            people.set_password(connection, user.id, old, new)
        return user._replace(password=new)
