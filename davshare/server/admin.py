"""Making and opening data folders, for the command line.

Imports nothing heavy: commands that only touch the index answer in a blink.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from davshare import config as configuration
from davshare.config import Config, Loaded
from davshare.errors import BadRequest, Conflict, DavshareError, NotFound, UsageError
from davshare.index import backends, people, spaces
from davshare.index.database import REVISION, Database
from davshare.model import names
from davshare.model.people import User
from davshare.model.site import site_of
from davshare.server import tomlfile

if TYPE_CHECKING:
    from davshare.files.service import Files

SECRET = "secret.key"
SERVING = "serve.lock"
SECRET_BYTES = 32


def load_config(data: Path, switches: Mapping[str, str] | None = None) -> Loaded:
    """The configuration of a data folder.

    :raises NotFound: it is no data folder.
    :raises UsageError: the configuration has a mistake.
    """
    require(data)
    return configuration.load(data, os.environ, switches or {})


def require(data: Path) -> None:
    """Return when ``data`` is a data folder: one with the site's key.

    :raises NotFound: it is not.
    """
    if not (data / SECRET).is_file():
        raise NotFound(f"{data} is not a data folder; `davshare init {data}` makes one")


def open_index(data: Path, config: Config | None = None) -> Database:
    """The index of a data folder.

    :param config: its configuration; None: as the data folder and the environment say.
    :raises NotFound: it is no data folder.
    :raises Conflict: the index belongs to another one, or is used by a server elsewhere.
    :raises Unavailable: the index cannot be read.
    :raises UsageError: the index was written by another version of davshare.
    """
    config = config or load_config(data).config
    require(data)
    database = backends.database(data, config.database, config.durability == "full")
    try:
        found = database.revision()
        if found != REVISION:
            raise UsageError(
                f"the index has schema {found or 'none'}, this version needs {REVISION};"
                f" `davshare serve {data}` brings an older one up to date"
            )
        database.belong(_fingerprint(data))
    except BaseException:
        database.close()
        raise
    return database


def _fingerprint(data: Path) -> str:
    """What tells the site from others, and nothing about its key."""
    return hashlib.sha256(b"davshare site\0" + (data / SECRET).read_bytes()).hexdigest()[:32]


@contextmanager
def index(data: Path, config: Config | None = None) -> Iterator[Database]:
    """The same for a while."""
    database = open_index(data, config)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def files(data: Path) -> Iterator[Files]:
    """The file service for a while, configured as the data folder says."""
    service = open_files(data, load_config(data).config)
    try:
        yield service
    finally:
        service.db.close()


def demand_space(service: Files, name: str | None) -> None:
    """Return when there is a space or home of that name, or no name.

    :raises NotFound: there is none.
    """
    if name is not None:
        with service.db.session() as connection:
            if all(space.name != names.key(name) for space in spaces.all_spaces(connection)):
                raise NotFound("There is no such space.")


def open_files(data: Path, config: Config) -> Files:
    """The file service of a data folder, for commands that touch files."""
    from davshare.files.service import Files

    return Files(data, open_index(data, config), config.durability == "full", site_of(config))


def prepare(data: Path, config: Config) -> None:
    """Bring the index up to date before it is served.

    :raises UsageError: it was written by a newer version, or there is none.
    :raises Conflict: it belongs to another data folder.
    """
    require(data)
    database = backends.database(data, config.database)
    try:
        found = database.revision()
        if found is None:
            raise UsageError(f"there is no index in {database.place}; `davshare migrate-database` can fill a new one")
        if found > REVISION:
            raise UsageError("the index was written by a newer version of davshare")
        database.belong(_fingerprint(data))
        if found < REVISION:
            from davshare.index.migrate import upgrade

            upgrade(database)
    finally:
        database.close()


@contextmanager
def serving(data: Path) -> Iterator[None]:
    """Hold the data folder as its only server.

    :raises Conflict: another server holds it.
    """
    handle = os.open(data / SERVING, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"{data} is being served by another process already") from None
        yield
    finally:
        os.close(handle)


@contextmanager
def claiming(data: Path, config: Config) -> Iterator[None]:
    """Be the one server that works with the index, wherever it is.

    :raises Conflict: another server does, on another machine perhaps.
    """
    with index(data, config) as database:
        database.claim()
    try:
        yield
    finally:
        with suppress(DavshareError), index(data, config) as database:
            database.unclaim()


def is_served(data: Path) -> bool:
    """Whether a server holds the data folder."""
    try:
        with serving(data):
            return False
    except Conflict:
        return True


def make_data_folder(data: Path, admin: str, password: str, url: str = "") -> User:
    """A new data folder with its first administrator; all of it or nothing.

    :param data: a folder that is missing or empty.
    :param url: of an empty PostgreSQL database for the index, written into the configuration; empty: as the
        environment says.
    :raises Conflict: it holds something already.
    :raises BadRequest: the name or the password cannot be accepted.
    """
    names.check_account(names.key(admin))
    if data.exists() and not data.is_dir():
        raise BadRequest(f"{data} is not a folder")
    made = _missing(data)
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = data.stat().st_mode & 0o7777
        # Whoever makes the key owns the folder from here on: two at the same time cannot both.
        if any(data.iterdir()) or not _write_new(data / SECRET, secrets.token_bytes(SECRET_BYTES)):
            raise Conflict(f"{data} is not empty")
    except BaseException:
        _remove_empty(made)
        raise
    try:
        with _stopping():
            return _fill(data, admin, password, url)
    except BaseException:
        for entry in data.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        data.chmod(before)
        _remove_empty(made)
        raise


def _fill(data: Path, admin: str, password: str, url: str) -> User:
    from davshare.identity.people import add_user
    from davshare.index.migrate import upgrade

    data.chmod(0o700)
    for folder in ("homes", "spaces"):
        (data / folder).mkdir(mode=0o700)
    _write_new(data / configuration.FILE_NAME, configuration.sample().encode())
    if url:
        tomlfile.set_key(data, "database", url)
    config = load_config(data).config
    database = backends.database(data, config.database)
    try:
        if database.revision() is not None:
            raise Conflict(f"there is an index in {database.place} already")
        upgrade(database)
        with database.turn():
            database.shared.settle_in()
    finally:
        database.close()
    with files(data) as service:
        return add_user(service, admin, password, admin=True)


def _missing(path: Path) -> list[Path]:
    """The folders that have to be made for ``path``, deepest first."""
    found = []
    while not path.exists():
        found.append(path)
        path = path.parent
    return found


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _write_new(path: Path, content: bytes) -> bool:
    """Write a private file that must not exist; whether it did not."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return True


