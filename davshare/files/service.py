"""The file service of one process: index, stores, committer and settings together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from davshare.errors import Forbidden, MethodNotAllowed, NotFound
from davshare.files import guard, methods, view
from davshare.files.commit import Committer
from davshare.files.context import Address, Asker
from davshare.files.locate import Place, member
from davshare.files.memory import Memory
from davshare.files.passing import Passing
from davshare.files.redo import Redoer
from davshare.files.settings import Settings
from davshare.files.written import Written
from davshare.index import spaces
from davshare.index.database import Connection, Database, count
from davshare.index.turn import GENERATION
from davshare.model.nodes import Node, Space, etag
from davshare.model.people import Actor, Outlook
from davshare.model.site import Site
from davshare.store.handles import Handles
from davshare.store.local import LocalStore

#: Files that one process reads for checksums at the same time, however many wait for these.
_HASHING = 2
_NOWHERE = Site()
#: Who asks, and for what.
_Key = tuple[Outlook, Address]


def _weight(address: Address) -> int:
    """Bytes of an address, of which a request decides how many there are."""
    return sum(map(len, address.segments))


class Files:
    """Everything that operations on files share within a process.

    :param data: the data folder; roots of spaces are relative to it.
    :param durable: sync content and folders to disk before answering.
    """

    def __init__(self, data: Path, database: Database, durable: bool, site: Site = _NOWHERE) -> None:
        self.data = data
        self.db = database
        self.durable = durable
        self.site = site
        self.settings = Settings(database)
        self.redoer = Redoer(database, self.store_of)
        self._handles = Handles()
        self.committer = Committer(database, self.redoer, self._handles.clear)
        self.passing = Passing(database)
        with database.session() as connection:
            self.epoch = count(connection, "epoch")
        self.memory = Memory(database)
        #: What was read when the number that all processes share was which.
        self._generation = (-1, 0)
        self.written = Written()
        #: Held by whoever reads a file only for its checksum, while somebody waits for that: few at a time.
        self.hashing = threading.BoundedSemaphore(_HASHING)
        self._stores: dict[int, LocalStore] = {}
        self._mutex = threading.Lock()

    def store(self, space: Space) -> LocalStore:
        """The bytes of a space."""
        found = self._stores.get(space.id)
        if found is None:
            found = LocalStore(self.data / space.root, self.durable, space.anchor, self._handles)
            with self._mutex:
                self._stores[space.id] = found
        return found

    def store_of(self, number: int) -> LocalStore | None:
        """The same by the id of the space; None when there is no such space any more."""
        found = self._stores.get(number)
        if found is None:
            with self.db.session() as connection:
                space = spaces.get(connection, number)
            found = None if space is None else self.store(space)
        return found

    def near(self, asker: Asker, address: Address) -> LocalStore | None:
        """Where content for an address is staged, before anything is decided; None where no file can be."""
        with self.db.session() as connection:
            mount = view.mount(connection, asker.actor, address.segments)
        return None if mount is None else self.store(mount.space)

    def target(self, connection: Connection, asker: Asker, address: Address) -> view.Target:
        """What an address leads to.

        :raises NotFound: nowhere.
        :raises Unavailable: the storage of the space is missing, and the asker may see something in it.
        """
        found = view.locate(connection, asker.actor, address.segments, address.slash)
        if isinstance(found, Place) and (found.rights or found.passages):
            self.store(found.space).present()
        return found

    def glimpse(self, asker: Asker, address: Address) -> view.Target:
        """The same as :meth:`target` for a reader who opens the file anyway: remembered while nothing changes.

        Only in spaces that are the asker's own, and without what they have received: grants of others may end with
        time.

        :raises NotFound: nowhere.
        """
        version = self.memory.version()
        actor = asker.actor
        key = (actor.outlook, address)
        found: view.Target | None = self.memory.get(version, key)
        if found is None:
            found = self._beside(version, key, actor) or self._look_up(version, key, actor)
        if isinstance(found, Place) and found.missing and (found.rights or found.passages):
            self.store(found.space).present()
        return found

    def _look_up(self, version: int, key: _Key, actor: Actor) -> view.Target:
        """What an address leads to, from the root on; remembered for the members of the same folder, too."""
        outlook, address = key
        with self.db.session() as connection:
            found = view.locate(connection, actor, address.segments, address.slash)
            plain = isinstance(found, Place) and guard.rules(actor, found.space) and not found.holds_received
        if plain and isinstance(found, Place):
            self.memory.put(version, key, found, _weight(address))
            above = (outlook, address.segments[:-1])
            # What lies beside the one node that a token or a link is for is not for it.
            if actor.node is None and found.is_open and self.memory.get(version, above) is None:
                self.memory.put(version, above, (above[1], found), _weight(address))
        return found

    def _beside(self, version: int, key: _Key, actor: Actor) -> Place | None:
        """A file in a folder of which another member was asked for: one statement; None where it has to be looked up.

        As folders do: they may hold what was received.
        """
        outlook, address = key
        beside: tuple[tuple[str, ...], Place] | None = self.memory.get(version, (outlook, address.segments[:-1]))
        if beside is None or address.slash or actor.node is not None:
            return None
        above, fellow = beside
        with self.db.session() as connection:
            found = member(connection, fellow, address.segments[-1])
        if found is not None:
            # The names of the folders are in memory once for all that is in it.
            self.memory.put(version, (outlook, Address((*above, found.name))), found, _weight(address))
        return found

    def generation(self) -> int:
        """The number that every change of people, spaces, grants and settings raises; settings follow it."""
        mark, (known, found) = self.db.shared.raised(GENERATION), self._generation
        if mark == known and not mark & 1:
            return found
        with self.db.session() as connection:
            found = count(connection, "generation")
        self.settings.refresh(found)
        self._generation = (mark, found)
        return found

    @contextmanager
    def learning(self) -> Iterator[Connection]:
        """A transaction that writes down checksums of content that is there already."""
        with self.db.turn():
            with self.db.transaction() as connection:
                yield connection
            self.db.shared.learn()

    def place(self, connection: Connection, asker: Asker, address: Address) -> Place:
        """The same for what only real files and folders can do.

        :raises MethodNotAllowed: it is a collection that the server makes up.
        """
        found = self.target(connection, asker, address)
        if isinstance(found, Place):
            return found
        raise MethodNotAllowed(methods.VIRTUAL)

    def new_place(self, connection: Connection, asker: Asker, address: Address) -> Place:
        """The same for something that may not exist yet.

        :raises Forbidden: its parent is a collection that the server makes up.
        """
        try:
            return self.place(connection, asker, address)
        except NotFound:
            above = view.locate(connection, asker.actor, address.segments[:-1], True)
            if isinstance(above, view.Virtual) and above.kind not in ("users", "spaces", "accounts"):
                raise Forbidden("Nothing can be made here.") from None
            raise

    def etag(self, node: Node) -> str:
        """The strong entity tag of a node, as everybody sees it who has received nothing in it."""
        return etag(self.epoch, node.id, node.stamp)

    def etag_of(self, place: Place) -> str:
        """The strong entity tag of what is at a place, as the asker sees it."""
        if place.mounts is not None:
            return place.mounts.etag(self.epoch, place.chain[-1])
        return self.etag(place.chain[-1])
