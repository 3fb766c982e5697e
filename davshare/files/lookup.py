"""Small questions that doors ask about a place."""

from __future__ import annotations

from collections.abc import Collection

from davshare.errors import Forbidden
from davshare.files import guard, mounttoken
from davshare.files.locate import Place
from davshare.files.service import Files
from davshare.files.steps import known
from davshare.index import journal, spaces
from davshare.index.database import Connection
from davshare.model import tokens
from davshare.model.people import Actor
from davshare.model.tokens import SyncToken


def sync_token_of(files: Files, connection: Connection, place: Place) -> str:
    """The present sync token of the collections of a place's space."""
    return str(sync_point(files, connection, place))


def sync_point(files: Files, connection: Connection, place: Place) -> SyncToken:
    """The same as a value."""
    head, _ = spaces.head_and_floor(connection, place.space.id)
    return SyncToken(files.epoch, place.space.id, head)


def heads(files: Files, wanted: Collection[int]) -> dict[int, int]:
    """Numbers of the last entries of some spaces, by their ids."""
    with files.db.session() as connection:
        return spaces.heads(connection, tuple(wanted))


def heads_of(connection: Connection, wanted: Collection[int]) -> dict[int, int]:
    """The same on a snapshot."""
    return spaces.heads(connection, tuple(wanted))


def followed(connection: Connection, actor: Actor, place: Place, since: SyncToken) -> guard.Sight | None:
    """What a follower may see below a collection, and could all the time since a sync token was given out.

    Where access has changed since then, what came and went by that is to be
    told, even if by now nothing below says anything about the follower.
    Otherwise what has gone before they came would be told to them.

    :raises Forbidden: their access to it has changed, or they came by a link that there was not yet
        (``valid-sync-token``); they have to begin anew.
    """
    moment = known(since)
    changes = journal.access_changed(connection, place.space.id, moment, [node.id for node in place.chain])
    let_in = bool(changes) and guard.was_let_in(connection, actor, place.space, changes)
    following = None if actor.visit is None else journal.following(connection, place.space.id, moment)
    if following is not None and actor.visit is not None:
        let_in = let_in or following < actor.visit.created
    if let_in:
        raise Forbidden("Your access has changed; begin anew.", condition="valid-sync-token")
    if place.sight is not None or guard.rules(actor, place.space):
        return place.sight
    everything = guard.Sight(connection, actor, place.space, guard.said(connection, actor))
    entries = journal.access(connection, place.space.id, since.seq)
    return everything if any(everything.concerns(principal) for _, _, principal in entries) else None


def unchanged_since(files: Files, connection: Connection, place: Place, text: str) -> bool:
    """Whether a collection is as it was when a sync token was given out (RFC 6578 section 5)."""
    if mounttoken.is_one(text):
        return place.node is not None and mounttoken.digest_of(text) == mounttoken.short(files.etag_of(place))
    token = tokens.parse(text)
    node = place.node
    if node is None or token is None or token.cursor is not None:
        return False
    head, _ = spaces.head_and_floor(connection, place.space.id)
    known = (token.epoch, token.space) == (files.epoch, place.space.id) and token.seq <= head
    return known and max(node.stamp, node.seq, node.place_seq) <= token.seq
