"""Asking an LDAP directory (RFC 4511), Active Directory too: who is there, and whether a password is theirs.

Every answer is waited for some seconds at most, only so many threads wait at
the same time, and no referral is followed: it would get the password.
"""

from __future__ import annotations

import logging
import ssl
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from ldap3 import NONE, SIMPLE, SUBTREE, Connection, Server, Tls
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import parse_dn

from davshare.config import Config
from davshare.errors import Unavailable, UsageError

log = logging.getLogger("davshare.ldap")
#: Seconds for a connection to be made, and for each answer.
PATIENCE = 5
#: How many threads of a process wait for the directory at the same time; others are sent away.
AT_ONCE = 16
#: Entries that come in one answer when all are asked for.
_PAGE = 500
#: Results of a bind that say that these credentials are no good (RFC 4511 appendix A).
_REFUSED = frozenset({19, 32, 34, 48, 49, 50, 53})
_SUCCESS, _NOTHING, _TOO_MANY = 0, 32, 4
_MEMBERS_BY_LOGIN = "memberuid"


class Entry(NamedTuple):
    """A person in the directory; ``id`` never changes, everything else may."""

    dn: str
    id: str
    login: str
    display_name: str
    email: str


class GroupEntry(NamedTuple):
    """A group in the directory; ``members`` as they stand there: DNs, or login names."""

    dn: str
    id: str
    name: str
    members: tuple[str, ...]


class Ldap:
    """The directory that the configuration names.

    :raises UsageError: the configuration of it has a mistake.
    """

    def __init__(self, config: Config) -> None:
        self._url, self._base, self._bind_dn = config.ldap_url, config.ldap_base, config.ldap_bind_dn
        self._user_filter, self._group_filter = config.ldap_user_filter, config.ldap_group_filter
        self._login, self._id = config.ldap_login_attribute, config.ldap_id_attribute
        self._member = config.ldap_group_member
        self._password = _password(config)
        self._seats = threading.BoundedSemaphore(AT_ONCE)
        for key in ("ldap_base", "ldap_login_attribute", "ldap_id_attribute"):
            if not getattr(config, key):
                raise UsageError(f"{key} is missing: without it nobody is found in the directory")
        if config.ldap_ca_file and not Path(config.ldap_ca_file).is_file():
            raise UsageError("ldap_ca_file: there is no such file")
        self._tls = Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=config.ldap_ca_file or None)
        self._starttls = config.ldap_starttls and not config.ldap_url.lower().startswith("ldaps:")
        self._user_attributes = [self._login, self._id, "displayName", "cn", "mail"]
        self._group_attributes = [self._id, "cn"]

    @property
    def has_groups(self) -> bool:
        """Whether groups are taken from the directory as well."""
        return bool(self._group_filter)

    @property
    def by_login(self) -> bool:
        """Whether groups name their members by login, and so hold no groups (RFC 2307)."""
        return self._member.lower() == _MEMBERS_BY_LOGIN

    def find(self, login: str) -> Entry | None:
        """The person with a login name; None if there is nobody, or more than one.

        :raises Unavailable: the directory does not answer.
        """
        wanted = f"({self._login}={escape_filter_chars(login)})"
        with self._open() as connection:
            found = list(self._search(connection, self._users(wanted), self._user_attributes, most=2))
        people = [entry for entry in map(self._entry, found) if entry is not None]
        if len(people) > 1:
            log.warning("the directory has more than one entry for a login name; nobody signs in with it")
        return people[0] if len(people) == 1 else None

    def check(self, entry: Entry, password: str) -> bool:
        """Whether a password is somebody's; an empty one is nobody's (RFC 4513 section 5.1.2).

        :raises Unavailable: the directory does not answer.
        """
        if not password or "\0" in password:
            return False
        with self._connected(entry.dn, password) as connection:
            return self._bound(connection)

    def groups_of(self, entry: Entry) -> dict[str, list[GroupEntry]]:
        """The groups of a person, and those that they lie in: by the DN of the member.

        :raises Unavailable: the directory does not answer.
        """
        found: dict[str, list[GroupEntry]] = {}
        if not self.has_groups:
            return found
        with self._open() as connection:
            waiting = [(entry.dn, entry.login if self.by_login else entry.dn)]
            while waiting:
                dn, value = waiting.pop()
                if dn in found:
                    continue
                wanted = f"({self._member}={escape_filter_chars(value)})"
                found[dn] = list(self._group_entries(connection, wanted, self._group_attributes))
                if not self.by_login:
                    waiting += [(group.dn, group.dn) for group in found[dn]]
        return found

    def everybody(self) -> Iterator[Entry]:
        """All people; the connection stays open meanwhile.

        :raises Unavailable: the directory does not answer.
        """
        with self._open() as connection:
            for found in self._search(connection, self._users(""), self._user_attributes):
                entry = self._entry(found)
                if entry is not None:
                    yield entry

    def all_groups(self) -> Iterator[GroupEntry]:
        """All groups with their members.

        :raises Unavailable: the directory does not answer.
        """
        if self.has_groups:
            with self._open() as connection:
                yield from self._group_entries(connection, "", [*self._group_attributes, self._member])

    def _users(self, wanted: str) -> str:
        return f"(&{self._user_filter}{wanted})"

    def _entry(self, found: Mapping[str, Any]) -> Entry | None:
        values = _attributes(found)
        login = _text(values, self._login)
        number = _identifier(values, self._id)
        if not login or not number:
            return None
        display_name = _text(values, "displayname") or _text(values, "cn") or login
        return Entry(found["dn"], number, login, display_name, _text(values, "mail"))

    def _group_entries(self, connection: Any, wanted: str, attributes: Sequence[str]) -> Iterator[GroupEntry]:
        for found in self._search(connection, f"(&{self._group_filter}{wanted})", attributes):
            values = _attributes(found)
            number = _identifier(values, self._id)
            members = values.get(self._member.lower(), [])
            if number:
                names = tuple(value.decode("utf-8", "replace") for value in members)
                yield GroupEntry(found["dn"], number, _text(values, "cn"), names)

    def _search(self, connection: Any, query: str, attributes: Sequence[str], most: int = 0) -> Iterator[Any]:
        """Entries of a search: a page at a time (RFC 2696), or up to ``most``."""
        cookie: bytes | None = None
        while True:
            connection.search(
                self._base,
                query,
                SUBTREE,
                attributes=list(attributes),
                size_limit=most,
                time_limit=PATIENCE,
                paged_size=None if most else _PAGE,
                paged_cookie=cookie,
            )
            result = connection.result
            if result["result"] not in (_SUCCESS, _TOO_MANY if most else _SUCCESS, _NOTHING):
                raise Unavailable(f"The directory refuses a search: {result['description']}.")
            yield from [each for each in connection.response or () if each.get("type") == "searchResEntry"]
            controls = result.get("controls") or {}
            cookie = controls.get("1.2.840.113556.1.4.319", {}).get("value", {}).get("cookie")
            if not cookie:
                return

    @contextmanager
    def _open(self) -> Iterator[Any]:
        """A connection that may search."""
        with self._connected(self._bind_dn or None, self._password or None) as connection:
            if not self._bound(connection):
                raise Unavailable("The directory does not accept ldap_bind_dn and its password.")
            yield connection

    def _bound(self, connection: Any) -> bool:
        if connection.bind():
            return True
        if connection.result["result"] in _REFUSED:
            return False
        raise Unavailable(f"The directory refuses a sign-in: {connection.result['description']}.")

    @contextmanager
    def _connected(self, dn: str | None, password: str | None) -> Iterator[Any]:
        """A connection, encrypted if it shall be, and not yet bound."""
        if not self._seats.acquire(timeout=1):
            raise Unavailable("Too many are waiting for the directory.")
        connection = None
        try:
            # A new one each time: it remembers for minutes that an address did not answer.
            server = Server(self._url, tls=self._tls, connect_timeout=PATIENCE, get_info=NONE)
            connection = Connection(
                server,
                dn,
                password,
                authentication=SIMPLE if dn else None,
                read_only=True,
                auto_referrals=False,
                receive_timeout=PATIENCE,
                check_names=False,
            )
            connection.open()
            if self._starttls and not connection.start_tls():
                raise Unavailable("The directory does not speak TLS (StartTLS); see ldap_starttls.")
            yield connection
        except (LDAPException, OSError) as error:
            log.warning("the directory does not answer: %s", type(error).__name__)
            raise Unavailable("The directory does not answer.") from error
        finally:
            self._seats.release()
            if connection is not None:
                with suppress(LDAPException, OSError):
                    connection.unbind()


