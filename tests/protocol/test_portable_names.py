"""Spaces whose names Windows and macOS can hold, and the files that macOS puts beside others."""

from __future__ import annotations

import json
import secrets

import pytest

from support.client import Dav, enc
from support.parallel import together
from support.server import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def space(module_server: Server) -> Dav:
    """A new portable space."""
    name = f"p{secrets.token_hex(4)}"
    module_server.cli("space", "add", name, "--portable", "--member", "alice:editor")
    return module_server.dav("alice", f"/dav/spaces/{name}/")


REFUSED = [
    *"<>:\"|?*",
    "a<b", "a:b", 'say "hi"', "a|b", "what?", "*.txt",
    "dot.", "dots..", "space ", "a. ",
    "CON", "con", "Con.txt", "nul.tar.gz", "PRN", "aux.c", "COM1", "com9.log", "LPT1", "lpt³", "COM¹.txt", "CONIN$",
    "CON .txt",
]  # fmt: skip
TAKEN = [
    "a", ".hidden", "..a", "CONSOLE", "COM", "COM0", "COM10", "a.con", "nul_", "grüße", "名前", "😀", "a b", " a",
    "100% #1;&+=@!", "~$lock.docx", "a" * 255, "ü" * 127,
]  # fmt: skip

MAKERS = {
    "PUT": lambda dav, name: dav.put(name, b"1"),
    "MKCOL": lambda dav, name: dav.mkcol(name),
    "LOCK": lambda dav, name: dav.lock(name, depth="0"),
    "COPY": lambda dav, name: dav.copy("source", name),
    "COPY folder": lambda dav, name: dav.copy("folder/", name),
    "MOVE": lambda dav, name: dav.move("source", name),
    "MOVE folder": lambda dav, name: dav.move("folder/", name),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(space: Dav, name: str) -> None:
    """403, and the answer says why."""
    answer = space.put(enc(name), b"1").refused(403)
    assert len(answer.xml.findtext("{http://sabredav.org/ns}message")) > 20
    assert space.names() == set()


@pytest.mark.parametrize("name", TAKEN)
def test_taken(space: Dav, name: str) -> None:
    """What looks similar and is fine."""
    assert space.put(enc(name), b"1").status == 201
    assert space.names() == {name}


@pytest.mark.parametrize("how", sorted(MAKERS))
def test_every_method(space: Dav, how: str) -> None:
    """All ways to make something obey; nothing changes."""
    space.put("source", b"1")
    space.mkcol("folder")
    for name in ("a%3Fb", "aux", "end."):
        MAKERS[how](space, name).refused(403)
    MAKERS[how](space, "SOURCE" if how != "MOVE" else "FOLDER").refused(409)
    assert space.names() == {"source", "folder"}


def test_post_chooses_another_name(space: Dav) -> None:
    """POST does not fail: refused names are replaced."""
    space.put("readme.txt", b"old")
    for slug in ("a%3Fb.txt", "con", "README.TXT"):
        answer = space.request("POST", "", b"new", {"Slug": slug})
        assert answer.status == 201
        assert space.get(answer["Location"]).body == b"new"
    assert space.get("readme.txt").body == b"old"
    assert len(space.names()) == 4 and not any("?" in name for name in space.names())


@pytest.mark.parametrize(("one", "other"), [("a", "A"), ("Straße", "STRASSE"), ("é", "E\u0301"), ("ΣΑΣ", "σας")])
def test_case(space: Dav, one: str, other: str) -> None:
    """Names that differ from a sibling in case only are 409; overwriting and renaming to another case work."""
    assert space.put(enc(one), b"1").status == 201
    space.put(enc(other), b"2").refused(409)
    assert space.put(enc(one), b"3").status == 204
    assert space.mkcol("sub").status == 201
    assert space.put("sub/" + enc(other), b"4").status == 201
    assert space.move(enc(one), enc(other)).status == 201
    assert space.names() == {other, "sub"}
    assert space.get(enc(other)).body == b"3"


def test_case_race(space: Dav) -> None:
    """Of many spellings that are made at once one is there in the end."""
    clients = [space.clone() for _ in range(8)]
    names = ["name", "Name", "nAme", "naMe", "namE", "NAME", "NAMe", "naME"]
    found = together([lambda d=d, n=n: d.put(n, b"1").status for d, n in zip(clients, names, strict=True)])
    assert sorted(found) == [201] + [409] * 7
    assert len(space.names()) == 1


@pytest.mark.parametrize("method", ["copy", "move"])
def test_trees(space: Dav, module_server: Server, method: str) -> None:
    """A tree that comes from elsewhere is judged name by name; nothing of it comes if one is refused."""
    home = module_server.dav("alice").fresh_box()
    home.mkcol("tree")
    home.mkcol("tree/sub")
    home.put("tree/sub/fine", b"1")
    transfer = getattr(home, method)
    for bad in (["what%3F"], ["x", "X"]):
        for name in bad:
            home.put(f"tree/sub/{name}", b"1")
        transfer("tree/", space.path("tree")).refused(403, 409)
        assert space.names() == set()
        assert home.exists("tree/sub/fine")
        for name in bad:
            home.delete(f"tree/sub/{name}")
    assert transfer("tree/", space.path("tree")).status == 201
    assert space.get("tree/sub/fine").body == b"1"


def test_switched_on_later(module_server: Server) -> None:
    """What is there stays and can be used; only new names are judged."""
    module_server.cli("space", "add", "later", "--member", "alice:editor")
    dav = module_server.dav("alice", "/dav/spaces/later/")
    dav.mkcol("a%3Fb")
    dav.put("a%3Fb/c%3A", b"1")
    dav.put("case", b"1")
    dav.put("CASE", b"1")
    module_server.cli("space", "set", "later", "--portable")
    assert json.loads(module_server.cli("space", "list", "--json").stdout)[-1]["portable"] is True
    assert dav.get("a%3Fb/c%3A").body == b"1"
    assert dav.put("a%3Fb/c%3A", b"2").status == 204
    assert dav.put("CASE", b"2").status == 204
    dav.put("a%3Fb/d%3A", b"1").refused(403)
    dav.copy("a%3Fb/", "copy").refused(403)
    assert dav.move("a%3Fb/", "ab").status == 201
    assert dav.get("ab/c%3A").body == b"2"
    module_server.cli("space", "set", "later", "--no-portable")
    assert dav.put("ab/d%3A", b"1").status == 201


def test_homes(module_server: Server) -> None:
    """A home has the same switch."""
    module_server.cli("user", "add", "dora", "--portable", "--password-stdin", input="dora-pass-123")
    module_server.users["dora"] = "dora-pass-123"
    dora = module_server.dav("dora")
    dora.put("a%3A", b"1").refused(403)
    module_server.cli("user", "set", "dora", "--no-portable")
    assert dora.put("a%3A", b"1").status == 201
    module_server.cli("user", "set", "dora", "--portable", "--quota", "10")
    assert json.loads(module_server.cli("user", "show", "dora", "--json").stdout)["portable"] is True
    dora.put("b%3A", b"1").refused(403)
    dora.put("big", b"1" * 11).refused(507)
    assert module_server.dav("alice").fresh_box().put("a%3A", b"1").status == 201


def test_files_of_macos(module_server: Server) -> None:
    """._NAME and .DS_Store are taken, until a setting says otherwise; what is there stays."""
    box = module_server.dav("alice").fresh_box()
    assert box.put("._a", b"1").status == 201
    module_server.cli("settings", "set", "dav.macos_files", "off")
    try:
        for name in ("._b", ".DS_Store"):
            box.put(name, b"1").refused(403)
            box.lock(name, depth="0").refused(403)
            box.request("PROPFIND", name, headers={"Depth": "0"}).refused(404)
        box.copy("._a", "._b").refused(403)
        for name in ("._", ".DS_Store2", ".a", "a._b"):
            assert box.put(name, b"1").status == 201
        assert box.put("._a", b"2").status == 204
        assert box.get("._a").body == b"2"
    finally:
        module_server.cli("settings", "reset", "dav.macos_files")
    assert box.put("._b", b"1").status == 201
