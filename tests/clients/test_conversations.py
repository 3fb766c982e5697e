"""What desktops send, byte for byte, replayed from conversations/*.txt over a plain socket.

A file holds requests and the answers that their senders need.  A request follows ``>>>``: its head line by line,
an empty line and the body.  An answer follows ``<<<``: the status (``200 or 201``), header lines, and after an empty
line pieces that the body must hold.  ``Name: *`` wants any value, ``Name: {=word}`` keeps it as ``{word}`` for later,
``!Name`` wants no such header.  ``{length}`` is the length of the body, ``{base}`` the path of a fresh folder,
``{bare}`` the same without its slash, ``{url}`` the same as a URL, ``{files}`` and ``{webdav}`` the same folder where
Nextcloud's and ownCloud's apps look for it, ``{uploads}`` a new folder of chunks, ``{site}`` the URL of the server,
``{host}`` and ``{auth}`` values of headers.  ``{=word}`` in a piece of the body keeps what is there up to a quote or
tag, and a piece after ``!`` must not be there.
"""

from __future__ import annotations

import re
import secrets
import socket
from pathlib import Path
from typing import NamedTuple

import pytest

from support.client import Dav
from support.raw import RawAnswer, basic, connect, message, read_one
from support.server import Server

FILES = sorted(Path(__file__).with_name("conversations").glob("*.txt"))


class Turn(NamedTuple):
    """One request and what its answer has to be."""

    head: list[str]
    body: str
    statuses: set[int]
    headers: list[str]
    pieces: list[str]


def read(path: Path) -> list[Turn]:
    """The turns of a file."""
    turns = []
    for part in path.read_text("utf-8").split(">>>\n")[1:]:
        request, _, answer = part.partition("<<<\n")
        head, _, body = request.partition("\n\n")
        expected, _, pieces = answer.partition("\n\n")
        status, *headers = expected.splitlines()
        statuses = {int(word) for word in status.split(" or ")}
        turns.append(Turn(head.splitlines(), body.removesuffix("\n"), statuses, headers, pieces.splitlines()))
    assert turns
    return turns


class Replay:
    """A connection and the words that are known by now."""

    def __init__(self, server: Server, words: dict[str, str]) -> None:
        self._server = server
        self._words = words
        self._link: socket.socket | None = None

    def run(self, turn: Turn) -> None:
        """Send a request as it stands and judge the answer."""
        data = self._fill(turn.body).encode()
        self._words["length"] = str(len(data))
        head = "\r\n".join([self._fill(line) for line in turn.head])
        if "transfer-encoding: chunked" in head.lower():
            half = len(data) // 2
            chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (data[:half], data[half:])]
            data = b"".join([*chunks, b"0\r\n\r\n"])
        answer = self._exchange(head.encode() + b"\r\n\r\n" + data, head.startswith("HEAD "))
        context = f"{turn.head[0]}\n{answer}"
        assert answer.status in turn.statuses, context
        for line in turn.headers:
            self._judge(line, answer, context)
        for piece in turn.pieces:
            self._find(piece, answer.body.decode(), context)

    def _find(self, piece: str, body: str, context: str) -> None:
        if piece.startswith("!"):
            assert self._fill(piece[1:]) not in body, f"{piece} is in\n{context}"
            return
        before, capture, after = piece.partition("{=")
        if not capture:
            assert self._fill(piece) in body, f"{piece} is not in\n{context}"
            return
        word, _, after = after.partition("}")
        found = re.search(re.escape(self._fill(before)) + '([^"<]+)' + re.escape(self._fill(after)), body)
        assert found, f"{piece} is not in\n{context}"
        self._words[word] = found[1]

    def _judge(self, line: str, answer: RawAnswer, context: str) -> None:
        name, _, wanted = line.partition(": ")
        if name.startswith("!"):
            assert name[1:].lower() not in answer.headers, context
            return
        value = answer.headers.get(name.lower())
        assert value is not None, f"no {name} in\n{context}"
        capture = re.fullmatch(r"(<?)\{=(\w+)\}(>?)", wanted)
        if capture:
            assert value.startswith(capture[1]) and value.endswith(capture[3]), context
            self._words[capture[2]] = value.removeprefix(capture[1]).removesuffix(capture[3])
        elif wanted != "*":
            assert value == self._fill(wanted), context

    def _fill(self, text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda match: self._words[match[1]], text)

    def _exchange(self, data: bytes, head_only: bool) -> RawAnswer:
        if self._link is None:
            self._link = connect(self._server.port)
        self._link.sendall(data)
        answer = read_one(self._link, head_only)
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
        return answer

    def close(self) -> None:
        """End the connection."""
        if self._link is not None:
            self._link.close()
            self._link = None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_conversation(server: Server, box: Dav, path: Path) -> None:
    """Every client hears what it needs to go on, on connections that stay open."""
    words = {
        "base": box.base,
        "bare": box.base.rstrip("/"),
        "url": box.full(""),
        "files": box.base.replace("/dav/home/", "/remote.php/dav/files/alice/"),
        "webdav": box.base.replace("/dav/home/", "/remote.php/webdav/"),
        "uploads": f"/remote.php/dav/uploads/alice/{secrets.token_hex(16)}",
        "site": server.url,
        "host": f"127.0.0.1:{server.port}",
        "auth": basic("alice", server.users["alice"]),
    }
    replay = Replay(server, words)
    try:
        for turn in read(path):
            replay.run(turn)
    finally:
        replay.close()


@pytest.mark.parametrize("line", ["Content-Length: 60000000", "Transfer-Encoding: chunked"])
def test_401_while_sending(server: Server, box: Dav, line: str) -> None:
    """Windows sends the body along without a login: it goes on sending, and can read the 401 all the same."""
    piece = b"x" * 65536 if line.startswith("Content") else b"10000\r\n" + b"x" * 65536 + b"\r\n"
    with connect(server.port) as link:
        link.sendall(message("PUT", box.path("new"), line) + piece)
        for _ in range(8):
            link.sendall(piece)
        answer = read_one(link, False)
    assert answer.status == 401
    assert "www-authenticate" in answer.headers
    assert answer.headers["ms-author-via"] == "DAV"
    assert box.names() == set()
