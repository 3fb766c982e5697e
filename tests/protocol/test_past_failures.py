"""Named tests for failures that servers of this kind really had."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import os
import re
import secrets
import shutil
from pathlib import Path

import pytest

from support.client import Dav, enc
from support.follower import Follower, differences, walk
from support.parallel import together
from support.polling import eventually
from support.raw import answers, connect, cut_off, message, read_all
from support.server import Server, alive_in

TESTS = Path(__file__).resolve().parents[1]
#: The items that concern what is built so far.
ITEMS = (1, 3, 4, 5, 6, 8, 9, 10, 12, 13, 15, 17, 18, 20, 25, 26, 33, 36, 40, 41, 42, 43, 44, 46, 47, 49, 50, 52)


def test_every_item_has_a_test() -> None:
    """Each item is named in the docstring of at least one test of this suite."""
    named: set[int] = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for numbers in re.findall(r"(?i)past failures? ([\d, and]+)", ast.get_docstring(node) or ""):
                    named |= {int(number) for number in re.findall(r"\d+", numbers)}
    assert set(ITEMS) - named == set()


# -- data loss and sync --------------------------------------------------------------------


def test_never_lists_what_cannot_be_read(box: Dav, server: Server) -> None:
    """Past failure 1: an upload whose last step fails leaves neither a row nor a torn file."""
    in_the_way = server.home() / box.base.removeprefix("/dav/home/") / "file"
    (in_the_way / "inside").mkdir(parents=True)
    answer = box.put("file", b"content")
    assert answer.status >= 400, "a folder that the index does not know is in the way"
    for href, response in box.propfind("", "resourcetype", depth="1").items():
        if not response.is_collection:
            assert box.get(href).status == 200
    assert (in_the_way / "inside").is_dir()
    shutil.rmtree(in_the_way)
    server.cli("reconcile", "alice")
    assert box.put("file", b"content").status in (201, 204)
    assert box.get("file").body == in_the_way.read_bytes() == b"content"


def test_bytes_are_there_before_the_answer(box: Dav, server: Server) -> None:
    """Past failure 1: what was answered lies on disk under its name, whole."""
    folder = server.home() / box.base.removeprefix("/dav/home/")
    for n in range(20):
        data = secrets.token_bytes(1000 * n)
        assert box.put(f"f{n % 3}", data).status in (201, 204)
        assert (folder / f"f{n % 3}").read_bytes() == data


@pytest.mark.slow
def test_restored_backup(own_server, tmp_path: Path) -> None:
    """Past failure 5: after an old index was restored, newer tokens are refused with valid-sync-token."""
    server: Server = own_server(workers=1)
    box = server.dav("alice").fresh_box()
    box.put("old", b"1")
    server.stop()
    backup = server.back_up_index(tmp_path)
    server.run()
    box = server.dav("alice", box.base)
    follower = Follower(box)
    follower.catch_up()
    for n in range(5):
        box.put(f"new{n}", b"1")
    follower.catch_up()
    server.stop()
    backup()
    server.run()
    server.cli("reconcile", "alice")
    box = server.dav("alice", box.base)
    box.put("after", b"1")
    answer = box.report_sync("", follower.token)
    answer.refused(403, condition="valid-sync-token")
    fresh = Follower(box)
    assert differences(fresh.catch_up(), walk(box)) == []
    assert box.names() == {"old", "after"} | {f"new{n}" for n in range(5)}


def test_etags_are_unique_per_version(box: Dav) -> None:
    """Past failures 9 and 10: two writes never have the same ETag, in parallel or in the same second."""
    seen = [box.put("file", b"x").headers["ETag"] for _ in range(30)]
    clients = [box.clone() for _ in range(6)]
    seen += together([lambda dav=dav: dav.put("file", b"x")["ETag"] for dav in clients])
    seen += together([lambda dav=dav, n=n: dav.put(f"g{n}", b"x")["ETag"] for n, dav in enumerate(clients)])
    assert len(set(seen)) == len(seen)


def test_etags_of_parents(box: Dav) -> None:
    """Past failure 12: a delete changes the ETags of all folders above before it is answered."""
    box.mkcol("a")
    box.mkcol("a/b")
    box.put("a/b/file", b"1")
    before = {path: box.etag(path) for path in ("", "a/", "a/b/", "/dav/home/")}
    box.delete("a/b/file")
    assert all(box.clone().etag(path) != etag for path, etag in before.items())


def test_etags_agree_byte_for_byte(box: Dav) -> None:
    """Past failure 13: PUT, GET, HEAD, PROPFIND, MOVE and REPORT send the same quoted ETag."""
    etag = box.put("file", b"1")["ETag"]
    assert re.fullmatch(r'"[0-9a-f:.]{1,32}"', etag)
    assert {etag} == {
        box.get("file")["ETag"],
        box.head("file")["ETag"],
        box.etag("file"),
        box.report_sync().multistatus[box.href("file")].text("getetag"),
        box.get("file", {"If-None-Match": etag})["ETag"],
    }
    moved = box.move("file", "moved")
    assert moved.headers.get("ETag", box.etag("moved")) == box.etag("moved") == box.get("moved")["ETag"]


def test_error_pages_never_become_content(box: Dav) -> None:
    """Past failure 17: a refused write leaves the file's bytes, and an error has no byte of the file before it."""
    box.put("file", b"content")
    token = box.locked("file", depth="0")
    answer = box.put("file", b"x").refused(423)
    assert answer.body.startswith(b"<?xml")
    box.get("file", {"If-Match": '"x"'}).refused(412)
    box.get("file", {"Range": "bytes=100-"}).refused(416)
    assert box.get("file").body == b"content"
    assert box.unlock("file", token).status == 204