@contextmanager
def _stopping() -> Iterator[None]:
    """Let SIGTERM raise, so that what was begun is cleaned up."""

    def stop(number: int, frame: FrameType | None) -> Any:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def administrators(data: Path, config: Config) -> list[str]:
    """Names of those who can administer and sign in, oldest account first."""
    with index(data, config) as database, database.session() as connection:
        return [user.name for user in people.administrators(connection)]


def put_index_aside(data: Path) -> None:
    """A new index takes the place of the present one, however damaged that is.

    :raises UsageError: it is in PostgreSQL.
    """
    from davshare.index.migrate import upgrade
    from davshare.index.sqlite import FILE

    config = load_config(data).config
    if config.database:
        raise UsageError("an index in PostgreSQL is not put aside; give `davshare init` an empty database instead")
    stamp = int(time.time())
    for path in data.glob(f"{FILE}*"):
        if ".aside-" not in path.name:
            path.rename(path.with_name(f"{path.name}.aside-{stamp}"))
    database = backends.database(data, "")
    upgrade(database)
    database.close()


def self_test(data: Path, config: Config) -> None:
    """Prove before serving that guessing of passwords is slowed down, and that the providers are well described.

    :raises Unavailable: guessing is not slowed down.
    :raises UsageError: the file with the providers has a mistake.
    """
    from davshare.files.sitekey import read_secret
    from davshare.identity import providers
    from davshare.identity.throttle import Throttle

    providers.load(data, config.oidc)
    with index(data, config) as database:
        Throttle(database, read_secret(database)).self_test()
