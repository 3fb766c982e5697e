"""App tokens: a password of its own for every program, limited and revocable.

A token is 256 random bits; the index has only its SHA-256, which is enough for
something that cannot be guessed.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Sequence
from typing import NamedTuple

from davshare.errors import BadRequest, Conflict, Forbidden, NotFound
from davshare.identity.lookup import find_user
from davshare.index import devices, nodes, people, spaces
from davshare.index.database import Connection, Database
from davshare.index.people import AppToken
from davshare.model import names
from davshare.model.access import Permission, Rights
from davshare.model.people import Actor, User

_FORM = re.compile(r"dst_[A-Za-z0-9_-]{43}\Z").match
_LONGEST_LABEL = 200
#: Most tokens that somebody can make without an administrator.
MOST = 200
#: The scope of tokens that can only be exchanged, and the seconds for which they can.
ONE_TIME, ONE_TIME_SECONDS = "onetime", 300
#: The id that no node has.
_NOWHERE = 0


class Scope(NamedTuple):
    """What a token can reach at most: permissions, and the node at and below which (None: everywhere)."""

    mask: Rights
    node: int | None
    text: str


def looks_like(text: str) -> bool:
    """Whether ``text`` has the form of a token."""
    return _FORM(text) is not None


def digest(secret: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(secret.encode()).digest()


def create(
    database: Database, user: User, label: str = "", scopes: Sequence[str] = (), expires: int | None = None
) -> tuple[AppToken, str]:
    """A new token and its secret, which cannot be had again.

    :param scopes: ``read``, ``write`` (the default: everything), ``space:NAME``
        or ``path:home/folder``; one string may hold several, with commas.
    :param expires: seconds since 1970.
    :raises BadRequest: a scope or the label makes no sense, or the end is in the past.
    :raises NotFound: a scope names something that does not exist.
    """
    now = int(time.time())
    if expires is not None and expires <= now:
        raise BadRequest("The token would have expired already.")
    if len(label) > _LONGEST_LABEL or not label.isprintable():
        raise BadRequest(f"A label is up to {_LONGEST_LABEL} printable characters.")
    with database.write() as connection:
        return _add(connection, user.id, label, resolve(connection, user, scopes), expires)


def issue(connection: Connection, user: int, label: str) -> tuple[AppToken, str]:
    """The same with all rights of a user and no end, for code that has other things to do in its transaction."""
    return _add(connection, user, label, Scope(Permission.ALL, None, ""), None)


def _add(connection: Connection, user: int, label: str, scope: Scope, expires: int | None) -> tuple[AppToken, str]:
    secret = "dst_" + secrets.token_urlsafe(32)
    token = AppToken(0, user, label, int(scope.mask), scope.node, scope.text, int(time.time()), expires)
    return token._replace(id=people.add_token(connection, token, digest(secret))), secret


def issued(
    database: Database, owner: str | None, offset: int = 0, limit: int | None = None
) -> list[tuple[str, AppToken]]:
    """App tokens of one user or of all with the names of their owners, oldest first; all or a page.

    :raises NotFound: there is no such user.
    """
    with database.snapshot() as connection:
        number = None if owner is None else find_user(connection, owner).id
        return people.owned_tokens(connection, number, offset, limit)


def revoke(database: Database, number: int) -> None:
    """End a token, in every worker from the next request on.

    :raises NotFound: there is none with this id.
    """
    with database.write() as connection:
        if not people.remove_token(connection, number):
            raise NotFound("There is no such token.")


# by owners themselves


def create_own(
    database: Database, actor: Actor, label: str = "", scopes: Sequence[str] = (), expires: int | None = None
) -> tuple[AppToken, str]:
    """The same as :func:`create`, for oneself.

    :raises Forbidden: the actor came with an app token, or with one that ends soon: it would give what it has not.
    :raises Conflict: the actor has too many already.
    """
    if is_limited(actor):
        raise Forbidden("A token makes no app tokens; sign in with the password.")
    with database.session() as connection:
        user = people.user_by_id(connection, actor.user)
        if user is None:
            raise NotFound("There is no such user.")
        demand_room(connection, user.id)
    return create(database, user, label, scopes, expires)


def demand_room(connection: Connection, user: int) -> None:
    """Return when a user can have one more token.

    :raises Conflict: they have too many already.
    """
    if people.token_counts(connection, (user,)).get(user, 0) >= MOST:
        raise Conflict("You have too many app tokens; revoke some first.")


def one_time(database: Database, actor: Actor) -> tuple[AppToken, str]:
    """A token that is good for nothing but to be exchanged, once and soon; the actor's last one ends.

    :raises Forbidden, Conflict, NotFound: as :func:`create_own`.
    """
    if is_limited(actor):
        raise Forbidden("A token makes no app tokens; sign in with the password.")
    scope = Scope(Permission.NONE, _NOWHERE, ONE_TIME)
    with database.write() as connection:
        if people.user_by_id(connection, actor.user) is None:
            raise NotFound("There is no such user.")
        devices.end_of_scope(connection, actor.user, ONE_TIME)
        demand_room(connection, actor.user)
        return _add(connection, actor.user, "sign-in of a device", scope, int(time.time()) + ONE_TIME_SECONDS)


def exchange(database: Database, actor: Actor, label: str) -> tuple[AppToken, str]:
    """An app token for one of :func:`one_time`, which ends.

    :raises Forbidden: the actor came with something else, or somebody was faster.
    """
    with database.write() as connection:
        token = None if actor.brief or actor.device is None else people.token_by_id(connection, actor.device)
        if token is None or token.scope != ONE_TIME or not people.remove_token(connection, token.id):
            raise Forbidden("Only a one-time password can be exchanged.")
        return issue(connection, actor.user, label)


def own(database: Database, actor: Actor) -> list[AppToken]:
    """The actor's tokens, oldest first; whoever came with one sees only that."""
    with database.session() as connection:
        return [token for token in people.tokens(connection, actor.user) if actor.device in (None, token.id)]