def test_no_stuck_locks(box: Dav, server: Server) -> None:
    """Past failure 18: broken uploads leave no lock, neither for others nor in the list of locks."""
    box.put("file", b"1")
    before = server.cli("lock", "list", "--json").stdout
    for _ in range(5):
        cut_off(server.port, message("PUT", box.path("file"), "Content-Length: 99", body=b"x", auth=box.auth))
    assert box.text("file", "lockdiscovery") == ""
    assert server.cli("lock", "list", "--json").stdout == before
    assert box.put("file", b"2").status == 204


def test_parallel_uploads_do_not_mix(box: Dav, server: Server) -> None:
    """Past failure 20: uploads of one file at once leave exactly one of them, whole, and no litter."""
    bodies = [bytes([65 + n]) * 300_000 for n in range(8)]

    def upload(n: int) -> int:
        body = bodies[n]
        dav = box.clone()
        if n % 4 == 3:
            cut_off(server.port, message("PUT", box.path("file"), "Content-Length: 300001", body=body, auth=box.auth))
            return 0
        return dav.put("file", iter([body[at : at + 30_000] for at in range(0, len(body), 30_000)])).status

    found = together([lambda n=n: upload(n) for n in range(8)])
    assert sorted(found) == [0, 0, 201, 204, 204, 204, 204, 204]
    assert box.get("file").body in [body for n, body in enumerate(bodies) if n % 4 != 3]
    assert box.names() == {"file"}
    folder = server.home() / box.base.removeprefix("/dav/home/")
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_quota_with_chunks(module_server: Server) -> None:
    """Past failure 25: chunked uploads are counted as they arrive, whatever their headers claim."""
    name = f"q{secrets.token_hex(4)}"
    module_server.cli("space", "add", name, "--quota", "10000")
    module_server.cli("space", "set", name, "--member", "alice:editor")
    dav = module_server.dav("alice", f"/dav/spaces/{name}/")
    dav.put("file", iter([b"x" * 6000] * 2), {"OC-Total-Length": "1"}).refused(507)
    assert dav.names() == set()


# -- access --------------------------------------------------------------------------------


