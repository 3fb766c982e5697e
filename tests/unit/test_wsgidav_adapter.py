"""The WsgiDAV application: its interfaces show what the handlers show, and it refuses what they refuse."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from people_kit import with_people
from wsgidav.dav_error import DAVError
from wsgidav.request_resolver import RequestResolver

from davshare.dav.wsgidav import context
from davshare.dav.wsgidav.middleware import Entrance
from davshare.dav.wsgidav.resources import FileResource, FolderResource
from davshare.dav.wsgidav.server import DavRequestServer
from davshare.files.context import Address
from davshare.files.service import Files
from davshare.http.request import BytesBody, Request
from davshare.http.responses import FileBody, Response
from davshare.identity.gate import Gate
from davshare.model.people import Actor
from davshare.server.gateway import WsgiApplication, make_environ
from davshare.server.pipeline import Pipeline
from davshare.server.wsgi import make_app, make_wsgidav

D = "{DAV:}"
ALICE = "Basic " + base64.b64encode(b"alice:alice-pass-1").decode()
BOB = "Basic " + base64.b64encode(b"bob:bob-pass-22").decode()
LOCK = (
    b'<d:lockinfo xmlns:d="DAV:"><d:lockscope><d:exclusive/></d:lockscope><d:locktype><d:write/></d:locktype>'
    b"<d:owner>me &amp; you</d:owner></d:lockinfo>"
)
Send = Callable[..., Response]


class StockResolver(RequestResolver):
    """WsgiDAV's own request server on our provider and managers."""


