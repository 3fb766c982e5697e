"""What would become of many files before a byte of them is sent.

Only rows are read: the number of statements grows with the depth of the
paths, not with the number of files.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote

from davshare.errors import BadRequest, DavshareError, NotFound
from davshare.files import pending
from davshare.files.context import Address, Asker, Connection
from davshare.files.locate import Place
from davshare.files.pending import Intent
from davshare.files.reading import values_of
from davshare.files.service import Files
from davshare.index import digests, nodes, uploads
from davshare.index.uploads import Partly
from davshare.model import names
from davshare.model.access import Permission, Rights
from davshare.model.nodes import Node
from davshare.model.people import Actor

#: Folders that a path of a plan can have in it; statements are counted by it.
DEEPEST = 50
#: Names of members that are compared with new ones, in all folders of a plan together.
_MOST_NAMES = 200_000

SEND, THERE, RESUME, CLASH, FULL, REFUSED = "send", "there", "resume", "clash", "over_quota", "not_allowed"


class Wish(NamedTuple):
    """A file that somebody would like to send; ``expected`` are its checksums by algorithm."""

    path: str
    size: int
    expected: Mapping[str, bytes] = {}


class Verdict(NamedTuple):
    """What would become of it, with the reason if it would not be stored as it is.

    ``etag`` is that of the file that is there and would be replaced.
    ``offset`` is how much of it came already, in the upload at ``upload``.
    """

    what: str
    reason: str = ""
    etag: str | None = None
    offset: int | None = None
    upload: str | None = None


@dataclass(slots=True)
class _Step:
    """One name in the tree of all paths; ``node`` is what has it, ``rights`` are the asker's there."""

    name: str
    above: _Step | None
    node: Node | None = None
    rights: Rights = Permission.NONE
    reason: str = ""
    below: dict[str, _Step] = field(default_factory=dict)
    #: Names by the form in which they are the same for systems that do not tell them apart.
    alike: dict[str, str] = field(default_factory=dict)


def judge(files: Files, actor: Actor, folder: Address, wishes: Sequence[Wish]) -> list[Verdict]:
    """What would become of each file below ``folder``, in their order; those before count in the quota.

    :raises NotFound: there is no such folder.
    :raises MethodNotAllowed: it is one that the server makes up.
    """
    with files.db.snapshot() as connection:
        place = files.place(connection, Asker(actor), folder)
        return _Plan(files, connection, actor, place).judge(wishes)


