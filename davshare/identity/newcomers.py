"""Whom a provider vouches for, as a user: found, linked or made; and the groups that it puts them into."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from davshare.errors import BadRequest, Conflict, NotFound
from davshare.identity import jwt
from davshare.identity import people as accounts
from davshare.identity.groups import change_membership
from davshare.identity.lookup import find_user
from davshare.identity.oidc import LONGEST, Proof
from davshare.identity.providers import REMOTE
from davshare.identity.unfinished import whole
from davshare.index import identities, members, onetime, people, sessions
from davshare.index.database import Connection, Database
from davshare.index.members import Membership
from davshare.index.onetime import Once
from davshare.model import names
from davshare.model.people import User

if TYPE_CHECKING:
    from davshare.files.commit import Transaction
    from davshare.files.service import Files

SOURCE = "oidc"
_MOST_GROUPS = 200
_MOST_NAMESAKES = 100
_ODD = re.compile(r"[^\w.@+\-' ]")


def known(connection: Connection, proof: Proof) -> User | None:
    """The user that the subject is, if that is settled already."""
    number = identities.owner(connection, proof.provider.issuer, proof.subject)
    return None if number is None else people.user_by_id(connection, number)


def find_or_make(files: Files, proof: Proof) -> User | None:
    """The user that the subject is, made or found by e-mail where the configuration says so; else None.

    :raises Unavailable: another worker is making the account and has not finished.
    """
    with files.db.snapshot() as connection:
        user = known(connection, proof)
    if user is not None:
        return whole(files, user)
    # With an address that they chose themselves, people would draw others into their own account.
    if proof.provider.link_by_email and not files.settings.get("accounts.change_email"):
        user = _by_email(files.db, proof)
    if user is None and proof.provider.auto_create:
        user = _made(files, proof)
    return user


def link(database: Database, name: str, issuer: str, subject: str) -> None:
    """Let a subject of an issuer be a user from now on.

    :raises NotFound: there is no such user.
    :raises BadRequest: the issuer is no address, or one of them is too long.
    :raises Conflict: the subject is a user already.
    """
    with database.write() as connection:
        link_to(connection, find_user(connection, name).id, issuer, subject)


def linked(database: Database, name: str) -> list[tuple[str, str]]:
    """Issuers and subjects that are a user.

    :raises NotFound: there is no such user.
    """
    with database.session() as connection:
        return identities.of_user(connection, find_user(connection, name).id)


def link_to(connection: Connection, user: int, issuer: str, subject: str) -> None:
    """The same with the id of the user; nothing happens when it is linked to this very user already.

    :raises BadRequest: the issuer is no address, or one of them is too long.
    :raises Conflict: the subject is another user.
    """
    if "://" not in issuer or not all(0 < len(each) <= 2048 and each.isprintable() for each in (issuer, subject)):
        raise BadRequest("An issuer is an address, and a subject a short printable text.")
    if (
        not identities.claim(connection, issuer, subject, user)
        and identities.owner(connection, issuer, subject) != user
    ):
        raise Conflict("This identity is linked to another account already.")


def unlink(files: Files, name: str, issuer: str, subject: str | None = None) -> int:
    """Forget that somebody at an issuer is the user, end the sessions and leave the groups that come from there.

    :param subject: None: whoever it is.
    :raises NotFound: there is no such user, or nothing was linked.
    """
    if "://" not in issuer:
        raise NotFound("This user has no such identity.")

    def work(tx: Transaction) -> int:
        user = find_user(tx.connection, name)
        done = identities.remove(tx.connection, user.id, issuer, subject)
        if not done:
            raise NotFound("This user has no such identity.")
        sessions.remove_linked(tx.connection, user.id, issuer)
        change_membership(tx, leaving=_vouched(tx.connection, user.id, issuer))
        return done

    return files.committer.run(work, [])


def follow_groups(files: Files, user: User, proof: Proof, complete: bool) -> None:
    """Let the user join and leave the provider's groups, as the newest token says.

    :param complete: a missing claim means "no groups", and not "nothing is said".
    """
    provider = proof.provider
    if not provider.groups_claim or not (complete or provider.groups_claim in proof.claims):
        return
    mark = _hashed("groups", proof)
    with files.db.session() as connection:
        if _was_newer(connection, mark, proof):
            return
    wanted = _wanted(proof)

    def work(tx: Transaction) -> None:
        if _was_newer(tx.connection, mark, proof):
            return
        now = int(time.time())
        keep = now + LONGEST + 2 * jwt.SKEW
        onetime.put(tx.connection, Once(mark, "groups", None, str(proof.issued), keep), now)
        groups = {_group(tx.connection, name, now) for name in sorted(wanted)}
        kept = _vouched(tx.connection, user.id, provider.issuer)
        joining = [Membership(number, user.id, provider.issuer) for number in groups - {each.group for each in kept}]
        leaving = [each for each in kept if each.group not in groups]
        change_membership(tx, joining, leaving)

    files.committer.run(work, [])


def _vouched(connection: Connection, user: int, issuer: str) -> list[Membership]:
    """The memberships of a user that one provider keeps."""
    return [each for each in members.of(connection, [user]) if each.source == issuer]


def _was_newer(connection: Connection, mark: bytes, proof: Proof) -> bool:
    """Whether a token from then or later has said already which groups there are.

    An older one is still good for a sign-in, but its groups are those of its time.
    """
    before = onetime.get(connection, mark, "groups", int(time.time()))
    return before is not None and proof.issued <= float(before.payload)


def _wanted(proof: Proof) -> set[str]:
    """Names of groups here; what cannot be one is left out."""
    found = set()
    for word in sorted(jwt.words(proof.claims, proof.provider.groups_claim))[:_MOST_GROUPS]:
        name = names.key(proof.provider.group_prefix + word.strip("/"))
        if _is_account(name):
            found.add(name)
    return found


def _group(connection: Connection, name: str, now: int) -> int:
    group = people.group(connection, name)
    return people.add_group(connection, name, name, now, SOURCE) if group is None else group.id


def _by_email(database: Database, proof: Proof) -> User | None:
    """The one user with the address that the provider has verified."""
    email = jwt.text(proof.claims, "email", 200)
    if not email or proof.claims.get("email_verified") is not True:
        return None
    with database.write() as connection:
        found = identities.by_email(connection, email)
        if len(found) != 1:
            return None
        link_to(connection, found[0], proof.provider.issuer, proof.subject)
        return people.user_by_id(connection, found[0])


def _made(files: Files, proof: Proof) -> User:
    """A new account; of several workers that try at the same time one makes it."""
    provider = proof.provider
    email = jwt.text(proof.claims, "email", 200) if proof.claims.get("email_verified") is True else ""
    for name in _names(proof):
        try:
            return accounts.add_user(
                files,
                name,
                None,
                display_name=jwt.text(proof.claims, "name", 200),
                email=email,
                guest=provider.guests,
                source=SOURCE,
                identity=(provider.issuer, proof.subject),
            )
        except Conflict:
            # Somebody has the same name, and is somebody else; or another worker was faster.
            with files.db.snapshot() as connection:
                user = known(connection, proof)
            if user is not None:
                return whole(files, user)
    raise Conflict("There are too many users of this name already.")


def _names(proof: Proof) -> Iterable[str]:
    """What the account could be called, best first."""
    provider = proof.provider
    ending = f"@{provider.host}" if provider.accounts == REMOTE else ""
    stem = _ODD.sub("", names.key(jwt.text(proof.claims, provider.username_claim))).strip(" .")
    if not _is_account(f"{stem}-{_MOST_NAMESAKES}{ending}"):
        stem = "user-" + hashlib.sha256(f"{provider.issuer}\0{proof.subject}".encode()).hexdigest()[:12]
    if not _is_account(f"{stem}-{_MOST_NAMESAKES}{ending}"):
        ending = ""
    yield stem + ending
    for number in range(2, _MOST_NAMESAKES):
        yield f"{stem}-{number}{ending}"


def _hashed(what: str, proof: Proof) -> bytes:
    return hashlib.sha256("\0".join(("davshare", what, proof.provider.issuer, proof.subject)).encode()).digest()


def _is_account(name: str) -> bool:
    try:
        names.check_account(name)
    except BadRequest:
        return False
    return True