def revoke_own(database: Database, actor: Actor, number: int) -> None:
    """End one of the actor's tokens; whoever came with one can end only that.

    :raises NotFound: there is none with this id, or it is somebody else's.
    """
    with database.write() as connection:
        token = people.token_by_id(connection, number)
        if token is None or token.user != actor.user or actor.device not in (None, number):
            raise NotFound("There is no such token.")
        people.remove_token(connection, number)


def is_limited(actor: Actor) -> bool:
    """Whether somebody came with less than all that they have: an app token, or a token that ends soon."""
    return actor.brief or actor.device is not None or actor.node is not None or actor.mask != Permission.ALL


def resolve(connection: Connection, user: User, scopes: Sequence[str]) -> Scope:
    """What scopes mean for a user, now; a path is followed to its node, which may move later."""
    words = [word.strip() for each in scopes for word in each.split(",") if word.strip()]
    masks: set[Rights] = set()
    reached: set[int] = set()
    for word in words:
        kind, colon, rest = word.partition(":")
        if word in MASKS:
            masks.add(MASKS[word])
        elif colon and kind == "space":
            reached.add(_space(connection, rest))
        elif colon and kind == "path":
            reached.add(_path(connection, user, rest))
        else:
            raise BadRequest("A scope is read, write, space:NAME or path:home/FOLDER.")
    if len(masks) > 1 or len(reached) > 1:
        raise BadRequest("A token is either read or write, and reaches one space or one path.")
    mask = masks.pop() if masks else Permission.ALL
    return Scope(mask, reached.pop() if reached else None, ",".join(words))


MASKS = {"read": Permission.READ | Permission.READ_ACL, "write": Permission.ALL}


def _space(connection: Connection, name: str) -> int:
    space = spaces.named(connection, "space", names.key(name))
    if space is None:
        raise NotFound("The scope names a space that does not exist.")
    return space.node


def _path(connection: Connection, user: User, path: str) -> int:
    match [names.key(part) for part in path.split("/") if part]:
        case ["home", *rest]:
            space = spaces.home(connection, user.id)
        case ["spaces", name, *rest]:
            space = spaces.named(connection, "space", name)
        case ["users", name, *rest]:
            space = spaces.named(connection, "home", name)
        case _:
            raise BadRequest("The path of a scope begins with home/, spaces/NAME/ or users/NAME/.")
    here = None if space is None else space.node
    for part in rest:
        found = None if here is None else nodes.child(connection, here, part)
        here = None if found is None else found.id
    if here is None:
        raise NotFound("The scope names a path that does not exist.")
    return here
