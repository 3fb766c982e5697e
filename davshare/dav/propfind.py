"""PROPFIND (RFC 4918 section 9.1)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from tempfile import TemporaryFile
from typing import NamedTuple

from davshare.dav import answers, xml
from davshare.dav.exchange import Exchange
from davshare.dav.mounted import MountPage
from davshare.dav.page import CHECKSUMS, Page
from davshare.dav.render import Asked, Renderer
from davshare.dav.scope import Scope
from davshare.dav.virtual import Describer
from davshare.dav.xml import DAV, Name
from davshare.errors import BadRequest, Forbidden
from davshare.files import guard, listing, locate, view
from davshare.files.context import Address, Connection
from davshare.files.locate import Place
from davshare.files.view import Virtual
from davshare.http.responses import FileBody, Response
from davshare.model import names
from davshare.model.access import Permission
from davshare.model.nodes import Node

#: Text is handed on in pieces of about this many characters.
PIECE = 48 * 1024
#: An answer that is longer than this is kept in a file until it is sent.
AT_ONCE = 1024 * 1024
#: Most properties that one request may name.
MOST_NAMES = 500
#: Bodies up to this many bytes are remembered.
_SHORT = 2048
START = f"{xml.HEAD}<d:multistatus {xml.DECLARATIONS}>"
END = "</d:multistatus>"


def parse(data: bytes) -> Asked:
    """Which properties are asked for; an empty body asks for all.

    :raises BadRequest: it is not a propfind document.
    """
    return _parse_short(data) if len(data) <= _SHORT else _parse(data)


@lru_cache(maxsize=128)
def _parse_short(data: bytes) -> Asked:
    """Clients ask the same again and again: to read it anew costs half of a small answer."""
    return _parse(data)


def _parse(data: bytes) -> Asked:
    if not data.strip():
        return Asked("allprop")
    root = xml.parse(data)
    if xml.name_of(root) != (DAV, "propfind"):
        raise BadRequest("The body is not a propfind document.")
    kinds = [each for each in xml.elements(root) if xml.name_of(each) in _KINDS]
    if len(kinds) != 1:
        raise BadRequest("A propfind document holds one of prop, allprop and propname.")
    kind = xml.name_of(kinds[0])[1]
    if kind == "prop":
        return Asked("prop", tuple(names_in(kinds[0])))
    include = xml.child(root, "include")
    extra = () if include is None or kind == "propname" else tuple(names_in(include))
    return Asked(kind, extra)


_KINDS = frozenset({(DAV, "prop"), (DAV, "allprop"), (DAV, "propname")})


def names_in(element: xml.Element) -> Iterator[Name]:
    """The names of the child elements."""
    for count, each in enumerate(xml.elements(element)):
        if count >= MOST_NAMES:
            raise BadRequest("The request names too many properties.")
        yield xml.name_of(each)


def handle(x: Exchange) -> Response:
    """Properties of a resource, and of its members as Depth says."""
    depth = x.depth("infinity", ("0", "1", "infinity"))
    asked = parse(x.document())
    if depth != "0":
        x.notice()
    version, learnt = x.files.memory.version(), x.files.db.shared.learnt
    with x.files.db.snapshot() as connection:
        target = x.files.target(connection, x.asker, x.address)
        if isinstance(target, Place):
            target.found()
        x.asker.check(connection)
        if depth == "infinity" and _is_collection(target) and not x.files.settings.get("dav.depth_infinity"):
            raise Forbidden("Depth infinity is switched off here.", condition="propfind-finite-depth")
        found = Listing(x, connection, asked, depth, learnt)
        response = answer(x, pieces_of(found.parts(target)))
        loose = (found.locked and answers.tells_locks(asked)) or (isinstance(target, Place) and target.holds_received)
    if depth != "infinity" and isinstance(target, Place):
        x.note_listing(target)
    wanted = answers.key(x)
    if wanted is not None:
        answers.keep(x, wanted, version, target, asked, loose, response)
    return response


def _is_collection(target: view.Target) -> bool:
    return isinstance(target, Virtual) or (target.node is not None and target.node.is_folder)


def answer(x: Exchange, pieces: Iterator[bytes]) -> Response:
    """Short answers from memory, long ones from a file without a name.

    Everything is read before the first byte is sent: an error is an error and
    never half an answer, and no slow reader holds on to the index.
    """
    headers = [("Content-Type", xml.CONTENT_TYPE), *applied(x)]
    whole: list[bytes] = []
    size = 0
    for piece in pieces:
        whole.append(piece)
        size += len(piece)
        if size > AT_ONCE:
            return Response(207, headers, _spooled(x, whole, pieces))
    return Response(207, headers, b"".join(whole))


def _spooled(x: Exchange, first: list[bytes], rest: Iterator[bytes]) -> FileBody:
    with TemporaryFile(dir=x.files.data, buffering=0) as spool:
        size = 0
        for piece in chain(first, rest):
            size += len(piece)
            while piece:
                piece = piece[spool.write(piece) :]
        return FileBody(os.dup(spool.fileno()), 0, size)


def applied(x: Exchange) -> list[tuple[str, str]]:
    """Which of the stated preferences were followed (RFC 7240 section 3)."""
    honoured = sorted(x.preferences & {"return=minimal", "depth-noroot"})
    return [("Preference-Applied", ", ".join(honoured)), ("Vary", "Prefer, Brief")] if honoured else []


def pieces_of(parts: Iterator[str]) -> Iterator[bytes]:
    """The whole document in pieces of a useful size."""
    waiting = [START]
    size = 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size > PIECE:
            yield "".join(waiting).encode()
            waiting, size = [], 0
    waiting.append(END)
    yield "".join(waiting).encode()


class Listing:
    """The responses of one PROPFIND, one after the other."""

    def __init__(self, x: Exchange, connection: Connection, asked: Asked, depth: str, learnt: int = -1) -> None:
        """``learnt`` is :attr:`davshare.index.turn.Turn.learnt` from before the snapshot, where it is known."""
        self._x = x
        self._learnt = learnt
        self._connection = connection
        self._asked = asked
        self._depth = depth
        self._minimal = x.prefers("return=minimal")
        #: Whether there are locks where the listing has come by.
        self.locked = False

    def parts(self, target: view.Target) -> Iterator[str]:
        """The resource itself first, unless the asker does not want it."""
        rooted = self._depth == "0" or not self._x.prefers("depth-noroot")
        if isinstance(target, Virtual):
            return self._virtual(target, rooted)
        return self._real(target, rooted)

    def below(self, place: Place) -> Iterator[str]:
        """What is in a folder, without the folder itself."""
        return self._real(place, False)

    def _virtual(self, target: Virtual, rooted: bool) -> Iterator[str]:
        actor = self._x.actor
        describer = Describer(self._x.files, self._connection, actor, self._asked, self._minimal)
        if rooted:
            yield describer.response(target)
        if self._depth == "0":
            return
        yield from self.members_of(view.members(self._connection, actor, target))

    def members_of(self, found: Iterable[view.Target]) -> Iterator[str]:
        """Members of a virtual collection; and below them for Depth infinity."""
        describer = Describer(self._x.files, self._connection, self._x.actor, self._asked, self._minimal)
        for member in found:
            if not isinstance(member, Virtual):
                yield from self._real(member, True, self._depth == "infinity")
            elif self._depth == "infinity":
                yield from self._virtual(member, True)
            else:
                yield describer.response(member)

    def _real(self, place: Place, rooted: bool, members: bool | None = None) -> Iterator[str]:
        node = place.found()
        limited = not place.rights & Permission.READ
        scope = Scope(
            self._x.files,
            self._connection,
            self._x.actor,
            place,
            listing.Locks(self._connection, place),
            place.chain[:-1],
        )
        if self._asked.wants(CHECKSUMS):
            scope.checksums = listing.checksums(self._connection, [node])
        self.locked = self.locked or bool(scope.locks)
        renderer = Renderer(scope, self._asked, self._minimal)
        if rooted:
            dead = listing.dead(self._connection, node.id) if self._asked.dead and not limited else {}
            yield renderer.response(place.seen, place.href, dead)
        deeper = self._depth != "0" if members is None else members
        if node.is_folder and deeper and limited:
            yield from self._way(place, node)
        elif node.is_folder and deeper:
            page = Page(self._x, self._connection, scope, renderer, self._asked, self._learnt)
            if page.lasts:
                yield from self._pages(page, place)
            else:
                yield from self._members(place, scope, renderer, node)

    def _pages(self, page: Page, place: Place) -> Iterator[str]:
        """Members of a folder; for Depth infinity then those of each folder in it, and what is below that."""
        waiting = [(place.chain, place.href)]
        while waiting:
            way, href = waiting.pop()
            yield from page.texts(way, href)
            if self._depth == "infinity":
                below = listing.folders(self._connection, way[-1])
                waiting += [((*way, each), f"{href}{names.quoted(each.name)}/") for each in reversed(below)]

    def _way(self, place: Place, folder: Node) -> Iterator[str]:
        """Members of a folder that the asker may only walk through: each with rights of its own."""
        for node in listing.members(self._connection, place, folder):
            yield from self.apart((*place.segments, node.name), node)

    def apart(self, segments: tuple[str, ...], node: Node) -> Iterator[str]:
        """A member whose rights have little to do with those of its folder."""
        member = self._x.files.target(self._connection, self._x.asker, Address(segments, node.is_folder))
        if isinstance(member, Place):
            yield from self._real(member, True, self._depth == "infinity")

    def _members(self, place: Place, scope: Scope, renderer: Renderer, folder: Node) -> Iterator[str]:
        """Members of one folder, each followed by its own for Depth infinity."""
        infinite = self._depth == "infinity"
        quoted, respond = names.quoted, renderer.response
        nothing: Mapping[Name, str] = {}
        sight = place.sight
        stack = [self._open(place, folder, place.href, place.chain)]
        while stack:
            members, base, scope.above, dead, scope.checksums = stack[-1]
            for node in members:
                if sight is not None and not sight.reads(node):
                    way = [each.name for each in (*scope.above, node)[place.mount.above + 1 :]]
                    yield from self.apart((*place.mount.base, *way), node)
                    continue
                href = f"{base}{quoted(node.name)}/" if node.kind else base + quoted(node.name)
                yield respond(node, href, dead.get(node.id, nothing) if dead else nothing)
                if infinite and node.kind:
                    stack.append(self._open(place, node, href, (*scope.above, node)))
                    break
            else:
                stack.pop()
                yield from self._received(place, scope.above, base)

    def _received(self, place: Place, above: tuple[Node, ...], base: str) -> Iterator[str]:
        """What the asker has received and sees as members of a folder of their home."""
        found = () if place.mounts is None else place.mounts.in_folder(above[-1].id)
        if not found:
            return
        folder = replace(place, chain=above)
        if self._depth == "infinity":
            for each in found:
                yield from self._real(locate.at_mount(self._connection, self._x.actor, folder, each), True, True)
        else:
            page = MountPage(self._x, self._connection, self._asked, self._minimal)
            yield from page.texts(folder, found, base)
            self.locked = self.locked or page.locked

    def _open(self, place: Place, folder: Node, base: str, above: tuple[Node, ...]) -> _Level:
        """What is needed to list one folder: a fixed number of statements."""
        dead = listing.dead_of_members(self._connection, folder.id) if self._asked.dead else {}
        checksums = listing.checksums_of_members(self._connection, folder.id) if self._asked.wants(CHECKSUMS) else {}
        return _Level(iter(listing.members(self._connection, place, folder)), base, above, dead, checksums)


class _Level(NamedTuple):
    """A folder that is being listed."""

    members: Iterator[Node]
    base: str
    above: tuple[Node, ...]
    dead: Mapping[int, Mapping[Name, str]]
    checksums: Mapping[int, Mapping[str, bytes]]


def readable(place: Place) -> None:
    """Return when the whole of a collection may be read.

    :raises NotFound: nothing of it may.
    """
    place.found()
    guard.demand(place.rights, Permission.READ)
