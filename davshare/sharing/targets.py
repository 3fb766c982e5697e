"""Where what is shared is seen by those who received it."""

from __future__ import annotations

from collections.abc import Sequence

from davshare.files.service import Files
from davshare.index import mounts
from davshare.index import shares as rows
from davshare.index.shares import Share
from davshare.model.people import Actor


def is_receiver(share: Share, actor: Actor) -> bool:
    """Whether a share is told to somebody who has received it."""
    return share.principal in actor.principals and actor.user not in (share.sharer, share.owner)


def targets(files: Files, actor: Actor, shares: Sequence[Share]) -> dict[int, str]:
    """Paths in the home of the receiver, by the ids of the shares: of the actor where they received it.

    With a group everybody has a place of their own; others are told where it comes first, as of those who have not
    accepted it.  Two statements.
    """
    wanted = {share.id: actor.user if is_receiver(share, actor) else share.principal for share in shares}
    default = files.settings.get("sharing.share_folder").rstrip("/")
    with files.db.snapshot() as connection:
        places = {
            (number, user): (parent, name)
            for number, user, parent, name in mounts.places_of(connection, list(wanted), actor.user)
        }
        ways = rows.ways(connection, sorted({parent for parent, _ in places.values()}))
    found = {}
    for share in shares:
        parent, name = places.get((share.id, wanted[share.id]), (0, share.item))
        way = [each for _, each in ways.get(parent, [])[1:]]
        found[share.id] = "/" + "/".join([*way, name]) if parent in ways else f"{default}/{name}"
    return found