def normal(dn: str) -> str:
    """A DN in the form under which DNs are compared; case counts nowhere (RFC 4514)."""
    try:
        return ",".join(f"{kind.strip()}={value.strip()}" for kind, value, _ in parse_dn(dn, strip=True)).casefold()
    except LDAPException:
        return dn.casefold()


def _password(config: Config) -> str:
    if not config.ldap_password_file:
        if config.ldap_bind_dn:
            raise UsageError("ldap_password_file is missing: the file with the password of ldap_bind_dn")
        return ""
    try:
        return Path(config.ldap_password_file).read_text("utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError):
        raise UsageError("ldap_password_file cannot be read") from None


def _attributes(found: Mapping[str, Any]) -> dict[str, list[bytes]]:
    return {name.lower(): values for name, values in found["raw_attributes"].items()}


def _text(values: Mapping[str, list[bytes]], name: str) -> str:
    """The first value, as far as it can be shown."""
    first = next(iter(values.get(name.lower(), ())), b"")
    return "".join(letter for letter in first.decode("utf-8", "replace") if letter.isprintable()).strip()


def _identifier(values: Mapping[str, list[bytes]], name: str) -> str:
    """The id of an entry as a text: Active Directory has 16 bytes, everybody else the text of a UUID."""
    first = next(iter(values.get(name.lower(), ())), b"")
    if name.lower() == "objectguid":
        return str(uuid.UUID(bytes_le=first)) if len(first) == 16 else ""
    return first.decode("utf-8", "replace")
