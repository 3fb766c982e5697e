"""Uploads that are not complete yet: begun, found again, counted and ended; whoever began one alone knows of it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple

from davshare.errors import Conflict, Forbidden, InsufficientStorage, MethodNotAllowed, NotFound, TooLarge
from davshare.files import guard, quota
from davshare.files.context import Address, Asker, Connection
from davshare.files.locate import Mount, Place, walk
from davshare.files.service import Files
from davshare.index import nodes, spaces, uploads
from davshare.index.uploads import Upload
from davshare.model.access import Permission
from davshare.model.nodes import Space
from davshare.model.people import Actor
from davshare.store.base import Missing
from davshare.store.local import STAGING, LocalStore
from davshare.store.refusals import refusal
from davshare.store.staging import StagedFile

#: Most uploads that one person has open.
MOST_OPEN = 200
_METHODS = "OPTIONS, PROPFIND, DELETE"
_TO_WRITE = Permission.WRITE_CONTENT | Permission.BIND
#: Grants that are looked at to find a place for what somebody sends who can make nothing in a home.
_FEW = 300
#: Seconds for which the end of an upload waits for others who work on it.
_PATIENCE = 5.0
_PAUSE = 0.05


class Intent(NamedTuple):
    """What was said when an upload was opened, and how far it was hashed.

    ``target`` are the segments of the destination, empty where it is not known
    yet.  ``conditions`` are headers that are judged in the end, ``words`` what
    is told to whoever asks.  ``sums`` is the state of
    :class:`davshare.store.running.Running`.
    """

    target: tuple[str, ...] = ()
    device: int | None = None
    mtime_ns: int | None = None
    expected: Mapping[str, bytes] = {}
    conditions: Mapping[str, str] = {}
    words: str = ""
    sums: Mapping[str, str | int] = {}

    def text(self) -> str:
        """As the index keeps it."""
        default = Intent()._asdict()
        kept = {name: value for name, value in self._asdict().items() if value != default[name]}
        if self.expected:
            kept["expected"] = {name: value.hex() for name, value in self.expected.items()}
        return json.dumps(kept)

    @classmethod
    def read(cls, text: str) -> Intent:
        """The opposite."""
        kept = json.loads(text or "{}")
        expected = {name: bytes.fromhex(value) for name, value in kept.pop("expected", {}).items()}
        return cls(tuple(kept.pop("target", ())), expected=expected, **kept)


def demand_writer(actor: Actor) -> None:
    """Return when somebody may write anything at all.

    :raises Forbidden: they came with an app token that only reads.
    """
    if not actor.mask & _TO_WRITE:
        raise Forbidden(condition="need-privileges")


def place_of(files: Files, connection: Connection, actor: Actor, target: tuple[str, ...]) -> Place:
    """Where what comes waits: in the space of its destination, or of its sender's home while that is not known.

    For somebody without a home, or with a read-only one, it is a space in which they were granted something
    to write.

    :raises NotFound: there is no such place.
    :raises Forbidden: they may write nothing there.
    """
    if target:
        place = files.new_place(connection, Asker(actor), Address(target))
        place.demand(Permission.BIND if place.node is None else Permission.WRITE_CONTENT)
        return place
    home = spaces.home(connection, actor.user)
    space = home if home is not None and not home.read_only else _granted(connection, actor) or home
    if space is None:
        raise NotFound
    demand_writer(actor)
    if space.read_only:
        raise Forbidden(condition="need-privileges")
    return walk(connection, actor, Mount((), space), (), True)


def waiting(files: Files, connection: Connection, actor: Actor, open_: Upload) -> Place:
    """The same for the next part of an upload: what is asked of its sender is asked again.

    :raises NotFound: there is no such place any more.
    """
    place = place_of(files, connection, actor, Intent.read(open_.payload).target)
    if place.space.id == open_.space:
        return place
    space = spaces.get(connection, open_.space)
    if space is None:
        raise NotFound
    return walk(connection, actor, Mount((), space), (), True)


def _granted(connection: Connection, actor: Actor) -> Space | None:
    now = time.time()
    for number, here in islice(guard.said(connection, actor).items(), _FEW):
        if guard.step(Permission.NONE, here, now) & _TO_WRITE:
            node = nodes.get(connection, number)
            space = None if node is None else spaces.get(connection, node.space)
            if space is not None and not space.read_only:
                return space
    return None


def room(files: Files, connection: Connection, place: Place) -> int:
    """Bytes that may still come to a place: by quota, of which what waits is a part, and by disk."""
    replaced = 0 if place.node is None or place.node.is_folder else place.node.size
    left = quota.room(place) + replaced - uploads.pending(connection, place.space.id)
    return min(left, files.store(place.space).free())


def demand_size(files: Files, size: int, most: int) -> None:
    """Return when ``size`` bytes may come.

    :raises TooLarge: no file may be as large.
    :raises InsufficientStorage: they are more than ``most``.
    """
    largest = files.settings.get("upload.max_bytes")
    if largest and size > largest:
        raise TooLarge("The file is larger than this server accepts.")
    if size > most:
        raise InsufficientStorage("The quota of this space does not allow it.")


def keeps(files: Files) -> int:
    """Seconds for which an upload stays to which nothing comes."""
    return int(files.settings.get("upload.keep_hours")) * 3600


def begin(
    files: Files, actor: Actor, name: str, total: int | None, intent: Intent | None = None, kind: str = "chunks"
) -> Upload:
    """Open an upload.

    :raises MethodNotAllowed: one of that name is open.
    :raises InsufficientStorage: ``total`` bytes are too many, or too many uploads are open.
    """
    intent = (intent or Intent())._replace(device=actor.device)
    now = int(time.time())
    with files.db.snapshot() as connection:
        place = place_of(files, connection, actor, intent.target)
        old = uploads.get(connection, actor.user, name)
        is_over = old is not None and not old.answer and old.touched < now - keeps(files)
        if old is not None and not old.answer and not is_over:
            raise MethodNotAllowed(_METHODS)
        if uploads.count(connection, actor.user) >= MOST_OPEN:
            raise InsufficientStorage("Too many uploads are open.")
        demand_size(files, total or 0, room(files, connection, place))
    if old is not None and is_over:
        end(files, old)
    store = files.store(place.space)
    store.present()
    staged = store.stage()
    try:
        staged.finish(None)
        store.sync(STAGING)
        new = Upload(staged.name.decode(), actor.user, name, place.space.id, total, now, kind, intent.text())
        with files.db.write() as connection:
            added = uploads.add(connection, new)
    except OSError as error:
        raise refusal(error) from error
    if not added:
        store.remove((*STAGING, staged.name))
        raise MethodNotAllowed(_METHODS)
    return new


def found(files: Files, connection: Connection, actor: Actor, name: str, kind: str = "chunks") -> Upload:
    """An upload, perhaps a complete one.

    App tokens for a part of the files know only what came with themselves.

    :raises NotFound: there is none of that name and kind, or its time is over.
    """
    known = uploads.get(connection, actor.user, name)
    if known is None or known.kind != kind or known.touched < time.time() - keeps(files):
        raise NotFound
    if actor.node is not None and Intent.read(known.payload).device != actor.device:
        raise NotFound
    return known


def opened(files: Files, connection: Connection, actor: Actor, name: str, kind: str = "chunks") -> Upload:
    """An open upload.

    :raises NotFound: there is none of that name and kind.
    """
    known = found(files, connection, actor, name, kind)
    if known.answer:
        raise NotFound
    return known


def store_of(files: Files, open_: Upload) -> LocalStore:
    """Where the parts of an upload are.

    :raises NotFound: its space is gone.
    """
    store = files.store_of(open_.space)
    if store is None:
        raise NotFound
    store.present()
    return store


def claimed(files: Files, open_: Upload) -> StagedFile | None:
    """The file of an upload, kept from everybody else; None when the upload is over meanwhile.

    :raises Conflict: somebody works on it and does not come to an end.
    :raises Missing: the file is not on disk.
    """
    store = store_of(files, open_)
    until = time.monotonic() + _PATIENCE
    while True:
        lost: Missing | None = None
        try:
            staged = _claim(files, store, open_)
            if staged is not None:
                return staged
        except Missing as error:
            lost = error
        with files.db.session() as connection:
            if not uploads.is_open(connection, open_.file):
                return None
        if lost is not None:
            raise lost
        if time.monotonic() > until:
            raise Conflict("A part is still being sent.")
        time.sleep(_PAUSE)


def _claim(files: Files, store: LocalStore, open_: Upload) -> StagedFile | None:
    """The file, if nobody else has it; only once it is claimed it is sure that it has not become somebody's file."""
    staged = store.staged(open_.file.encode())
    try:
        if staged.claim():
            with files.db.session() as connection:
                if uploads.is_open(connection, open_.file):
                    return staged
    except BaseException:
        staged.discard()
        raise
    staged.discard()
    return None


def abandon(files: Files, actor: Actor, name: str, kind: str = "chunks") -> None:
    """End an upload of which nothing is to remain.

    :raises NotFound: no such upload.
    :raises Forbidden: as :func:`demand_writer`.
    """
    with files.db.snapshot() as connection:
        open_ = opened(files, connection, actor, name, kind)
    demand_writer(actor)
    end(files, open_)


def end(files: Files, open_: Upload) -> None:
    """Forget an upload and remove what came; one that was completed meanwhile is left alone."""
    with files.db.write() as connection:
        gone = {open_.file, *[each.file for each in uploads.chunks(connection, open_.file)]}
        if not uploads.remove(connection, open_.file):
            return
    store = files.store_of(open_.space)
    if store is not None:
        for each in gone:
            store.remove((*STAGING, each.encode()))