def test_copy_checks_both_ends(module_server: Server) -> None:
    """Past failure 26: COPY and MOVE into and out of a space need the rights there."""
    name = f"s{secrets.token_hex(4)}"
    module_server.cli("space", "add", name)
    module_server.cli("space", "set", name, "--member", "alice:editor", "--member", "bob:viewer")
    alice = module_server.dav("alice", f"/dav/spaces/{name}/")
    alice.put("file", b"1")
    alice.mkcol("d")
    home = module_server.dav("bob").fresh_box()
    home.put("mine", b"mine")
    for target in ("file", "new", "d/new"):
        home.copy("mine", alice.path(target)).refused(403)
        home.move("mine", alice.path(target)).refused(403)
    home.move(alice.path("file"), "taken").refused(403)
    assert home.copy(alice.path("file"), "copied").status == 201
    assert (alice.names(), alice.names("d/"), alice.get("file").body) == ({"file", "d"}, set(), b"1")
    assert home.names() == {"mine", "copied"}


def test_scope_holds_under_every_address(module_server: Server) -> None:
    """Past failure 33: a token for one folder reaches nothing else, whatever the spelling of the address."""
    box = module_server.dav("alice").fresh_box()
    box.mkcol("in")
    box.put("in/file", b"1")
    box.put("out", b"secret")
    scope = f"path:{(box.base + 'in').removeprefix('/dav/')}"
    token = module_server.cli("token", "add", "alice", "--scope", scope).stdout.strip().split()[-1]
    below = box.base.removeprefix("/dav/home/")
    for view in ("/dav/home/", "/dav/users/alice/", "/remote.php/webdav/", "/remote.php/dav/files/alice/"):
        dav = Dav(module_server.port, view + below, f"Bearer {token}")
        for path in ("out", "in/../out", "in/%2e%2e/out", "in%2f..%2fout", "%6fut", "./out", "in//../out"):
            answer = dav.get(path)
            assert answer.status in (400, 403, 404), (view, path)
            assert b"secret" not in answer.body
            assert dav.put(path, b"x").status in (400, 403, 404, 409)
            assert dav.copy(path, "in/stolen").status in (400, 403, 404)
        assert dav.request("LOCK", "out", headers={"Depth": "0"}).status >= 400
        assert dav.copy("in/file", box.path("planted")).status in (403, 404, 409)
    assert box.names() == {"in", "out"} and box.names("in/") == {"file"}


def test_locks_of_others(module_server: Server) -> None:
    """Past failure 36: LOCK and UNLOCK reach no foreign file by absolute path, and errors hold no token."""
    box = module_server.dav("alice").fresh_box()
    box.put("file", b"1")
    token = box.locked("file", depth="0")
    bob = module_server.dav("bob")
    below = box.base.removeprefix("/dav/home/") + "file"
    for path in (box.path("file"), "/dav/users/alice/" + below, "/remote.php/dav/files/alice/" + below):
        for answer in (
            bob.lock(path, depth="0"),
            bob.unlock(path, token),
            bob.refresh(path, token),
            bob.put(path, b"x", {"If": f"(<{token}>)"}),
            bob.put("mine", b"x", {"If": f"<{path}> (<{token}>)"}),
        ):
            assert answer.status in (403, 404, 409, 412), answer
            assert token.encode() not in answer.body
    for answer in (box.put("file", b"2"), box.lock("file", depth="0"), box.delete("file")):
        assert token.encode() not in answer.refused(423).body
    assert box.names() == {"file"}
    assert box.unlock("file", token).status == 204


