"""What would become of files, asked before they are sent: every verdict is what then really happens."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any

import pytest

from support.api import Api
from support.client import Dav, enc
from support.raw import basic
from support.server import Server


def sha1(data: bytes) -> str:
    """A checksum as the plan takes it."""
    return "SHA1:" + hashlib.sha1(data).hexdigest()


class Planner:
    """Asks about one folder."""

    def __init__(self, server: Server, folder: str, user: str = "alice", password: str | None = None) -> None:
        self.api = Api(server, basic(user, password or server.users[user]))
        self.folder = folder

    def ask(self, *files: dict[str, Any]) -> list[dict[str, Any]]:
        """The verdicts."""
        told = self.api.post("/upload-plan", {"folder": self.folder, "files": list(files)}).ok()
        assert [each["path"] for each in told["items"]] == [each["path"] for each in files]
        return told["items"]

    def verdicts(self, *paths: str, size: int = 1) -> list[str]:
        """The same in a word each."""
        return [each["verdict"] for each in self.ask(*[{"path": path, "size": size} for path in paths])]


@pytest.fixture
def planner(server: Server, box: Dav) -> Planner:
    """Alice's, for her box."""
    return Planner(server, box.base)


def test_new_changed_and_present(planner: Planner, box: Dav) -> None:
    """Only what is surely the same is there; an ETag is that of what would be replaced."""
    box.mkcol("a")
    box.put("a/same", b"same")
    box.put("a/changed", b"before")
    same, changed, new, unknown, empty = planner.ask(
        {"path": "a/same", "size": 4, "checksum": sha1(b"same")},
        {"path": "a/changed", "size": 6, "checksum": sha1(b"after!")},
        {"path": "b/c/new", "size": 3, "checksum": sha1(b"new")},
        {"path": "a/same", "size": 4},
        {"path": "a/changed", "size": 7, "checksum": f"MD5:{hashlib.md5(b'before').hexdigest()}"},
    )
    assert same["verdict"] == "there" and same["etag"] == box.etag("a/same")
    assert changed["verdict"] == "send" and changed["etag"] == box.etag("a/changed")
    assert new == {"path": "b/c/new", "verdict": "send", "reason": "", "etag": None, "offset": None, "upload": None}
    assert unknown["verdict"] == "send" and empty["verdict"] == "clash", "twice in one plan"
    md5 = f"MD5:{hashlib.md5(b'same').hexdigest()} SHA256:{hashlib.sha256(b'same').hexdigest()}"
    assert planner.ask({"path": "a/same", "size": 4, "checksum": md5})[0]["verdict"] == "there"


def test_every_root(server: Server, planner: Planner, box: Dav) -> None:
    """All addresses of a folder are the same."""
    box.put("x", b"x")
    for root in ("/dav/home/", "home/", "/remote.php/webdav/", "/remote.php/dav/files/alice/", "/dav/users/alice/"):
        planner.folder = box.base.replace("/dav/home/", root)
        assert planner.ask({"path": "x", "size": 1, "checksum": sha1(b"x")})[0]["verdict"] == "there"


def test_names_that_clash(planner: Planner, box: Dav) -> None:
    """With what is there, with each other, by normalisation, and with what Windows keeps for itself."""
    box.mkcol("Folder")
    box.put("Folder/File", b"x")
    box.put(enc("Grüße"), b"x")
    box.put(enc("caf\u00e9"), b"x")
    assert planner.verdicts(
        "Folder/file", "folder/x", "folder/y/z", "GRÜSSE", "cafe\u0301", "aux.txt", "a/b./c", "what?",
        "new/One", "new/one", "new/two", "NEW/three", "Folder/File", "Folder/Other",
    ) == ["clash"] * 8 + ["send", "clash", "send", "clash", "send", "send"]  # fmt: skip
    reasons = [each["reason"] for each in planner.ask({"path": "aux.txt", "size": 1}, {"path": "x" * 9, "size": 1})]
    assert "Windows" in reasons[0] and reasons[1] == ""


def test_what_is_there_already_does_not_clash(planner: Planner, box: Dav) -> None:
    """A name that cannot be on Windows is no news where it is already."""
    box.put("aux", b"x")
    box.put("AUX", b"x")
    assert planner.verdicts("aux", "AUX", "Aux") == ["send", "send", "clash"]


def test_what_cannot_be(planner: Planner, box: Dav) -> None:
    """Paths that are none, folders and files in the way."""
    box.mkcol("folder")
    box.put("file", b"x")
    for path in (
        "/x",
        "x/",
        "..",
        "a/../b",
        "a/./b",
        "x" * 256,
        "file/x",
        "file/x/y",
        "folder",
        "a\\b",
        "d/" * 50 + "x",
    ):
        (told,) = planner.ask({"path": path, "size": 1})
        assert told["verdict"] == "not_allowed" and told["reason"], path
    home = Planner.__new__(Planner)
    home.api, home.folder = planner.api, "/dav/home/"
    assert home.verdicts(".davshare/x", ".DavShare") == ["not_allowed"] * 2


