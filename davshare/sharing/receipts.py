"""What receivers make of shares."""

from __future__ import annotations

from davshare.errors import NotFound
from davshare.files import mounts, placing, receiving
from davshare.files.commit import Transaction
from davshare.files.service import Files
from davshare.model.people import Actor
from davshare.sharing import shares
from davshare.sharing.shares import State


def answer(files: Files, actor: Actor, number: int, state: State) -> None:
    """Accept or decline what one has received, in whatever ways it came; others in the same group are not concerned.

    :raises NotFound: nobody has shared that with the actor.
    """

    def work(tx: Transaction) -> None:
        found = shares.known(tx.connection, actor, number)
        if found.share.principal not in actor.principals or found.share.owner == actor.user:
            raise NotFound("Wrong share ID, share doesn't exist")
        receiving.answer(tx, actor, found.share.node, state)

    files.committer.run(work, (), actor.user, actor.device)
    with files.db.session() as connection:
        mounts.renew(connection, actor)
    placing.settle(files, actor)