# -- paths ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_traversal(box: Dav, server: Server) -> None:
    """Past failure 40: no encoding leads out of the home, and a user's name is never a path."""
    before = {path: path.stat().st_mtime_ns for path in server.data.iterdir() if path.suffix == ".toml"}
    for up in ("../" * 9, "%2e%2e/" * 9, "..%2f" * 9, "%2e%2e%2f" * 9, "..%5c" * 9, ".%2e/" * 9, "..%c0%af" * 9):
        for target in ("etc/passwd", "davshare.toml", "index.sqlite", "secret.key"):
            for base in (
                box.base,
                "/dav/home/",
                "/dav/",
                "/",
                "/dav/spaces/",
                "/dav/users/",
                "/remote.php/dav/files/alice/",
            ):
                answer = box.get(base + up + target)
                assert answer.status in (400, 404), (base, up, target)
                assert b"root:" not in answer.body and b"SQLite" not in answer.body
    for name in ("..", "../x", "a/b", "a\\b", "", ".hidden", "a$b"):
        done = server.cli("user", "add", "--password-stdin", "--", name, input="some-pass-123", check=False)
        assert done.returncode != 0, name
        done = server.cli("space", "add", "--", name, check=False)
        assert done.returncode != 0, name
    assert before == {path: path.stat().st_mtime_ns for path in server.data.iterdir() if path.suffix == ".toml"}


@pytest.mark.slow
def test_symlinks_lead_nowhere(own_server, tmp_path: Path) -> None:
    """Past failure 41: a link on disk is not followed, as a file, as a folder on the way, or as a target."""
    server: Server = own_server(workers=1)
    box = server.dav("alice").fresh_box()
    (tmp_path / "secret").write_bytes(b"secret")
    folder = server.home() / box.base.removeprefix("/dav/home/")
    box.mkcol("d")
    (folder / "d").rmdir()
    (folder / "d").symlink_to(tmp_path)
    (folder / "link").symlink_to(tmp_path / "secret")
    for path in ("link", "d/secret", "d/"):
        assert b"secret" not in box.get(path).body, path
    for answer in (box.put("d/planted", b"x"), box.mkcol("d/planted"), box.copy("d/", "copied/")):
        assert answer.status in (201, 403, 404, 405, 409, 503)
    box.put("link", b"x")
    box.delete("d/")
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    assert (tmp_path / "secret").read_bytes() == b"secret"
    assert box.put("goes-on", b"1").status == 201


def test_backslashes(box: Dav) -> None:
    """Past failure 42: a backslash is refused in every form; it never separates names."""
    box.mkcol("d")
    box.put("d/file", b"1")
    for name in ("d%5cfile", "d%5Cfile", "..%5cx", "%5c", "d%5c"):
        assert box.get(name).status in (400, 404)
        box.put(name, b"x").refused(400, 403, 404, 409)
        box.mkcol(name).refused(400, 403, 404, 409)
        box.move("d/file", name).refused(400, 403, 404, 409)
    assert (box.names(), box.names("d/")) == ({"d"}, {"file"})


# -- scripts, parsers, tokens --------------------------------------------------------------


def test_no_scripts_in_our_origin(box: Dav) -> None:
    """Past failure 43: HTML and SVG are attachments in a sandbox, and names are escaped on the listing page."""
    for name in ("x.html", "x.svg", "x.xhtml", "x.htm", "x.SVG"):
        box.put(name, b"<script>alert(1)</script>")
        answer = box.get(name)
        assert answer["Content-Disposition"].startswith("attachment")
        assert "sandbox" in answer["Content-Security-Policy"]
        assert answer["X-Content-Type-Options"] == "nosniff"
    for name in ('"><script>alert(1)<', "<b>x</b>", "' onmouseover='x", "javascript:alert(1)", "&lt;"):
        assert box.put(enc(name.replace("/", "_")), b"x").status == 201
    page = box.get("", {"Accept": "text/html"})
    text = page.body.decode()
    assert "<script>alert(1)" not in text and "<b>x<" not in text
    assert not re.search(r"""href=["']?javascript:""", text)
    assert "'unsafe-inline'" not in (re.findall(r"script-src[^;]*", page["Content-Security-Policy"]) or [""])[0]


