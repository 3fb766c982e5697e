"""Accounts and groups that a directory keeps, brought up to date at every sign-in and by a command.

An entry is known by the id that the directory gave it, never by its name: who
is renamed keeps the account, and who takes over a name gets another one.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from davshare.errors import BadRequest, Conflict, NotAuthenticated, NotFound, Unavailable
from davshare.identity import unfinished
from davshare.identity.groups import change_membership
from davshare.identity.ldap import Entry, GroupEntry, Ldap, normal
from davshare.identity.lookup import find_user
from davshare.identity.people import add_user, disable
from davshare.index import identities, members, people
from davshare.index.members import Membership
from davshare.model import names
from davshare.model.people import User

if TYPE_CHECKING:
    from davshare.files.commit import Transaction
    from davshare.files.service import Files

log = logging.getLogger("davshare.ldap")
#: Who keeps these accounts, groups and memberships; the issuer of their identities.
SOURCE = "ldap"
#: Accounts that can be gone from the directory at once without anybody being asked; more must be under a half.
_FEW = 10
_BATCH = 500
_LONGEST = 200
_UNUSABLE = re.compile(r"[^\w.@+\- ']+")
_SUFFIXES = range(1, 1000)
#: Who is in which groups, by ids.
Wanted = Mapping[int, frozenset[int]]


class Synced(NamedTuple):
    """What a comparison with the directory has found and done."""

    accounts: int
    updated: int
    disabled: list[str]
    groups: int
    joined: int
    left: int


class Directory:
    """The accounts of a directory; see :class:`davshare.identity.proof.Directory`."""

    def __init__(self, files: Files, ldap: Ldap) -> None:
        self._files = files
        self._db = files.db
        self._ldap = ldap

    def find(self, login: str) -> Entry | None:
        """The entry of a login name.

        :raises Unavailable: the directory does not answer.
        """
        return self._ldap.find(login)

    def check(self, entry: Entry, password: str) -> bool:
        """Whether the password is the entry's.

        :raises Unavailable: the directory does not answer.
        """
        return self._ldap.check(entry, password)

    def account_of(self, entry: Entry) -> User | None:
        """The account that an entry has already."""
        with self._db.snapshot() as connection:
            number = identities.owner(connection, SOURCE, entry.id)
            return None if number is None else people.user_by_id(connection, number)

    def admit(self, entry: Entry) -> User:
        """The account of somebody who has shown the password: made, or brought up to date with its groups.

        :raises Unavailable: the directory does not answer.
        """
        above = self._ldap.groups_of(entry)
        user = unfinished.whole(self._files, self.account_of(entry) or self._make(entry))
        user = self._refresh(user, entry)
        if self._ldap.has_groups and not user.disabled:
            known = {group.dn: self._group(group) for groups in above.values() for group in groups}
            wanted = {
                user.id if dn == entry.dn else known[dn]: frozenset(known[group.dn] for group in groups)
                for dn, groups in above.items()
            }
            self._settle(wanted, frozenset(known.values()))
        return user

    def adopt(self, name: str, login: str) -> User:
        """Let the directory keep an account that was ours: its person signs in with the password there from now on.

        :raises NotFound: there is no such account, or nobody of that login in the directory.
        :raises Conflict: the account, or the person, belongs to another one already.
        :raises Unavailable: the directory does not answer.
        """
        entry = self.find(login)
        if entry is None:
            raise NotFound("Nobody is found in the directory under this name, or more than one.")
        with self._db.write() as connection:
            user = find_user(connection, name)
            if user.source or identities.owner(connection, SOURCE, entry.id) is not None:
                raise Conflict("The account or the person in the directory belongs to another one already.")
            user = user._replace(source=SOURCE, password=None)
            people.update_user(connection, user)
            identities.add(connection, SOURCE, entry.id, user.id)
        return user

    def sync(self, accept: bool = False) -> Synced:
        """Bring all accounts and groups up to date; accounts that are gone are disabled.

        :param accept: also when it is most of them.
        :raises Unavailable: the directory does not answer, or shows nobody.
        :raises Conflict: so many are gone that somebody has to say that this is meant.
        """
        found = {entry.id: entry for entry in self._ldap.everybody()}
        if not found:
            raise Unavailable("The directory shows nobody; nothing was changed.")
        with self._db.snapshot() as connection:
            known = identities.of_issuer(connection, SOURCE, "user")
            users = {user.id: user for user in people.users(connection) if user.source == SOURCE}
        ours = {subject: users[number] for subject, number in known.items() if number in users}
        gone = [user for subject, user in ours.items() if subject not in found and not user.disabled]
        if not accept and len(gone) > max(_FEW, len(ours) // 2):
            raise Conflict(f"{len(gone)} of {len(ours)} accounts are gone from the directory; nothing was changed.")
        listed = list(self._ldap.all_groups())
        for user in gone:
            disable(self._db, user.name)
        present = {subject: user for subject, user in ours.items() if subject in found}
        updated = sum(self._refresh(user, found[subject]) != user for subject, user in present.items())
        joined, left = self._sync_groups(listed, {found[subject]: user.id for subject, user in present.items()})
        return Synced(len(present), updated, sorted(user.name for user in gone), len(listed), joined, left)

    def _sync_groups(self, listed: list[GroupEntry], present: Mapping[Entry, int]) -> tuple[int, int]:
        numbers = {normal(group.dn): self._group(group) for group in listed}
        by_name = {
            entry.login.casefold() if self._ldap.by_login else normal(entry.dn): number
            for entry, number in present.items()
        }
        wanted: dict[int, set[int]] = {number: set() for number in (*numbers.values(), *present.values())}
        for group in listed:
            for member in group.members:
                key = member.casefold() if self._ldap.by_login else normal(member)
                number = by_name.get(key) or numbers.get(key)
                if number is not None:
                    wanted[number].add(numbers[normal(group.dn)])
        with self._db.snapshot() as connection:
            for each in members.kept(connection, SOURCE):
                wanted.setdefault(each.member, set())
        return self._settle({key: frozenset(value) for key, value in wanted.items()}, frozenset(numbers.values()))

    # -- accounts ----------------------------------------------------------------------

    def _make(self, entry: Entry) -> User:
        """A new account under the login name, or under one with a number if that is somebody else's."""
        plain = _name(entry.login)
        for number in _SUFFIXES if plain else ():
            name = plain if number == 1 else f"{plain}-{number}"
            try:
                return add_user(
                    self._files,
                    name,
                    None,
                    display_name=entry.display_name[:_LONGEST],
                    email=entry.email[:_LONGEST],
                    source=SOURCE,
                    identity=(SOURCE, entry.id),
                )
            except BadRequest:
                break
            except Conflict:
                made = self.account_of(entry)
                if made is not None:
                    return made
        log.warning("no name can be made of a login name in the directory")
        raise NotAuthenticated

    def _refresh(self, user: User, entry: Entry) -> User:
        """Write name and address if they are others than before."""
        fresh = user._replace(display_name=entry.display_name[:_LONGEST], email=entry.email[:_LONGEST])
        if fresh == user:
            return user
        with self._db.write() as connection:
            present = people.user_by_id(connection, user.id)
            if present is None:
                return user
            fresh = present._replace(display_name=fresh.display_name, email=fresh.email)
            people.update_user(connection, fresh)
        return fresh

    # -- groups ------------------------------------------------------------------------

    def _group(self, entry: GroupEntry) -> int:
        """The id of a group that the directory keeps, made if it is new; groups of ours keep their names."""
        with self._db.snapshot() as connection:
            number = identities.owner(connection, SOURCE, entry.id)
            known = None if number is None else people.principal_by_id(connection, number)
        if known is not None and known.display_name == (entry.name[:_LONGEST] or known.name):
            return known.id
        plain = _name(entry.name) or "group"

        def work(tx: Transaction) -> int:
            number = identities.owner(tx.connection, SOURCE, entry.id)
            found = None if number is None else people.principal_by_id(tx.connection, number)
            if found is not None and not isinstance(found, User):
                people.update_group(tx.connection, found._replace(display_name=entry.name[:_LONGEST] or found.name))
                return found.id
            free = (name for name in _candidates(plain) if people.group(tx.connection, name) is None)
            made = people.add_group(tx.connection, next(free), entry.name[:_LONGEST] or plain, int(time.time()), SOURCE)
            identities.add(tx.connection, SOURCE, entry.id, made)
            return made

        return self._files.committer.run(work, [])

    def _settle(self, wanted: Wanted, groups: frozenset[int]) -> tuple[int, int]:
        """Let members be in the groups that the directory says, and in those that we say; how many joined and left."""
        with self._db.snapshot() as connection:
            present = members.of(connection, list(wanted))
        there = {(each.group, each.member) for each in present}
        joining = [
            Membership(group, member, SOURCE, member in groups)
            for member, above in wanted.items()
            for group in above
            if (group, member) not in there
        ]
        leaving = [each for each in present if each.source == SOURCE and each.group not in wanted[each.member]]
        joined = left = 0
        for part in _batches(joining, leaving):
            come, gone = self._files.committer.run(lambda tx, part=part: _change(tx, *part), [])  # type: ignore[misc]
            joined, left = joined + come, left + gone
        return joined, left


def _change(tx: Transaction, joining: list[Membership], leaving: list[Membership]) -> tuple[int, int]:
    """One batch; a circle of groups in the directory is cut where it closes."""
    joined = 0
    _, gone = change_membership(tx, leaving=leaving)
    for each in joining:
        try:
            joined += len(change_membership(tx, joining=[each])[0])
        except Conflict:
            log.warning("groups in the directory lie in each other; one of the memberships is left out")
    return joined, len(gone)


def _batches(
    joining: list[Membership], leaving: list[Membership]
) -> Iterable[tuple[list[Membership], list[Membership]]]:
    for start in range(0, len(leaving), _BATCH):
        yield [], leaving[start : start + _BATCH]
    for start in range(0, len(joining), _BATCH):
        yield joining[start : start + _BATCH], []


def _name(text: str) -> str:
    """A name of ours, made of one of the directory's; empty if nothing is left of it."""
    name = _UNUSABLE.sub("-", names.key(text)).lstrip("_.@+-' ")[:50].rstrip(" .")
    while len(name.encode()) > 120:
        name = name[:-1].rstrip(" .")
    return name


def _candidates(plain: str) -> Iterable[str]:
    return (plain if number == 1 else f"{plain}-{number}" for number in _SUFFIXES)
