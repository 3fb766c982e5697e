"""Things that come into a folder whose senders may not know what is in it.

Nothing is ever replaced: where a name is taken the next free one is used,
``NAME (2)``, and the sender is told nothing of that.  What is missing above a
file is made, so that the answer is the same whether it was there or not.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from davshare.errors import Conflict, MethodNotAllowed
from davshare.files import linked, newcomer, tree, upload
from davshare.files.context import Address, Asker, Connection
from davshare.files.locate import DEEPEST, Place
from davshare.files.occupied import decided
from davshare.files.service import Files
from davshare.files.upload import Seal, Sent, Stored
from davshare.model import names
from davshare.model.access import Permission
from davshare.model.people import Actor

#: Names with a number that are tried, and then those with something that nobody has.
_NUMBERED, _RANDOM = 30, 3


def put(files: Files, actor: Actor, base: Sequence[str], way: Sequence[str], sent: Sent) -> Stored:
    """Store what is sent under the name at the end of ``way``, or under one like it.

    :param actor: may add something there.
    :param base: the address (decoded segments) of the folder; ``way`` goes on from there.
    :raises Conflict: it would lie too deep.  Whatever is raised, no file has changed.
    """
    asker = _inside(actor)
    if actor.visit is not None:
        # The link may end while the file is on its way.
        number = actor.visit.link
        asker = replace(asker, check=lambda connection: linked.demand_live(files.settings, connection, number))
    judge = _judge(files, asker, _folder(files, asker, base, way[:-1]), way[-1], True)
    place = decided(files, judge)
    incoming = upload.receive(files, place, sent)
    with upload.unless_placed(files.store(place.space), incoming.name):
        return files.committer.run(Seal(files, judge, incoming), [place.space.id], actor.user, actor.device)


def make_folder(files: Files, actor: Actor, base: Sequence[str], way: Sequence[str]) -> Stored:
    """A new folder with the name at the end of ``way``, or with one like it; for the rest see :func:`put`."""
    asker = _inside(actor)
    above = _folder(files, asker, base, way[:-1])
    while True:
        place = decided(files, _judge(files, asker, above, way[-1], False))
        try:
            return tree.make_folder(files, asker, Address(place.segments))
        except MethodNotAllowed:
            continue  # somebody else was quicker


def _inside(actor: Actor) -> Asker:
    """The sender, with eyes: to see which names are taken."""
    return Asker(replace(actor, mask=Permission.READ | Permission.BIND))


def _likes(name: str) -> Iterator[str]:
    """A name, and those that are tried where it is taken."""
    for number in range(1, _NUMBERED + 1):
        yield names.numbered(name, number)
    stem, ending = names.stem_and_ending(name)
    for _ in range(_RANDOM):
        yield names.shortened(stem, f" ({secrets.token_hex(8)}){ending}")


def _judge(files: Files, asker: Asker, above: Sequence[str], name: str, file: bool) -> Callable[[Connection], Place]:
    def judge(connection: Connection) -> Place:
        """The first place with a name like that where nothing is."""
        refusal: Conflict | None = None
        for like in _likes(name):
            place = files.new_place(connection, asker, Address((*above, like)))
            if place.node is not None:
                continue
            try:
                newcomer.demand(files, connection, asker, place, file=file)
            except Conflict as error:
                refusal = error  # a twin by case or normalisation
            else:
                return place
        raise refusal or Conflict

    return judge


def _folder(files: Files, asker: Asker, base: Sequence[str], way: Sequence[str]) -> tuple[str, ...]:
    """The folder at the end of ``way``, made where it is missing: its address."""
    if len(way) > DEEPEST:
        raise Conflict("Folders cannot be nested this deeply.")
    here = tuple(base)
    for name in way:
        here = _member(files, asker, here, name)
    return here


def _member(files: Files, asker: Asker, above: tuple[str, ...], name: str) -> tuple[str, ...]:
    """A folder of that name, or of one like it where that is a file."""
    for like in _likes(name):
        address = Address((*above, like))
        with files.db.snapshot() as connection:
            node = files.new_place(connection, asker, address).node
        if node is not None and node.is_folder:
            return address.segments
        if node is None:
            try:
                return tree.make_folder(files, asker, address).segments
            except (Conflict, MethodNotAllowed):
                continue  # a twin; or somebody was quicker, perhaps with a file
    raise Conflict
