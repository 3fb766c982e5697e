"""A new file in a folder under a name that the server chooses (RFC 5995)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

from davshare.errors import Conflict, DavshareError, MethodNotAllowed
from davshare.files import methods, newcomer, upload
from davshare.files.context import Address, Asker, Connection
from davshare.files.locate import Place
from davshare.files.occupied import decided
from davshare.files.service import Files
from davshare.files.upload import Seal, Sent, Stored
from davshare.model import names
from davshare.model.access import Permission


class _Taken(Conflict):
    """This name cannot be had; another one is tried."""

    message = "No name could be found for the new file."


def decide(files: Files, connection: Connection, asker: Asker, folder: Address, name: str) -> Place:
    """Judge a new file ``name`` in a folder.

    :raises MethodNotAllowed: it is no folder.
    """
    here = files.place(connection, asker, folder)
    node = here.found()
    if not node.is_folder:
        raise MethodNotAllowed(methods.of(node, here.space), "Only folders can get new members.")
    here.demand(Permission.BIND)
    place = files.new_place(connection, asker, Address((*folder.segments, name)))
    if place.node is not None:
        raise _Taken
    try:
        newcomer.judge_name(files, connection, place)
    except DavshareError:
        raise _Taken from None
    newcomer.demand(files, connection, asker, place, file=True)
    return place


def add(files: Files, asker: Asker, folder: Address, wish: str, suffix: str, sent: Sent) -> Stored:
    """Store what is sent as a new member of ``folder``; nothing that is there is ever replaced.

    :param wish: the name that the client would like; empty for any.
    :param suffix: how a name ends that is not wished for, such as ``.txt``.
    """
    untried = _candidates(wish, suffix)

    def settle() -> tuple[Place, str]:
        """The next name that can be had, the disk included."""
        for name in untried:
            try:
                return decided(files, lambda c, n=name: decide(files, c, asker, folder, n)), name  # type: ignore[misc]
            except Conflict:
                continue
        raise _Taken

    place, name = settle()
    incoming = upload.receive(files, place, sent)
    with upload.unless_placed(files.store(place.space), incoming.name):
        while True:
            judge = lambda c, n=name: decide(files, c, asker, folder, n)  # noqa: E731
            try:
                return files.committer.run(
                    Seal(files, judge, incoming), [place.space.id], asker.actor.user, asker.actor.device
                )
            except _Taken:
                _, name = settle()


def _candidates(wish: str, suffix: str) -> Iterator[str]:
    """Names in the order in which they are tried."""
    if wish:
        yield from (names.numbered(wish, number) for number in range(1, 10))
        stem, ending = names.stem_and_ending(wish)
        yield from (names.shortened(stem, f" {secrets.token_hex(4)}{ending}") for _ in range(3))
        suffix = ending or suffix
    now = time.strftime("%Y-%m-%d %H.%M.%S", time.gmtime())
    yield from (names.shortened(f"{now} {secrets.token_hex(4)}", ending) for ending in (suffix, suffix, ".bin"))
