"""What a door has written about the members of a folder, written anew only for those that have changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Protocol

from davshare.files.context import Connection
from davshare.index import nodes, spaces
from davshare.model.nodes import Node

#: Bytes of all that is kept in one process.
_MOST = 16 * 1024 * 1024
#: What a text counts for: names and properties of usual length, and what Python needs to hold them.
_EACH = 1024
#: A text with more characters than this is not kept, nor are those beside it.
_LONGEST = 2048
#: More changed members than this are not worth looking up one by one.
_FEW = 256
_PAGE = 1000


class Writer(Protocol):
    """How a door writes members."""

    def write(self, found: Sequence[Node], whole: bool) -> Iterable[str]:
        """The texts of some members in their order; ``whole``: all members are written, a page at a time."""
        ...


class _Folder(NamedTuple):
    """The texts of all members by id, and the ids in the order of their names, as of a journal entry."""

    head: int
    order: list[int]
    texts: dict[int, str]


class Written:
    """Bounded by bytes; the folders that were listed longest ago go first.

    Whoever asks says with the key everything that the texts depend on besides
    the rows and dead properties of the members: these are changed together
    with an entry in the journal, whose number the row then carries.
    """

    def __init__(self) -> None:
        self._folders: OrderedDict[Hashable, _Folder] = OrderedDict()
        self._weight = 0
        self._mutex = threading.Lock()

    def members(self, connection: Connection, key: Hashable, folder: Node, writer: Writer) -> Iterator[str]:
        """The texts of all members in the order of their names; on one snapshot only.

        A fixed number of statements, besides those of the writer.
        """
        head, _ = spaces.head_and_floor(connection, folder.space)
        known = self._folders.get(key)
        if known is not None and known.head <= head:
            fresh = known if known.head == head else self._refreshed(connection, known, head, folder, writer)
            if fresh is not None:
                self._keep(key, fresh)
                return map(fresh.texts.__getitem__, fresh.order)
        return self._anew(connection, key, head, folder, writer)

    def _refreshed(
        self, connection: Connection, known: _Folder, head: int, folder: Node, writer: Writer
    ) -> _Folder | None:
        """The texts as of ``head``; None when so much has changed that all are to be written anew."""
        changed = list(islice(nodes.changed_children(connection, folder.id, known.head), _FEW + 1))
        if len(changed) > _FEW:
            return None
        if not changed and folder.stamp <= known.head:
            return known._replace(head=head)
        order = nodes.child_ids(connection, folder.id)
        texts = known.texts.copy()
        for node, text in zip(changed, writer.write(changed, False), strict=True):
            if len(text) > _LONGEST:
                return None
            texts[node.id] = text
        if len(texts) != len(order):
            texts = {number: texts[number] for number in order if number in texts}
        if len(texts) != len(order):
            return None
        return _Folder(head, order, texts)

    def _anew(self, connection: Connection, key: Hashable, head: int, folder: Node, writer: Writer) -> Iterator[str]:
        """All texts; what is small enough is kept when the last one was taken."""
        texts: dict[int, str] | None = {}
        found = nodes.each_child(connection, folder.id)
        while page := list(islice(found, _PAGE)):
            for node, text in zip(page, writer.write(page, True), strict=True):
                yield text
                if texts is not None:
                    texts[node.id] = text
                    if len(text) > _LONGEST or len(texts) * _EACH > _MOST:
                        texts = None
        if texts is not None:
            self._keep(key, _Folder(head, list(texts), texts))

    def _keep(self, key: Hashable, folder: _Folder) -> None:
        weight = len(folder.order) * _EACH
        with self._mutex:
            before = self._folders.pop(key, None)
            if before is not None:
                self._weight -= len(before.order) * _EACH
            self._folders[key] = folder
            self._weight += weight
            while self._weight > _MOST:
                _, gone = self._folders.popitem(last=False)
                self._weight -= len(gone.order) * _EACH