class _Plan:
    def __init__(self, files: Files, connection: Connection, actor: Actor, place: Place) -> None:
        self._files = files
        self._connection = connection
        self._actor = actor
        self._place = place
        self._top = _Step("", None, place.found(), place.rights)
        self._left = pending.room(files, connection, place)
        self._largest = files.settings.get("upload.max_bytes")
        self._names = _MOST_NAMES
        self._known: Mapping[int, digests.Digests] = {}
        self._open: Mapping[tuple[tuple[str, ...], int], Partly] = {}

    def judge(self, wishes: Sequence[Wish]) -> list[Verdict]:
        """All verdicts."""
        goals = [self._goal(wish) for wish in wishes]
        level = [self._top]
        while level:
            level = self._descend(level)
        steps = [goal for goal in goals if isinstance(goal, _Step) and goal.node is not None]
        there = [(step.node.id, step.node.stamp) for step in steps if step.node is not None]
        self._known = digests.of_many(self._connection, there)
        self._open = self._uploads()
        seen: set[int] = set()
        return [self._verdict(wish, goal, seen) for wish, goal in zip(wishes, goals, strict=True)]

    def _goal(self, wish: Wish) -> _Step | Verdict:
        """The step of a path, with those on the way; a verdict where it can be none."""
        try:
            segments, slash = names.split(f"/{quote(wish.path, safe='/')}")
            if not segments or slash or wish.path.startswith("/"):
                raise BadRequest("This is no relative path of a file.")
            if len(segments) > DEEPEST:
                raise BadRequest("The path is too deep for a plan.")
        except BadRequest as error:
            return Verdict(REFUSED, error.message)
        step = self._top
        for segment in segments:
            known = step.below.get(segment)
            if known is None:
                known = _Step(segment, step)
                other = step.alike.setdefault(names.folded(segment), segment)
                if other != segment:
                    known.reason = "Another name in this plan is the same on Windows and macOS."
                step.below[segment] = known
            step = known
        return step

    def _descend(self, level: Sequence[_Step]) -> list[_Step]:
        """Learn what is there of the names below some steps; those that have names below themselves."""
        found = nodes.named(self._connection, [(node.id, names.key(name)) for node, name in _names_below(level)])
        fresh: list[_Step] = []
        for above in level:
            for step in above.below.values():
                node = None if above.node is None else found.get((above.node.id, names.key(step.name)))
                if node is not None and not self._sees(node):
                    continue  # for the asker nothing is there, and nothing can be made in its place
                if node is not None and node.name == step.name:
                    step.node, step.rights, step.reason = node, self._rights(node), ""
                else:
                    step.rights = above.rights
                    fresh.append(step)
                    self._judge_name(step, node)
        self._compare(fresh)
        return [step for above in level for step in above.below.values() if step.below]

    def _sees(self, node: Node) -> bool:
        sight = self._place.sight
        return bool(self._place.rights & Permission.READ) if sight is None else sight.shows(node)

    def _rights(self, node: Node) -> Rights:
        sight = self._place.sight
        return self._place.rights if sight is None else sight.rights(node)

    def _judge_name(self, step: _Step, twin: Node | None) -> None:
        """Whether every system can hold a new name."""
        if step.reason:
            return
        if twin is not None:
            step.reason = names.twin().message
            return
        try:
            names.check_portable(step.name)
        except DavshareError as error:
            step.reason = error.message.replace("in this space ", "")

    def _compare(self, fresh: Sequence[_Step]) -> None:
        """Whether new names are the same as present ones where case does not count."""
        folders = {step.above.node.id: step.above for step in fresh if step.above is not None and step.above.node}
        alike: dict[tuple[int, str], _Step] = {}
        present = nodes.names_of(self._connection, list(folders), self._names) if folders and self._names else []
        self._names -= len(present)
        for folder, name in present:
            called = folders[folder].alike.get(names.folded(name))
            if called is not None and names.key(called) != name:
                alike[folder, name] = folders[folder].below[called]
        for key, node in nodes.named(self._connection, list(alike)).items() if alike else ():
            step = alike[key]
            if step.node is None and self._sees(node):
                step.reason = step.reason or "A name that differs only in upper and lower case is already here."

    def _uploads(self) -> dict[tuple[tuple[str, ...], int], Partly]:
        """Open uploads of the asker by where they go and their size."""
        found: dict[tuple[tuple[str, ...], int], Partly] = {}
        oldest = time.time() - pending.keeps(self._files)
        for each in uploads.open_of(self._connection, self._actor.user, pending.MOST_OPEN):
            intent = Intent.read(each.upload.payload)
            strange = self._actor.node is not None and intent.device != self._actor.device
            if each.upload.total is None or not intent.target or strange or each.upload.touched < oldest:
                continue
            if each.upload.kind in ("tus", "chunks"):
                found.setdefault((_plainly(intent.target, self._actor.name), each.upload.total), each)
        return found

    def _verdict(self, wish: Wish, goal: _Step | Verdict, seen: set[int]) -> Verdict:
        if isinstance(goal, Verdict):
            return goal
        node = goal.node
        readable = node is not None and bool(goal.rights & Permission.READ)
        etag = self._files.etag(node) if node is not None and readable and not node.is_folder else None
        if node is not None and readable and self._is(node, wish):
            return Verdict(THERE, etag=etag)
        refused = self._refusal(goal, wish)
        if refused:
            return Verdict(REFUSED, refused)
        if id(goal) in seen:
            return Verdict(CLASH, "This path is in the plan twice.")
        seen.add(id(goal))
        reason = next((step.reason for step in _way(goal) if step.reason), "")
        if reason:
            return Verdict(CLASH, reason)
        partly = self._open.get((_plainly(self._segments(goal), self._actor.name), wish.size))
        growth = wish.size - (0 if node is None else node.size) - (0 if partly is None else partly.received)
        if growth > max(0, self._left):
            return Verdict(FULL, "The quota of this space does not allow it.", etag)
        self._left -= growth
        if partly is not None:
            return Verdict(RESUME, "", etag, partly.received, self._url(partly))
        return Verdict(SEND, etag=etag)

    def _is(self, node: Node, wish: Wish) -> bool:
        """Whether a file that is there is surely the same."""
        known = values_of(self._known.get(node.id, digests.Digests()))
        same = [known[name] == value for name, value in wish.expected.items() if name in known]
        return not node.is_folder and node.size == wish.size and bool(same) and all(same)

    def _refusal(self, goal: _Step, wish: Wish) -> str:
        """Why a file may not be stored there; empty when it may."""
        if self._largest and wish.size > self._largest:
            return "The file is larger than this server accepts."
        if goal.node is not None and goal.node.is_folder:
            return "A folder is at this place."
        for step in _way(goal):
            above = step.above
            if above is not None and above.node is not None and not above.node.is_folder:
                return "A file is where a folder would have to be."
            if step.node is None:
                refused = self._name_refusal(step)
                if refused:
                    return refused
        want = Permission.BIND if goal.node is None else Permission.WRITE_CONTENT
        return "" if goal.rights & want else "You are not allowed to do this."

    def _name_refusal(self, step: _Step) -> str:
        at_root = step.above is self._top and self._place.is_root
        try:
            names.check_new(step.name, at_root)
        except DavshareError as error:
            return error.message
        if names.is_of_macos(step.name) and not self._files.settings.get("dav.macos_files"):
            return "This server does not take the files that macOS puts beside others."
        return ""

    def _segments(self, goal: _Step) -> tuple[str, ...]:
        return (*self._place.segments, *[step.name for step in _way(goal) if step.above is not None])

    def _url(self, partly: Partly) -> str:
        if partly.upload.kind == "tus":
            return names.href(("remote.php", "dav", *partly.upload.name.split("/")), False)
        return names.href(("remote.php", "dav", "uploads", self._actor.name, partly.upload.name), True)


