"""What receivers do with what they were given, as rows: take it, leave it, put it somewhere.

Nothing here touches the thing itself.  Each change is an entry in the journal of the receiver's home, so that their
devices look again.
"""

from __future__ import annotations

from collections.abc import Iterable

from davshare.files import record, writer
from davshare.files.commit import Transaction
from davshare.files.mounts import Mounted
from davshare.index import mounts as rows
from davshare.index import nodes, spaces
from davshare.model import names
from davshare.model.nodes import Node
from davshare.model.people import Actor

ACCEPTED, PENDING, DECLINED = range(3)


def put(tx: Transaction, actor: Actor, node: int, folder: Node, name: str) -> None:
    """Let a received node be seen under a name in a folder of the receiver's home, in whatever ways it came to them."""
    shares = rows.of_node(tx.connection, actor.user, tuple(actor.principals), node)
    before = {parent for parent, _ in rows.places(tx.connection, actor.user, list(shares)).values()}
    rows.put(tx.connection, list(shares), actor.user, folder.id, name, names.key(name))
    for number in {folder.id, *before}:
        _note(tx, actor.user, number)


def answer(tx: Transaction, actor: Actor, node: int, state: int) -> None:
    """Accept or decline a received node, in whatever ways it has come."""
    shares = rows.of_node(tx.connection, actor.user, tuple(actor.principals), node)
    rows.set_state(tx.connection, list(shares), actor.user, state)
    found = nodes.get(tx.connection, node)
    for principal in shares.values():
        if found is not None:
            record.share(tx.connection, "accept" if state == ACCEPTED else "decline", actor, found, principal)
    home = spaces.home(tx.connection, actor.user)
    if home is not None:
        places = rows.places(tx.connection, actor.user, list(shares))
        for number in {parent for parent, _ in places.values()} or {home.node}:
            _note(tx, actor.user, number)


def decline(tx: Transaction, actor: Actor, found: Iterable[Mounted]) -> None:
    """Decline what was received."""
    for each in found:
        answer(tx, actor, each.node.id, DECLINED)


def _note(tx: Transaction, user: int, folder: int) -> None:
    """What somebody sees in a folder of their home has changed."""
    chain = nodes.chain(tx.connection, folder)
    home = spaces.home(tx.connection, user)
    if home is not None and chain and chain[0].id == home.node:
        writer.note_access(tx, chain[-1], user, deep=False)
