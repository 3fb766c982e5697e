"""Whom a provider vouches for, as a user: found, linked or made; and the groups that it puts them into."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from davshare.errors import BadRequest, Conflict, NotFound, Unavailable
from davshare.identity import jwt
from davshare.identity import people as accounts
from davshare.identity.oidc import LONGEST, Proof
from davshare.identity.providers import REMOTE
from davshare.index import identities, onetime, people
from davshare.index.database import Connection, Database
from davshare.index.identities import Identity
from davshare.model import names
from davshare.model.people import User

if TYPE_CHECKING:
    from davshare.files.service import Files

SOURCE = "oidc"
_MOST_GROUPS = 200
_MOST_NAMESAKES = 100
#: Seconds for which another worker may take to make the same account.
_PATIENCE = 10.0
_ODD = re.compile(r"[^\w.@+\-' ]")


def known(connection: Connection, proof: Proof) -> User | None:
    """The user that the subject is, if that is settled already."""
    number = identities.user_of(connection, proof.provider.issuer, proof.subject)
    return None if number is None else people.user_by_id(connection, number)


def find_or_make(files: Files, proof: Proof) -> User | None:
    """The user that the subject is, made or found by e-mail where the configuration says so; else None.

    :raises Unavailable: another worker is making the account and has not finished.
    """
    with files.db.snapshot() as connection:
        user = known(connection, proof)
    if user is None and proof.provider.link_by_email:
        user = _by_email(files.db, proof)
    if user is None and proof.provider.auto_create:
        user = _made(files, proof)
    return user


def link(database: Database, name: str, issuer: str, subject: str) -> None:
    """Let a subject of an issuer be a user from now on.

    :raises NotFound: there is no such user.
    :raises BadRequest: issuer or subject is empty, or too long.
    :raises Conflict: the subject is a user already.
    """
    with database.write() as connection:
        link_to(connection, accounts.find_user(connection, name).id, issuer, subject)


def link_to(connection: Connection, user: int, issuer: str, subject: str) -> None:
    """The same with the id of the user; nothing happens when it is linked to this very user already.

    :raises BadRequest: issuer or subject is empty, or too long.
    :raises Conflict: the subject is another user.
    """
    for each in (issuer, subject):
        if not 0 < len(each) <= 2048 or not each.isprintable():
            raise BadRequest("An issuer and a subject are short printable texts.")
    new = Identity(issuer, subject, user)
    if not identities.add(connection, new) and identities.user_of(connection, issuer, subject) != user:
        raise Conflict("This identity is linked to another account already.")


def unlink(database: Database, name: str, issuer: str, subject: str | None = None) -> int:
    """Forget that somebody at an issuer is the user, end the sessions and leave the groups that come from there.

    :param subject: None: whoever it is.
    :raises NotFound: there is no such user, or nothing was linked.
    """
    with database.write() as connection:
        done = identities.remove(connection, accounts.find_user(connection, name).id, issuer, subject)
        if not done:
            raise NotFound("This user has no such identity.")
        return done


def follow_groups(database: Database, user: User, proof: Proof, complete: bool) -> None:
    """Let the user join and leave the provider's groups, as the newest token says.

    :param complete: a missing claim means "no groups", and not "nothing is said".
    """
    provider = proof.provider
    if not provider.groups_claim or not (complete or provider.groups_claim in proof.claims):
        return
    wanted = _wanted(proof)
    mark = hashlib.sha256("\0".join(("davshare groups", provider.issuer, proof.subject)).encode()).digest()
    now = int(time.time())
    with database.session() as connection:
        before = onetime.get(connection, mark, "groups", now)
        if before is not None and proof.issued <= float(before.payload):
            return  # an older token is still good for a sign-in, but its groups are those of then
    with database.write() as connection:
        before = onetime.get(connection, mark, "groups", now)
        if before is not None and proof.issued <= float(before.payload):
            return
        onetime.replace(connection, mark, "groups", now + LONGEST + 2 * jwt.SKEW, str(proof.issued))
        current = identities.memberships(connection, user.id, provider.issuer)
        gone = [number for name, number in current.items() if name not in wanted]
        if gone:
            identities.leave(connection, user.id, gone, provider.issuer)
        fresh = [_group(connection, name, now) for name in sorted(wanted - current.keys())]
        if fresh:
            identities.join(connection, user.id, fresh, provider.issuer)


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
    return people.add_group(connection, name, name, now) if group is None else group.id


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
    """A new account; of several workers that try at the same time, one makes it and the others wait."""
    issuer, subject = proof.provider.issuer, proof.subject
    turn = hashlib.sha256("\0".join(("davshare newcomer", issuer, subject)).encode()).digest()
    until = time.monotonic() + _PATIENCE
    while True:
        now = int(time.time())
        with files.db.write() as connection:
            user = known(connection, proof)
            if user is not None:
                return user
            if onetime.get(connection, turn, "newcomer", now) is None:
                onetime.remove(connection, turn)  # whoever began with it has died
            if onetime.put(connection, turn, "newcomer", now + 60):
                break
        if time.monotonic() > until:
            raise Unavailable
        time.sleep(0.1)
    try:
        return _added(files, proof)
    finally:
        with files.db.write() as connection:
            onetime.remove(connection, turn)


def _added(files: Files, proof: Proof) -> User:
    display = jwt.text(proof.claims, "name", 200)
    email = jwt.text(proof.claims, "email", 200) if proof.claims.get("email_verified") is True else ""
    for name in _names(proof):
        try:
            user = accounts.add_user(files, name, None, display_name=display, email=email)
        except Conflict:
            continue  # never somebody who merely has the same name
        with files.db.write() as connection:
            user = user._replace(source=SOURCE)
            people.update_user(connection, user)
            link_to(connection, user.id, proof.provider.issuer, proof.subject)
        return user
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


def _is_account(name: str) -> bool:
    try:
        names.check_account(name)
    except BadRequest:
        return False
    return True