def _names_below(level: Sequence[_Step]) -> Iterator[tuple[Node, str]]:
    """Names to be looked for, in folders that are there."""
    for above in level:
        if above.node is not None and above.node.is_folder:
            yield from ((above.node, name) for name in above.below)


def _way(goal: _Step) -> list[_Step]:
    """A step and everything above it, the top first."""
    way: list[_Step] = []
    step: _Step | None = goal
    while step is not None:
        way.append(step)
        step = step.above
    return way[::-1]


def _plainly(segments: tuple[str, ...], user: str) -> tuple[str, ...]:
    """One of the addresses of a file, the same for all ways to one's own home."""
    match segments:
        case ("remote.php", "webdav", *rest):
            return ("dav", "home", *rest)
        case ("remote.php", "dav", "files", name, *rest):
            return _plainly(("dav", "users", name, *rest), user)
        case ("dav", "users", name, *rest) if names.key(name) == names.key(user):
            return ("dav", "home", *rest)
    return segments


def folder_of(text: str) -> Address:
    """The address that somebody wrote for a folder, with or without ``/dav`` in front.

    :raises NotFound: it cannot be one.
    """
    try:
        segments, _ = names.split(f"/{quote(text.strip('/'), safe='/')}")
    except BadRequest:
        raise NotFound from None
    return Address(segments if segments[:1] in (("dav",), ("remote.php",)) else ("dav", *segments), True)