def test_errors_hold_no_input(box: Dav, server: Server) -> None:
    """Past failure 44: nothing that was sent comes back in an error."""
    word = "click-here-x1y2"
    nobody = server.dav(None, box.base)
    for answer in (
        box.get(word),
        nobody.get(word),
        box.get("", {"Depth": word, "Accept": "text/html"}),
        box.request("PROPFIND", "", headers={"Depth": word}),
        box.request("PROPFIND", "", f"<{word}>", {"Depth": "0"}),
        box.request("REPORT", "", f'<{word} xmlns="urn:{word}"/>'),
        box.copy(word, word + "2"),
        box.copy("", f"http://{word}.example/"),
        box.put("x", b"", {"If": word}),
        box.put("x", b"", {"If-Match": f'"{word}"'}),
        box.request(word.upper().replace("-", ""), ""),
        server.dav(None, "/").get(f"{word}/{word}"),
    ):
        assert word.encode() not in answer.body.lower()
        assert word not in str(answer.headers).lower() or answer.status < 400


def test_no_entities(box: Dav, tmp_path: Path) -> None:
    """Past failure 46: a DOCTYPE is 400 in every body, and nothing is read or expanded."""
    (tmp_path / "secret").write_text("secret-of-the-disk")
    box.put("file", b"1")
    for declaration in (
        "<!DOCTYPE x>",
        f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{tmp_path}/secret">]>',
        '<!DOCTYPE x [<!ENTITY e "v"><!ENTITY f "&e;&e;&e;">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
        f'<!DOCTYPE x [<!ENTITY % p SYSTEM "file://{tmp_path}/secret">%p;]>',
    ):
        body = (
            declaration
            + '<d:propertyupdate xmlns:d="DAV:"><d:set><d:prop><a xmlns="urn:x"/></d:prop></d:set></d:propertyupdate>'
        )
        for method in ("PROPPATCH", "PROPFIND", "LOCK", "REPORT", "MKCOL"):
            path = "new" if method == "MKCOL" else "file" if method != "REPORT" else ""
            answer = box.request(method, path, body, {"Depth": "0", "Content-Type": "application/xml"})
            assert answer.status == 400, (method, declaration, answer)
            assert b"secret" not in answer.body
    assert box.names() == {"file"}
    assert box.prop("file", "{urn:x}a")[0] == 404


@pytest.mark.slow
def test_depth_of_trees(box: Dav) -> None:
    """Past failure 47: very deep trees are made, copied, moved, listed and removed, or refused by 4xx."""
    path = "t/"
    assert box.mkcol(path).status == 201
    depth = 0
    for _ in range(400):
        path += "d/"
        status = box.mkcol(path).status
        if status != 201:
            assert 400 <= status < 500
            break
        depth += 1
    assert depth >= 50
    assert box.copy("t/", "u/").status == 201
    assert box.move("u/", "v/").status == 201
    assert len(box.report_sync("v/").multistatus) == depth
    assert box.exists("v/" + "d/" * depth)
    assert box.delete("v/").status == 204
    assert box.delete("t/").status == 204


def test_depth_of_bodies(box: Dav) -> None:
    """Past failure 47: nested XML and nested If lists are refused, whatever their depth."""
    for depth in (500, 5000, 100_000):
        body = b'<d:propfind xmlns:d="DAV:"><d:prop>' + b"<a>" * depth + b"</a>" * depth + b"</d:prop></d:propfind>"
        assert box.request("PROPFIND", "", body, {"Depth": "0"}).status in (400, 413)
    assert box.put("x", b"", {"If": "(" * 3000 + ")" * 3000}).status in (400, 431)
    assert box.names() == set()


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 0", "Content-Length: {n}"],
        ["Content-Length: {n}", "Content-Length: 0"],
        ["Content-Length: {n}", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: {n}"],
        ["Transfer-Encoding:\x0bchunked"],
        ["Transfer-Encoding: xchunked", "Content-Length: {n}"],
        ["Content-Length: {n}\r\n Content-Length: 0"],
        ["Content-Length: 0\nX: y"],
    ],
)
def test_no_smuggling(box: Dav, server: Server, lines: list[str]) -> None:
    """Past failure 49: contradicting lengths are refused, and what follows is never a request."""
    box.put("file", b"1")
    hidden = b"0\r\n\r\n" + message("DELETE", box.path("file"), "Content-Length: 0", auth=box.auth)
    sent = [line.replace("{n}", str(len(hidden))) for line in lines]
    found = answers(server.raw(message("PUT", box.path("new"), *sent, body=hidden, auth=box.auth)))
    assert len(found) == 1 and found[0].status in (400, 501), found
    assert box.names() == {"file"}


