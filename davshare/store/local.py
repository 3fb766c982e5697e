"""A folder of this machine as a place for bytes.

No path is followed through a link, whether the kernel walks all of it in one
call or each step starts at the descriptor of the one before, so nothing outside
the root can be reached, whatever happens to the tree meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path as FolderPath

from davshare.errors import Conflict, Unavailable
from davshare.model.names import PRIVATE, is_private
from davshare.store import beneath, copying, renaming, shelves, staging
from davshare.store.base import Facts, Missing, Path
from davshare.store.handles import Handle, Handles, Held
from davshare.store.refusals import Refusals, refusal
from davshare.store.staging import StagedFile
from davshare.store.statx import facts_of, of_descriptor, of_name

_PRIVATE = PRIVATE.encode()
STAGING: Path = (_PRIVATE, b"staging")
TRASH: Path = (_PRIVATE, b"trash")
_MARKER = "space"
#: Inode numbers are unsigned on disk, signed in the index.
_INODES = 1 << 64
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO})


class LocalStore:
    """One space's folder; see :class:`davshare.store.base.Store`.

    ``durable`` says whether content and membership are synced to disk;
    ``anchor`` is the inode of a root in which no marker can be written.
    """

    __slots__ = ("_absolute", "_anchor", "_handles", "_marker", "_own", "durable", "root")

    def __init__(
        self, root: FolderPath, durable: bool = True, anchor: int | None = None, handles: Handles | None = None
    ) -> None:
        self.root = os.fspath(root)
        self._absolute = os.fsencode(root if os.path.isabs(root) else os.path.join(os.getcwd(), root))
        self._handles = handles or Handles(1)
        self._own = {path: self.full(path) for path in (STAGING, TRASH)}
        self.durable = durable
        self._anchor = anchor
        self._marker = os.path.join(self.root, PRIVATE, _MARKER)

    # -- the root ----------------------------------------------------------------------

    def prepare(self, mark: str) -> Facts:
        """Make the root, if missing, and our private folder in it; facts of the root."""
        with Refusals():
            for folder in ((), STAGING, TRASH):
                os.makedirs(os.path.join(self.root, *map(os.fsdecode, folder)), exist_ok=True)
            with open(self._marker, "w") as marker:
                marker.write(mark)
                marker.flush()
                os.fsync(marker.fileno())
            self.sync((_PRIVATE,))
            self.sync(())
            return self.root_facts()

    def root_facts(self) -> Facts:
        """Facts of the root itself, whether it is prepared or not."""
        fd = self._folder(())
        try:
            return of_descriptor(fd)
        finally:
            os.close(fd)

    def present(self) -> None:
        """Return when the marker is there: a missing or unmounted disk never looks like an empty one."""
        try:
            if self._anchor is None:
                os.stat(self._marker)
                return
            there = facts_of(os.stat(self.root)).inode
        except OSError as error:
            raise Unavailable("The storage of this space is missing at the moment.") from error
        if there != self._anchor:
            raise Unavailable("The storage of this space is missing at the moment.")

    # -- reading -----------------------------------------------------------------------

    def open(self, path: Path) -> tuple[int, Facts]:
        """A descriptor of a regular file and its facts."""
        fd = beneath.straight(self._absolute, path)
        if fd < 0:
            root = self._folder(())
            try:
                fd = beneath.open_(root, path, beneath.FILE)
            except OSError as error:
                raise self._missing_or_refused(error) from error
            finally:
                os.close(root)
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(fd)
            raise Missing
        return fd, facts_of(status)

    def still(self, path: str, facts: Facts) -> bool:
        """Whether a file that was opened at ``path`` (from :meth:`full`) still is the one with these facts."""
        try:
            return facts_of(os.lstat(path)) == facts
        except OSError:
            return False

    def full(self, path: Path) -> str:
        """The whole path as text, for :meth:`still` only: nothing is ever opened by it."""
        return os.path.join(self.root, *map(os.fsdecode, path))

    def facts(self, path: Path) -> Facts:
        """Facts of a regular file or a folder."""
        if not path:
            self.present()
            return self.root_facts()
        folder = self._folder(path[:-1])
        try:
            facts, mode = of_name(path[-1], folder)
        except OSError as error:
            raise self._missing_or_refused(error) from error
        finally:
            os.close(folder)
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise Missing
        return facts

    def look(self, path: Path, names: Iterable[bytes]) -> Iterator[Facts | None]:
        """Facts of some names in one folder, in order; None for what is neither file nor folder there.

        :raises Missing: the folder is not there.
        """
        folder = self._folder(path)
        try:
            for name in names:
                try:
                    facts, mode = of_name(name, folder)
                except OSError as error:
                    if error.errno not in _GONE:
                        raise refusal(error) from error
                    self.present()
                    yield None
                else:
                    yield facts if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else None
        finally:
            os.close(folder)

    def vacant(self, path: Path, held: Held | None = None) -> bool:
        """Whether nothing is at ``path``.

        :raises Conflict: something is that can be no file or folder of ours.
        """
        mode = self._status(path, held)[0]
        if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise Conflict("Something that is neither a file nor a folder is in the way.")
        return not mode

    def holds(self, path: Path, inode: int, folder: bool, held: Held | None = None) -> bool:
        """Whether the file or folder that ``inode`` names is at ``path``."""
        mode, found = self._status(path, held)
        return found == inode % _INODES and (stat.S_ISDIR(mode) if folder else stat.S_ISREG(mode))

    def _status(self, path: Path, held: Held | None) -> tuple[int, int]:
        """Mode and inode of what is at ``path``; zeros when nothing is."""
        try:
            folder = self._opened(path[:-1], held)
        except Missing:
            return 0, 0
        try:
            status = os.stat(path[-1], dir_fd=folder.fd, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _GONE:
                raise refusal(error) from error
            return 0, 0
        return status.st_mode, status.st_ino

    def scan(self, path: Path) -> Iterator[tuple[bytes, Facts]]:
        """Members with their facts; symbolic links, devices and pipes are not members."""
        folder = self._folder(path)
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if not path and is_private(entry.name):
                        continue
                    name = os.fsencode(entry.name)
                    with contextlib.suppress(FileNotFoundError):
                        facts, mode = of_name(name, folder)
                        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
                            yield name, facts
        except OSError as error:
            raise self._missing_or_refused(error) from error
        finally:
            os.close(folder)

    def _folder(self, path: Path) -> int:
        """A descriptor of the folder at ``path``; the caller closes it."""
        try:
            fd = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise Unavailable("The storage of this space is missing at the moment.") from error
        if not path:
            return fd
        try:
            return beneath.open_(fd, path, beneath.FOLDER)
        except OSError as error:
            raise self._missing_or_refused(error) from error
        finally:
            os.close(fd)

    def _missing_or_refused(self, error: OSError) -> Exception:
        """A missing file on missing storage is not a missing file."""
        if error.errno not in _GONE:
            return refusal(error)
        try:
            self.present()
        except Unavailable as unavailable:
            return unavailable
        return Missing()

    # -- new content -------------------------------------------------------------------

    def stage(self) -> StagedFile:
        """Begin a file in the staging folder, which is on the same filesystem as its target."""
        name = secrets.token_hex(12).encode()
        folder = self._ours(STAGING)
        with Refusals():
            return StagedFile(folder.fd, name, self.durable)

    def stage_whole(self, data: bytes, mtime_ns: int | None) -> tuple[bytes, Facts]:
        """Make a file with this content in the staging folder, complete and durable; its name there, and what it is."""
        name, folder = secrets.token_hex(12).encode(), self._shelf()
        with Refusals():
            return b"/".join((shelves.own(), name)), staging.whole(folder.fd, name, data, mtime_ns, self.durable)

    def stage_noted(self, data: bytes, mtime_ns: int | None) -> tuple[bytes, Facts, Handle | None]:
        """The same, but not durable before what holds it is synced, until when the caller notes the content elsewhere;
        None: it is."""
        name = secrets.token_hex(12).encode()
        with Refusals():
            facts, hold = staging.soon(self._shelf(), name, data, mtime_ns, self.durable)
        return b"/".join((shelves.own(), name)), facts, hold

    def staged(self, name: bytes) -> StagedFile:
        """Open a finished file in the staging folder once more.

        :raises Missing: it is not there.
        """
        folder = self._ours(STAGING)
        try:
            return StagedFile(folder.fd, name, self.durable, fresh=False)
        except OSError as error:
            raise self._missing_or_refused(error) from error

    def stage_folder(self) -> tuple[bytes, Facts]:
        """Make an empty folder in the staging folder; its name there, and what it is."""
        name, folder = secrets.token_hex(12).encode(), self._shelf()
        with Refusals():
            return b"/".join((shelves.own(), name)), staging.empty_folder(folder.fd, name, self.durable)

    def _shelf(self) -> Handle:
        """The part of the staging folder for what this process makes in one step.

        :raises Unavailable: there is no staging folder.
        """
        path: Path = (*STAGING, shelves.own())
        with contextlib.suppress(Missing):
            return self._opened(path)
        with Refusals():
            shelves.make(self._ours(STAGING), self.durable)
        return self._ours(path)

    def _ours(self, path: Path) -> Handle:
        """A folder that is always there.

        :raises Unavailable: it is not.
        """
        try:
            return self._opened(path)
        except Missing:
            raise Unavailable("The storage of this space is incomplete at the moment.") from None

    def _opened(self, path: Path, held: Held | None = None) -> Handle:
        """The folder at ``path``; our own are kept open: then it costs one look whether they still are there.

        :param held: folders that were opened for the same changes; this one comes to them.
        :raises Missing: it is not.
        """
        if held is not None:
            folder = held.open.get((self.root, path))
            if folder is None:
                folder = held.open[self.root, path] = self._opened(path)
            return folder
        full = self._own.get(path)
        if full is None:
            if path[:2] != STAGING:
                return Handle(self._folder(path))
            full = self._own[path] = self.full(path)
        known = self._handles.get(full)
        if known is None or not known.is_at(full):
            known = Handle(self._folder(path))
            self._handles.put(full, known)
        return known

    def stage_copy(
        self, sources: Sequence[tuple[LocalStore, Path, Path, bool]]
    ) -> tuple[bytes, list[tuple[Facts, Facts]]]:
        """Copy files and folders into one staged tree.

        :param sources: (store, path there, path below the new top, is a folder), parents first; the first one is
            the top itself, with the empty path.
        :returns: the staged name, and for each source in order what was read and what the copy is.
        :raises Missing: one of the sources is not what it was said to be.
        """
        name = secrets.token_hex(12).encode()
        folder = self._ours(STAGING)
        with Refusals():
            try:
                return name, copying.tree(folder.fd, name, sources, self.durable)
            except BaseException:
                self.remove((*STAGING, name))
                raise

    # -- changes of the tree -----------------------------------------------------------

    def move(
        self,
        source: Path,
        target: Path,
        inode: int,
        replaced: list[int] | None = None,
        held: Held | None = None,
        noted: bool = False,
    ) -> bool:
        """Rename ``source`` to ``target``, replacing a file there.

        :param replaced: gets a descriptor of that file: a filesystem needs longer to free one than for all the rest,
            and does it when that is closed.
        :returns: false, and nothing has happened, when the source is gone or
            is another thing than ``inode`` names.
        """
        try:
            here = self._opened(source[:-1], held)
        except Missing:
            return False
        try:
            mode = renaming.mode_of(here.fd, source[-1], inode % _INODES)
            if not mode:
                return False
            there = here if target[:-1] == source[:-1] else self._target_folder(target, held)
            renaming.rename(here.fd, source[-1], there.fd, target[-1], replaced)
        except OSError as error:
            raise refusal(error) from error
        if held is not None:
            if self.durable:
                held.change(there, noted)
                if source[:2] != STAGING:
                    held.change(here, noted)
            if stat.S_ISDIR(mode):
                held.open.clear()  # what was below it has other paths now
        return True

    def _target_folder(self, target: Path, held: Held | None) -> Handle:
        try:
            return self._opened(target[:-1], held)
        except Missing:
            raise Conflict("A folder on the way is not on disk any more.") from None

    def sync(self, path: Path) -> None:
        """Make the membership of a folder survive a power cut."""
        if self.durable:
            with contextlib.suppress(Missing), Refusals():
                folder = self._opened(path)
                os.fsync(folder.fd)

    def remove(self, path: Path) -> None:
        """Remove a file or tree; never follows links."""
        with contextlib.suppress(Missing):
            folder = Handle(self._folder(path[:-1]))
            renaming.remove(folder.fd, path[-1])

    def set_time(self, path: Path, mtime_ns: int, inode: int) -> int:
        """Set the time of a file, if it still is the one that ``inode`` names; the time that the disk holds then.

        :raises Missing: it is another file, or none.
        """
        fd, facts = self.open(path)
        try:
            if facts.inode != inode:
                raise Missing
            with contextlib.suppress(OverflowError, OSError):
                os.utime(fd, ns=(mtime_ns, mtime_ns))
            return os.fstat(fd).st_mtime_ns
        finally:
            os.close(fd)

    def remove_root(self) -> None:
        """Remove the whole folder of the space."""
        with Refusals():
            shutil.rmtree(self.root)

    def free(self) -> int:
        """Bytes that the filesystem has left for us."""
        with Refusals():
            status = os.statvfs(self.root)
        return status.f_bavail * status.f_frsize

    def litter(self, older_than: float) -> list[bytes]:
        """Names of staged files that were last touched before ``older_than`` (seconds since 1970)."""
        return list(shelves.litter(self._ours(STAGING), older_than))