class Site:
    """One data folder behind three applications: our own, WsgiDAV's, and WsgiDAV's with its own request server."""

    def __init__(self, folder: Path) -> None:
        self.files: Files = with_people(folder)
        self.gate = Gate(self.files.db, self.files.settings, basic_over_http=False)
        self.direct = Pipeline(self.files, self.gate, "")
        self.wsgidav = make_wsgidav(self.files, self.direct)
        self.app = make_app(self.direct, StockResolver)
        self.stock = WsgiApplication(Entrance(self.app, self.direct))

    def send(self, method: str, path: str, body: bytes = b"", via: Any = None, **headers: str) -> Response:
        """An answer with its whole body in memory."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        fields.setdefault("authorization", ALICE)
        if body:
            fields["content-length"] = str(len(body))
        request = Request(
            method, path, headers=fields, host="localhost", peer="127.0.0.1", body=BytesBody(body), query=""
        )
        answer: Response = (via or self.wsgidav).answer(request)
        if not isinstance(answer.body, bytes):
            answer.body = read(answer.body)
        return answer

    def environ(self, method: str = "GET", path: str = "/dav/home/", who: str = "alice", **headers: str) -> Any:
        """An environment as resources see it."""
        request = Request(method, path, headers=headers, host="localhost", peer="127.0.0.1")
        environ = make_environ(request)
        address = self.direct.public(request)
        assert isinstance(address, Address)
        x = self.direct.exchange(request, self.actor(who), address)
        provider = self.app.provider_map["/"]
        environ.update({"wsgidav.provider": provider, "wsgidav.config": self.app.config, context.EXCHANGE: x})
        context.asking.set(x)
        return environ

    def actor(self, who: str) -> Actor:
        """Somebody who has signed in."""
        secret = {"alice": ALICE, "bob": BOB}[who]
        return self.gate.authenticate(secret, "127.0.0.1", True, self.files.generation())

    def resource(self, path: str, **options: Any) -> Any:
        """The resource at a path."""
        environ = self.environ(path=path, **options)
        return environ["wsgidav.provider"].get_resource_inst(path, environ)


def read(body: Any) -> bytes:
    """All of a body, which is closed."""
    data = os.pread(body.fd, body.length, body.offset) if isinstance(body, FileBody) else b"".join(body)
    body.close()
    return data


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site of one's own."""
    yield from furnished(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that nobody changes."""
    yield from furnished(tmp_path_factory.mktemp("shared"))


def furnished(folder: Path) -> Iterator[Site]:
    """alice has a folder with two files, of which one has a property."""
    made = Site(folder)
    made.send("MKCOL", "/dav/home/box")
    made.send("PUT", "/dav/home/box/a.txt", b"hello")
    made.send("PUT", "/dav/home/box/%C3%A9%25%20b.bin", b"x" * 300_000)
    update = (
        b'<d:propertyupdate xmlns:d="DAV:"><d:set><d:prop><z:colour xmlns:z="urn:z" xml:lang="de">blau</z:colour>'
        b"</d:prop></d:set></d:propertyupdate>"
    )
    assert made.send("PROPPATCH", "/dav/home/box/a.txt", update).status == 207
    yield made
    context.asking.set(None)
    made.direct.close()


def propfind(site: Site, path: str, via: Any, depth: str = "0", body: bytes = b"") -> dict[str, dict[str, Any]]:
    """What PROPFIND tells: href to (name to element)."""
    answer = site.send("PROPFIND", path, body, via, depth=depth)
    assert answer.status == 207
    assert isinstance(answer.body, bytes)
    found: dict[str, dict[str, Any]] = {}
    for response in etree.fromstring(answer.body).iter(f"{D}response"):
        props = found.setdefault(response.findtext(f"{D}href") or "", {})
        for propstat in response.iter(f"{D}propstat"):
            if "200" in (propstat.findtext(f"{D}status") or ""):
                props.update((str(each.tag), each) for each in propstat.iterfind(f"{D}prop/*"))
    return found


def canonical(element: Any) -> str:
    """An element in a form that can be compared, whatever its prefixes are."""
    text: str = etree.canonicalize(etree.tostring(element, with_tail=False, encoding="unicode"), rewrite_prefixes=True)
    return text


# -- reading ---------------------------------------------------------------------------


def test_resources_read(shared: Site) -> None:
    """Names, content, sizes and tags are those of the index."""
    folder = shared.resource("/dav/home/box/")
    assert isinstance(folder, FolderResource)
    assert sorted(folder.get_member_names()) == ["a.txt", "é% b.bin"]
    assert sorted(each.name for each in folder.get_member_list()) == ["a.txt", "é% b.bin"]
    file = folder.get_member("a.txt")
    assert isinstance(file, FileResource)
    with file.get_content() as content:
        assert content.read() == b"hello"
    assert file.get_content_length() == 5
    assert file.get_content_type() == "text/plain; charset=utf-8"
    assert file.support_ranges() and file.support_etag() and folder.support_etag()
    assert file.get_display_name() == "a.txt"
    answer = shared.send("GET", "/dav/home/box/a.txt", via=shared.direct)
    assert ("ETag", f'"{file.get_etag()}"') in answer.headers
    assert file.get_property_value("{DAV:}getetag") == f'"{file.get_etag()}"'
    assert folder.get_used_bytes() == 300_005
    assert folder.get_available_bytes() > 0


@pytest.mark.parametrize("path", ["/dav/", "/dav/home/", "/dav/home/box/", "/dav/home/box/a.txt", "/dav/users/"])
def test_resources_tell_what_propfind_tells(shared: Site, path: str) -> None:
    """Every property that the handlers give with allprop is the same through the interface."""
    (told,) = propfind(shared, path, shared.direct).values()
    resource = shared.resource(path)
    assert set(resource.get_property_names(is_allprop=True)) == set(told)
    assert resource.get_href() == path
    for name, element in told.items():
        value = resource.get_property_value(name)
        if isinstance(value, str):
            assert value == "".join(element.itertext())
        else:
            assert canonical(value) == canonical(element)


def test_unknown_properties_and_places(shared: Site) -> None:
    """404, and None for what is not there or not for the asker to know."""
    with pytest.raises(DAVError) as caught:
        shared.resource("/dav/home/").get_property_value("{urn:z}none")
    assert caught.value.value == 404
    assert shared.resource("/dav/home/none") is None
    environ = shared.environ()
    for path in ("/dav/home/../x", "/dav/home/a\0", "/elsewhere", "/"):
        assert environ["wsgidav.provider"].get_resource_inst(path, environ) is None
    assert shared.resource("/dav/users/alice/box/", who="bob") is None
    assert shared.resource("/dav/users/alice/box/") is not None


# -- writing ---------------------------------------------------------------------------


def test_resources_write(site: Site) -> None:
    """Make, write, set, copy, move and delete through the interface; the handlers see the result."""
    home = site.resource("/dav/home/", method="POST")
    made = home.create_collection("new")
    assert isinstance(made, FolderResource)
    empty = made.create_empty_resource("empty")
    assert site.send("GET", "/dav/home/new/empty").body == b""
    target = empty.begin_write()
    target.write(b"by ")
    target.write(b"pieces")
    target.close()
    empty.end_write(with_errors=False)
    assert site.send("GET", "/dav/home/new/empty").body == b"by pieces"
    empty.begin_write().write(b"torn")
    empty.end_write(with_errors=True)
    empty.begin_write().writelines(iter([b"", b"at ", b"once"]))
    empty.end_write(with_errors=False)
    assert site.send("GET", "/dav/home/new/empty").body == b"at once"
    assert empty.get_etag() == made.get_member("empty").get_etag()
    element = etree.fromstring('<z:p xmlns:z="urn:z">v</z:p>')
    empty.set_property_value("{urn:z}p", element, dry_run=True)
    assert "{urn:z}p" not in empty.get_property_names(is_allprop=True)
    empty.set_property_value("{urn:z}p", element)
    assert empty.get_property_value("{urn:z}p").text == "v"
    assert made.handle_copy("/dav/home/copy/", depth_infinity=True) is True
    assert made.handle_move("/dav/home/moved/") is True
    assert site.send("GET", "/dav/home/new/empty").status == 404
    assert site.send("GET", "/dav/home/moved/empty").body == b"at once"
    assert site.resource("/dav/home/copy/", method="DELETE").handle_delete() is True
    assert site.send("GET", "/dav/home/copy/").status == 404


def test_resources_refuse(site: Site) -> None:
    """Protected properties, locks and rights are judged by the file service."""
    file = site.resource("/dav/home/box/a.txt", method="PROPPATCH")
    with pytest.raises(DAVError) as caught:
        file.set_property_value("{DAV:}getetag", etree.Element("{DAV:}getetag"), dry_run=True)
    assert caught.value.value == 403
    assert caught.value.err_condition.condition_code == "{DAV:}cannot-modify-protected-property"
    with pytest.raises(DAVError) as caught:
        file.set_property_value("{DAV:}getetag", None)
    assert caught.value.value == 403
    assert site.send("LOCK", "/dav/home/box", LOCK).status == 200
    with pytest.raises(DAVError) as caught:
        file.handle_delete()
    assert caught.value.value == 423
    assert caught.value.err_condition.hrefs == ["/dav/home/box/"]


def test_lock_manager(site: Site) -> None:
    """Locks taken through WsgiDAV's interface are those of LOCK, and the other way round."""
    environ = site.environ("LOCK", "/dav/home/box/")
    manager = environ["wsgidav.provider"].lock_manager
    lock = manager.acquire(
        url="/dav/home/box/", lock_type="write", lock_scope="exclusive", lock_depth="infinity",
        lock_owner=b'<o:owner xmlns:o="DAV:">me</o:owner>', timeout=60, principal="alice", token_list=[],
    )  # fmt: skip
    assert lock["root"] == "/dav/home/box"
    assert lock["timeout"] == 60
    assert site.send("PUT", "/dav/home/box/a.txt", b"no").status == 423
    assert [each["token"] for each in manager.get_url_lock_list("/dav/home/box/")] == [lock["token"]]
    assert manager.get_url_lock_list("/dav/home/box/a.txt") == []
    indirect = manager.get_indirect_url_lock_list("/dav/home/box/a.txt", principal="alice")
    assert [each["token"] for each in indirect] == [lock["token"]]
    assert manager.is_url_locked("/dav/home/box")
    assert manager.is_token_locked_by_user(lock["token"], "alice")
    assert manager.is_url_locked_by_token("/dav/home/box/a.txt", lock["token"])
    ask = {"url": "/dav/home/box/a.txt", "depth": "0", "principal": "alice"}
    manager.check_write_permission(token_list=[lock["token"]], **ask)
    with pytest.raises(DAVError) as caught:
        manager.check_write_permission(token_list=[], **ask)
    assert caught.value.err_condition.condition_code == "{DAV:}lock-token-submitted"
    with pytest.raises(DAVError) as caught:
        manager.acquire(
            url="/dav/home/box/a.txt", lock_type="write", lock_scope="shared", lock_depth="0", lock_owner=b"",
            timeout=None, principal="alice", token_list=[],
        )  # fmt: skip
    assert caught.value.err_condition.condition_code == "{DAV:}no-conflicting-lock"
    assert manager.refresh(lock["token"], timeout=120)["timeout"] == 120
    assert b"<d:owner>me</d:owner>" in bytes(site.send("PROPFIND", "/dav/home/box/", depth="0").body)  # type: ignore[arg-type]
    manager.release(lock["token"])
    assert site.send("PUT", "/dav/home/box/a.txt", b"yes").status == 204


def test_property_manager(site: Site) -> None:
    """Dead properties through WsgiDAV's interface are those of PROPPATCH."""
    environ = site.environ("PROPPATCH", "/dav/home/box/a.txt")
    manager = environ["wsgidav.provider"].prop_manager
    assert manager.get_properties("/dav/home/box/a.txt", environ) == ["{urn:z}colour"]
    assert 'xml:lang="de"' in manager.get_property("/dav/home/box/a.txt", "{urn:z}colour", environ)
    manager.write_property("/dav/home/box/", "{urn:z}p", b'<p xmlns="urn:z">1</p>', True, environ)
    assert manager.get_properties("/dav/home/box/", environ) == []
    manager.write_property("/dav/home/box/", "{urn:z}p", b'<p xmlns="urn:z">1</p>', False, environ)
    (told,) = propfind(site, "/dav/home/box/", site.direct).values()
    assert told["{urn:z}p"].text == "1"
    manager.copy_properties("/dav/home/box/a.txt", "/dav/home/box/", environ)
    assert sorted(manager.get_properties("/dav/home/box/", environ)) == ["{urn:z}colour", "{urn:z}p"]
    manager.remove_property("/dav/home/box/", "{urn:z}p", False, environ)
    manager.remove_properties("/dav/home/box/", environ)
    assert manager.get_properties("/dav/home/box/", environ) == []


# -- the whole application -------------------------------------------------------------

REQUESTS = [
    ("OPTIONS", "*", {}), ("OPTIONS", "/dav/home/", {"authorization": ""}), ("OPTIONS", "/dav/home/box/", {}),
    ("GET", "/", {}), ("GET", "/livez", {}), ("GET", "/readyz", {}), ("GET", "/nowhere", {}), ("POST", "/", {}),
    ("GET", "/dav/home/box/a.txt", {}), ("HEAD", "/dav/home/box/a.txt", {}), ("GET", "/dav/home/box/", {}),
    ("GET", "/dav/home/box/a.txt", {"range": "bytes=1-2"}), ("GET", "/dav/home/box/a.txt", {"range": "bytes=9-"}),
    ("GET", "/dav/home/box/%C3%A9%25%20b.bin", {}), ("GET", "/dav/home/box/%C3%A9%25%20b.bin", {"range": "bytes=5-"}),
    ("GET", "/dav/home/box/a.txt", {"if-none-match": "*"}), ("GET", "/dav/home/box/a.txt", {"if-match": '"x"'}),
    ("GET", "/dav/home/box/a.txt", {"if": "no"}), ("GET", "/dav/home/box/a.txt", {"authorization": "Basic eDp5"}),
    ("GET", "/dav/home/box/none", {}), ("GET", "/dav/home/%2e%2e/x", {}), ("GET", "/dav/home/a%2Fb", {}),
    ("GET", "/dav/home/%FF", {}), ("GET", "/dav/home/%00", {}), ("GET", "/dav//home/./box/", {}),
    ("PROPFIND", "/dav/", {"depth": "1"}), ("PROPFIND", "/dav/home/box", {"depth": "1"}),
    ("PROPFIND", "/dav/home/box/", {"depth": "infinity"}), ("PROPFIND", "/dav/home/box/", {"depth": "2"}),
    ("REPORT", "/dav/home/box/", {}), ("POST", "/dav/", {}), ("PATCH", "/dav/home/box/", {}),
    ("ACL", "/dav/home/box/", {}),
    ("NONSENSE", "/dav/home/box/", {}), ("COPY", "/dav/home/box/", {}), ("UNLOCK", "/dav/home/box/", {}),
    ("MKCOL", "/dav/home/box", {}), ("MKCOL", "/dav/home/no/box", {}), ("DELETE", "/dav/home/", {}),
    ("COPY", "/dav/home/box/", {"destination": "http://elsewhere/x"}), ("LOCK", "/dav/home/box/", {}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "headers"), REQUESTS)
def test_answers_are_the_same(shared: Site, method: str, path: str, headers: dict[str, str]) -> None:
    """Status, headers and body do not depend on the gateway."""

    def told(answer: Response) -> tuple[int, list[tuple[str, str]], bytes | None]:
        kept = [(name, value) for name, value in answer.headers if name.lower() != "content-length"]
        assert isinstance(answer.body, bytes)
        return answer.status, kept, answer.body

    sent = {name.replace("-", "_"): value for name, value in headers.items()}
    assert told(shared.send(method, path, **sent)) == told(shared.send(method, path, via=shared.direct, **sent))


def test_requests_pass_through_wsgidav(shared: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is WsgiDAV's request server that calls the handlers."""
    seen: list[str] = []
    respond = DavRequestServer.do_GET

    def spy(self: DavRequestServer, environ: Any, start_response: Any) -> Any:
        seen.append(environ["wsgidav.auth.user_name"])
        return respond(self, environ, start_response)

    monkeypatch.setattr(DavRequestServer, "do_GET", spy)
    assert shared.send("GET", "/dav/home/box/a.txt").body == b"hello"
    assert seen == ["alice"]


def test_large_files_are_closed(shared: Site) -> None:
    """A client that leaves in the middle leaves no open file behind."""
    before = len(os.listdir("/proc/self/fd"))
    request = Request("GET", "/dav/home/box/%C3%A9%25%20b.bin", headers={"authorization": ALICE}, peer="127.0.0.1")
    answer = shared.wsgidav.answer(request)
    assert ("Content-Length", "300000") in answer.headers
    assert not isinstance(answer.body, bytes)
    answer.body.close()  # type: ignore[union-attr]
    assert len(os.listdir("/proc/self/fd")) == before


def test_failures_are_told_without_details(shared: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unforeseen exception becomes a 500 in our words."""
    monkeypatch.setattr(Pipeline, "respond", lambda self, x: 1 / 0)
    answer = shared.send("GET", "/dav/home/box/a.txt")
    assert answer.status == 500
    assert b"division" not in bytes(answer.body)  # type: ignore[arg-type]


# -- WsgiDAV's own request server -------------------------------------------------------


def test_stock_request_server(site: Site) -> None:
    """Provider, resources and managers fit WsgiDAV's own code, too."""

    def send(method: str, path: str, body: bytes = b"", **headers: str) -> Response:
        return site.send(method, path, body, site.stock, host="localhost", **headers)

    assert send("GET", "/dav/home/box/a.txt").body == b"hello"
    assert send("GET", "/dav/home/box/a.txt", range="bytes=1-2").body == b"el"
    assert send("PUT", "/dav/home/box/c", b"new").status == 201
    assert send("PUT", "/dav/home/box/c", b"newer").status == 204
    assert send("GET", "/dav/home/box/c").body == b"newer"
    assert send("MKCOL", "/dav/home/made").status == 201
    assert send("COPY", "/dav/home/box/", destination="http://localhost/dav/home/copy/").status == 204
    assert send("MOVE", "/dav/home/copy/c", destination="http://localhost/dav/home/made/c").status == 204
    assert send("GET", "/dav/home/copy/c").status == 404
    assert send("DELETE", "/dav/home/copy/").status == 204
    assert send("DELETE", "/dav/home/none").status == 404
    assert send("GET", "/dav/home/box/a.txt", authorization="Basic eDp5").status == 401
    locked = send("LOCK", "/dav/home/box/fresh", LOCK, depth="0")
    assert locked.status == 201
    token = dict(locked.headers)["Lock-Token"]
    assert site.send("PUT", "/dav/home/box/fresh", b"no").status == 423
    assert send("PUT", "/dav/home/box/fresh", b"no").status == 423
    assert send("PUT", "/dav/home/box/fresh", b"yes", **{"if": f"({token})"}).status == 204
    assert send("LOCK", "/dav/home/box/fresh", **{"if": f"({token})"}).status == 200
    assert send("UNLOCK", "/dav/home/box/fresh", lock_token=token).status == 204
    ours, theirs = [propfind(site, "/dav/home/box/", via, "1") for via in (site.direct, site.stock)]
    assert ours.keys() == theirs.keys()
    for href, told in ours.items():
        expected = {name: canonical(value) for name, value in told.items()}
        assert {name: canonical(value) for name, value in theirs[href].items()} == expected


def test_content_is_a_file(shared: Site) -> None:
    """WsgiDAV seeks in what get_content gives."""
    with shared.resource("/dav/home/box/a.txt").get_content() as content:
        assert isinstance(content, io.BufferedReader)
        content.seek(3)
        assert content.read() == b"lo"