@pytest.mark.slow
def test_unread_bodies_are_no_requests(box: Dav, server: Server) -> None:
    """Past failure 49: the body of a refused or bodyless method never becomes the next request."""
    box.put("file", b"1")
    hidden = message("DELETE", box.path("file"), auth=box.auth)
    for method, path, extra in (
        ("GET", "file", []),
        ("PUT", "no/such", []),
        ("PUT", "file", ['If-Match: "x"']),
        ("DELETE", "none", []),
        ("OPTIONS", "", []),
        ("NOSUCH", "", []),
    ):
        for length in (f"Content-Length: {len(hidden)}", "Transfer-Encoding: chunked"):
            body = hidden if length.startswith("C") else b"%x\r\n%b\r\n0\r\n\r\n" % (len(hidden), hidden)
            data = message(method, box.path(path), length, *extra, body=body, auth=box.auth)
            with connect(server.port) as link:
                link.sendall(data)
                found = answers(read_all(link, 0.3))
            assert len([answer for answer in found if answer.status >= 200]) == 1, (method, length, found)
            assert box.get("file").body == b"1"


@pytest.mark.slow
def test_guesses_are_counted(own_server) -> None:
    """Past failure 50: wrong passwords are counted over all workers and a restart, without any cache service."""
    server: Server = own_server(workers=2)
    statuses = []
    for n in range(30):
        statuses.append(server.dav("bob", password=f"wrong-{n}").get("").status)
        if statuses[-1] == 429:
            break
    assert statuses[-1] == 429 and set(statuses) == {401, 429}
    assert len(statuses) <= 13, "the workers count together"
    server.restart()
    again = [server.dav("bob", password=f"again-{n}").get("").status for n in range(3)]
    assert 429 in again
    assert server.dav("alice").exists(""), "others are not held up"


def open_files(server: Server) -> int:
    """How many descriptors the server's processes hold."""
    assert server.process is not None
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in alive_in(server.process.pid))


def watches(server: Server) -> bool:
    """Whether the keeper has begun to watch the disks, for which it opens what it needs."""
    assert server.process is not None
    for pid in alive_in(server.process.pid):
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if "inotify" in os.readlink(fd):
                    return True
    return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors are counted in /proc")
def test_no_descriptor_leaks(own_server) -> None:
    """Past failure 52: requests of every kind, also failing and broken ones, give their descriptors back."""
    server: Server = own_server(workers=1)
    box = server.dav("alice").fresh_box()
    box.mkcol("d")
    data = b"x" * 200_000

    def round_trip() -> None:
        box.put("file", data)
        box.get("file")
        box.get("file", {"Range": "bytes=0-9,100-109"})
        box.get("file", {"If-Match": '"x"'})
        box.get("file", {"Want-Repr-Digest": "sha-256=1"})
        box.head("file")
        box.put("file", data, {"Repr-Digest": "sha-256=:AAAA:"})
        box.put("d", data)
        box.copy("file", "d/copied")
        box.request("PROPFIND", "", headers={"Depth": "1"})
        box.report_sync()
        box.delete("d/copied")
        cut_off(server.port, message("PUT", box.path("new"), "Content-Length: 99", body=b"x", auth=box.auth))
        with connect(server.port) as link:
            link.sendall(message("GET", box.path("file"), auth=box.auth))
            link.recv(100)

    eventually(lambda: watches(server))
    for _ in range(10):
        round_trip()
    before = open_files(server)
    for _ in range(40):
        round_trip()
    box.close()
    assert open_files(server) <= before + 5
    assert hashlib.sha256(box.get("file").body).digest() == hashlib.sha256(data).digest()
