"""cadaver, the command line client on neon."""

from __future__ import annotations

from pathlib import Path

from support.client import Dav
from support.server import Server


def session(program, run, tmp_path: Path, server: Server, box: Dav, *commands: str) -> str:
    """What cadaver says to these commands in the box."""
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login alice password {server.users['alice']}\n")
    (tmp_path / ".netrc").chmod(0o600)
    text = "\n".join([*commands, "quit", ""])
    done = run(program("cadaver", "cadaver"), box.full(""), input=text)
    said = done.stdout + done.stderr
    assert "Authentication" not in said, said
    return said


def test_files_and_folders(program, run, tmp_path: Path, server: Server, box: Dav) -> None:
    """mkcol, put, ls, copy, move, get, delete, rmcol."""
    (tmp_path / "up load.txt").write_text("content")
    said = session(
        program, run, tmp_path, server, box,
        "mkcol folder", 'put "up load.txt" folder/remote.txt', "ls folder", "cd folder", "copy remote.txt copied.txt",
        "move copied.txt moved.txt", "get moved.txt down.txt", "delete remote.txt", "cd ..", "mkcol other",
        "rmcol other",
        "copy folder/ tree/", "cat tree/moved.txt",
    )  # fmt: skip
    assert "failed" not in said.lower(), said
    assert (tmp_path / "down.txt").read_text() == "content"
    assert box.names() == {"folder", "tree"}
    assert box.names("folder/") == box.names("tree/") == {"moved.txt"}


def test_properties(program, run, tmp_path: Path, server: Server, box: Dav) -> None:
    """propset, propget and propdel of a custom property."""
    box.put("file", b"1")
    said = session(
        program, run, tmp_path, server, box,
        "propset file colour green", "propget file colour", "propdel file colour", "propget file colour",
    )  # fmt: skip
    assert "green" in said
    assert box.prop("file", "{http://webdav.org/cadaver/custom-properties/}colour")[0] == 404


def test_locks(program, run, tmp_path: Path, server: Server, box: Dav) -> None:
    """lock, write under the lock, discover, unlock; a lock held by another client is respected."""
    box.put("file", b"old")
    (tmp_path / "new").write_text("new")
    said = session(program, run, tmp_path, server, box, "lock file", "put new file", "discover file", "unlock file")
    assert "failed" not in said.lower(), said
    assert box.get("file").body == b"new"
    assert box.text("file", "lockdiscovery") == ""
    token = box.locked("file", depth="0")
    (tmp_path / "new").write_text("newer")
    said = session(program, run, tmp_path, server, box, "put new file")
    assert "423" in said or "Locked" in said, said
    assert box.get("file").body == b"new"
    assert box.unlock("file", token).status == 204
