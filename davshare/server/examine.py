"""What can be wrong with a machine and a data folder, found out by trying."""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from davshare import __version__
from davshare.config import FILE_NAME, Config
from davshare.errors import DavshareError
from davshare.index import backends, sqlite
from davshare.index.database import REVISION
from davshare.server import admin

GOOD, NOTE, BAD = "ok", "note", "bad"
_LOW_SPACE = 1 << 30
_FEW_FILES = 4096
_FICLONE = 0x40049409
_THIS_MUCH_TIME = 1_600_000_000


class Finding(NamedTuple):
    """One thing that was looked at: ok, a note, or bad."""

    what: str
    state: str
    detail: str


def examine(data: Path, config: Config) -> Iterator[Finding]:
    """Everything worth knowing, the machine first."""
    yield Finding("davshare", GOOD, __version__)
    yield _python()
    yield Finding("sqlite", GOOD if sqlite.NEW_ENOUGH else BAD, sqlite.VERSION)
    yield _clock()
    yield _open_files()
    yield _port(data, config)
    yield _exposure(config)
    yield Finding("durability", GOOD if config.durability == "full" else NOTE, config.durability)
    yield from _permissions(data, config)
    yield from _index(data, config)
    yield _space(data)
    yield from _file_system(data)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", GOOD if sys.version_info >= (3, 11) else BAD, version)


def _clock() -> Finding:
    now = time.time()
    text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    return Finding("clock", GOOD if now > _THIS_MUCH_TIME else BAD, text)


def _open_files() -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = hard == resource.RLIM_INFINITY or hard >= _FEW_FILES
    return Finding("open files", GOOD if enough else BAD, "no limit" if hard == resource.RLIM_INFINITY else str(hard))


def _port(data: Path, config: Config) -> Finding:
    if admin.is_served(data):
        return Finding("port", GOOD, f"{config.listen}; the data folder is being served")
    host, port = config.address
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, number) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return Finding("port", BAD, f"{config.listen}: {error.strerror or error}")
    return Finding("port", GOOD, f"{config.listen} is free")


def _exposure(config: Config) -> Finding:
    if config.basic_over_http:
        return Finding("passwords", NOTE, "are accepted over unencrypted HTTP from other machines")
    if config.public_url.startswith("https:") and not config.trusted_proxies:
        return Finding("passwords", NOTE, "public_url is https, but no trusted_proxies: requests will look unencrypted")
    return Finding("passwords", GOOD, "only over HTTPS or from this machine")


def _permissions(data: Path, config: Config) -> Iterator[Finding]:
    private = FILE_NAME if config.database else sqlite.FILE
    for path, forbidden in ((data, 0o027), (data / admin.SECRET, 0o077), (data / private, 0o077)):
        try:
            facts = path.stat()
        except OSError as error:
            yield Finding("permissions", BAD, f"{path.name}: {error.strerror}")
            continue
        mode = f"{path.name} {facts.st_mode & 0o777:04o}"
        if facts.st_mode & forbidden:
            yield Finding("permissions", BAD, f"{mode}: other people of this machine can get at it")
        elif facts.st_uid != os.geteuid():
            yield Finding("permissions", NOTE, f"{mode} belongs to another user")
        else:
            yield Finding("permissions", GOOD, mode)


def _index(data: Path, config: Config) -> Iterator[Finding]:
    try:
        database = backends.database(data, config.database)
    except DavshareError as error:
        yield Finding("database", BAD, error.message)
        return
    try:
        yield Finding("database", GOOD, f"{database.name} in {database.place}")
        found = database.revision()
        yield Finding("schema", GOOD if found == REVISION else BAD, f"{found or 'none'} (needed: {REVISION})")
    except DavshareError as error:
        yield Finding("schema", BAD, error.message)
    finally:
        database.close()


def _space(data: Path) -> Finding:
    usage = shutil.disk_usage(data)
    text = f"{usage.free / 1e9:.1f} GB of {usage.total / 1e9:.1f} GB free"
    return Finding("disk", GOOD if usage.free > _LOW_SPACE else NOTE, text)


def _file_system(data: Path) -> Iterator[Finding]:
    """Try out what the write path relies on, in a folder that is gone afterwards."""
    try:
        with tempfile.TemporaryDirectory(prefix=".examine-", dir=data) as folder:
            here = Path(folder)
            yield _tried("write and fsync", lambda: _try_fsync(here), BAD, "works")
            yield _tried("rename over a file", lambda: _try_rename(here), BAD, "works")
            yield _tried("locks", lambda: _try_lock(here), BAD, "works")
            yield _tried("long times", lambda: _try_times(here), NOTE, "nanoseconds are kept")
            yield _tried("reflink", lambda: _try_reflink(here), NOTE, "copies share their blocks")
            yield _names(here)
    except OSError as error:
        yield Finding("write", BAD, error.strerror or str(error))


def _tried(what: str, trial: object, otherwise: str, detail: str) -> Finding:
    try:
        assert callable(trial)
        trial()
    except OSError as error:
        return Finding(what, otherwise, f"not here: {error.strerror or error}")
    return Finding(what, GOOD, detail)


def _try_fsync(here: Path) -> None:
    with (here / "one").open("wb") as file:
        file.write(b"x" * 4096)
        file.flush()
        os.fsync(file.fileno())
    handle = os.open(here, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _try_rename(here: Path) -> None:
    (here / "two").write_bytes(b"y")
    os.rename(here / "two", here / "one")


def _try_lock(here: Path) -> None:
    with (here / "lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _try_times(here: Path) -> None:
    wanted = 1_700_000_000_123_456_789
    os.utime(here / "one", ns=(wanted, wanted))
    if (here / "one").stat().st_mtime_ns != wanted:
        raise OSError("times are rounded; exact ones are kept in the index")


def _try_reflink(here: Path) -> None:
    with (here / "one").open("rb") as source, (here / "copy").open("wb") as target:
        fcntl.ioctl(target, _FICLONE, source.fileno())


def _names(here: Path) -> Finding:
    found = []
    (here / "Case").touch()
    if (here / "case").exists():
        found.append("upper and lower case are the same")
    (here / "e\u0301").touch()
    if (here / "\u00e9").exists():
        found.append("spellings of accents are the same")
    with suppress(OSError):
        os.close(os.open(os.fsencode(here) + b"/\xff", os.O_CREAT | os.O_WRONLY))
        return Finding("names", NOTE if found else GOOD, "; ".join(found) or "kept byte for byte")
    found.append("only valid UTF-8")
    return Finding("names", NOTE, "; ".join(found))
