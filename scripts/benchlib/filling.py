"""Files for the tests, uploaded over several connections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing

from benchlib import checks, load
from benchlib.client import BenchError, Connection, demand
from benchlib.servers import Server
from benchlib.worker import Script, Step

_CONNECTIONS = 8
_NO_LIMIT = 3600.0


def make_folder(server: Server, path: str) -> None:
    """A folder below the base folder.

    :raises BenchError: the server refuses.
    """
    with closing(Connection(server.port)) as connection:
        demand(connection, server.request("MKCOL", f"{path}/"), 201)


def upload(server: Server, folder: str, names: Iterable[str], content: bytes) -> None:
    """Make a folder, unless it is the base folder, and files in it.

    :raises BenchError: an upload was refused.
    """
    if folder:
        make_folder(server, folder)
    paths = [f"{folder}/{name}" if folder else name for name in names]

    def script(number: int) -> Script:
        return _uploads(server, paths[number::_CONNECTIONS], content)

    if paths:
        connections = min(_CONNECTIONS, len(paths))
        done = load.run(server, script, connections, _NO_LIMIT, warm_up=False)
        wrong = {what: count for what, count in done.wrong.items() if what != "no right answer at all"}
        if wrong:
            raise BenchError(f"{server.name} refused files of the tests: {wrong}")


def _uploads(server: Server, paths: Sequence[str], content: bytes) -> Script:
    for path in paths:
        yield Step(server.request("PUT", path, content), checks.STORED)