def test_who_may(server: Server, planner: Planner, box: Dav) -> None:
    """Rights count as they are on every folder; what one may not know of is as if it were not there."""
    box.mkcol("open")
    box.mkcol("open/closed")
    box.mkcol("open/deep")
    box.put("open/closed/secret", b"secret")
    box.put("open/deep/x", b"x")
    where = "users/alice/" + box.base.removeprefix("/dav/home/")
    server.cli("acl", "grant", where + "open", "bob", "viewer")
    server.cli("acl", "grant", where + "open/deep", "bob", "editor")
    server.cli("acl", "deny", where + "open/closed", "bob", "read")
    bob = Planner(server, "/dav/" + where + "open", "bob")
    secret = {"path": "closed/secret", "size": 6, "checksum": sha1(b"secret")}
    none = {"path": "closed/none", "size": 6}
    told = bob.ask(
        secret, none, {"path": "x", "size": 1}, {"path": "deep/x", "size": 2}, {"path": "deep/y/z", "size": 1}
    )
    assert [each["verdict"] for each in told] == ["not_allowed", "not_allowed", "not_allowed", "send", "send"]
    assert {**told[0], "path": ""} == {**told[1], "path": ""}
    for folder in (where + "open/closed", where + "open/none", "/dav/users/nobody/x", "/"):
        reply = bob.api.post("/upload-plan", {"folder": folder, "files": []})
        assert reply.status in (404, 405), folder
    bob.folder = "/dav/" + where
    assert bob.verdicts("x", "open/deep/y") == ["not_allowed", "send"]
    bob.folder = f"/dav/{where}open/deep/x"
    bob.api.post("/upload-plan", {"folder": bob.folder, "files": []}).refused(404)
    bob.api.post("/upload-plan", {"folder": "/dav/spaces", "files": []}).refused(405)


def test_a_read_only_space(server: Server) -> None:
    """Nothing is allowed there, and what is there is there."""
    name = f"s{secrets.token_hex(4)}"
    server.cli("space", "add", name, "--member", "alice:editor")
    server.dav("alice", f"/dav/spaces/{name}/").put("x", b"x")
    server.cli("space", "set", name, "--read-only")
    planner = Planner(server, f"/dav/spaces/{name}")
    told = planner.ask({"path": "x", "size": 1, "checksum": sha1(b"x")}, {"path": "y", "size": 1})
    assert [each["verdict"] for each in told] == ["there", "not_allowed"]


def test_quota(server: Server) -> None:
    """Files count one after the other; smaller ones that follow still fit; what is replaced is given back."""
    name = f"u{secrets.token_hex(4)}"
    server.cli("user", "add", name, "--quota", "10kB", "--password-stdin", input="some-pass-123")
    home = server.dav(name, password="some-pass-123")
    home.put("old", b"x" * 6000)
    planner = Planner(server, "/dav/home", name, "some-pass-123")
    told = planner.ask({"path": "a", "size": 3000}, {"path": "b", "size": 3000}, {"path": "old", "size": 1000},
                       {"path": "c", "size": 3000})  # fmt: skip
    assert [each["verdict"] for each in told] == ["send", "over_quota", "send", "send"]


def test_resuming(server: Server, planner: Planner, box: Dav) -> None:
    """An open upload of the same file and size is found, whatever way it came; others' are not."""
    said = base64.b64encode(b"big").decode()
    sent = {"Tus-Resumable": "1.0.0", "Upload-Length": "1000", "Upload-Metadata": f"filename {said}",
            "Content-Type": "application/offset+octet-stream"}  # fmt: skip
    url = box.request("POST", box.base.replace("/dav/home/", "/remote.php/webdav/"), b"x" * 400, sent)["Location"]
    chunks = f"/remote.php/dav/uploads/alice/{secrets.token_hex(4)}/"
    target = {"Destination": box.base.replace("/dav/home/", "/remote.php/dav/files/alice/") + "chunked"}
    assert box.mkcol(chunks, headers={**target, "OC-Total-Length": "900"}).status == 201
    box.put(chunks + "1", b"x" * 300)
    tus, chunked, other, size = planner.ask(
        {"path": "big", "size": 1000}, {"path": "chunked", "size": 900}, {"path": "other", "size": 1000},
        {"path": "sub/big", "size": 1000},
    )  # fmt: skip
    assert (tus["verdict"], tus["offset"], url.endswith(tus["upload"])) == ("resume", 400, True)
    assert (chunked["verdict"], chunked["offset"], chunked["upload"]) == ("resume", 300, chunks)
    assert other["verdict"] == size["verdict"] == "send"
    assert planner.verdicts("big", size=999) == ["send"]
    head = {"Tus-Resumable": "1.0.0"}
    assert box.head(tus["upload"], headers=head)["Upload-Offset"] == "400"
    where = "users/alice/" + box.base.removeprefix("/dav/home/")
    server.cli("acl", "grant", where, "bob", "editor")
    assert Planner(server, "/dav/" + where, "bob").verdicts("big", size=1000) == ["send"]
    assert box.delete(tus["upload"], headers=head).status == 204
    assert planner.verdicts("big", size=1000) == ["send"]


def test_what_is_malformed(planner: Planner) -> None:
    """Limits and forms, by the name of the field."""
    ask = planner.api.post
    one = {"path": "x", "size": 1}
    ask("/upload-plan", {"folder": planner.folder, "files": [one] * 1001}).refused(422, "files")
    ask("/upload-plan", {"folder": planner.folder, "files": [{**one, "size": -1}]}).refused(422, "files[0].size")
    ask("/upload-plan", {"folder": planner.folder, "files": [one, {**one, "checksum": "x"}]}).refused(
        422, "files[1].checksum"
    )
    ask("/upload-plan", {"folder": "/dav/../x", "files": []}).refused(404)
    assert planner.ask() == []


def test_a_thousand_files(planner: Planner, box: Dav) -> None:
    """The most that can be asked at once, in many folders."""
    for folder in range(5):
        box.mkcol(f"f{folder}")
        for name in range(4):
            box.put(f"f{folder}/{name}", b"x")
    files = [{"path": f"f{n % 20}/{n // 20}", "size": 1, "checksum": sha1(b"x")} for n in range(1000)]
    told = [each["verdict"] for each in planner.ask(*files)]
    assert told.count("there") == 20 and told.count("send") == 980
