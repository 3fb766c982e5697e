"""Every DAV method as everybody: what is needed is written down once here, and whatever is not fails."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

import pytest

from davshare.dav import dispatch
from davshare.files import methods
from support.client import Answer, Dav
from support.ocs import Ocs
from support.server import Server

pytestmark = pytest.mark.slow

PROPPATCH = '<d:propertyupdate xmlns:d="DAV:"><d:set><d:prop><x xmlns="urn:x">1</x></d:prop></d:set></d:propertyupdate>'
SYNC = '<d:sync-collection xmlns:d="DAV:"><d:sync-token/><d:sync-level>1</d:sync-level><d:prop/></d:sync-collection>'
LOCK = (
    '<d:lockinfo xmlns:d="DAV:"><d:lockscope><d:exclusive/></d:lockscope>'
    "<d:locktype><d:write/></d:locktype></d:lockinfo>"
)
ACL = '<d:acl xmlns:d="DAV:"/>'


class Deed(NamedTuple):
    """One thing to do in a folder with ``file`` and ``d/``, and the privileges that it needs beside reading."""

    name: str
    needs: frozenset[str]
    do: Callable[[Dav], Answer]

    @property
    def method(self) -> str:
        """Its method."""
        return self.name.split()[0]


def deed(name: str, needs: str, do: Callable[[Dav], Answer]) -> Deed:
    """One entry."""
    return Deed(name, frozenset(needs.split()), do)


def to(dav: Dav, path: str) -> dict[str, str]:
    """A Destination that must not exist yet."""
    return {"Destination": dav.full(path)}


DEEDS = [
    deed("GET file", "", lambda d: d.get("file")),
    deed("HEAD file", "", lambda d: d.head("file")),
    deed("GET folder", "", lambda d: d.get("")),
    deed("PROPFIND folder", "", lambda d: d.request("PROPFIND", "", headers={"Depth": "1"})),
    deed("PROPFIND file", "", lambda d: d.request("PROPFIND", "file", headers={"Depth": "0"})),
    deed("REPORT folder", "", lambda d: d.request("REPORT", "", SYNC)),
    deed("PUT new", "bind", lambda d: d.put("new", b"1")),
    deed("PUT over", "write-content", lambda d: d.put("file", b"2")),
    deed("PATCH file", "write-content", lambda d: d.request(
        "PATCH", "file", b"x", {"Content-Type": "application/x-sabredav-partialupdate", "X-Update-Range": "append"})),
    deed("POST member", "bind", lambda d: d.request("POST", "", b"1", {"Slug": "posted"})),
    deed("MKCOL new", "bind", lambda d: d.mkcol("newfolder")),
    deed("DELETE file", "unbind", lambda d: d.delete("file")),
    deed("DELETE folder", "unbind", lambda d: d.delete("d/")),
    deed("COPY file", "bind", lambda d: d.request("COPY", "file", headers=to(d, "copy"))),
    deed("COPY over", "bind unbind", lambda d: d.request("COPY", "file", headers=to(d, "other"))),
    deed("MOVE file", "bind unbind", lambda d: d.request("MOVE", "file", headers=to(d, "moved"))),
    deed("MOVE folder", "bind unbind", lambda d: d.request("MOVE", "d/", headers=to(d, "e"))),
    deed("PROPPATCH file", "write-properties", lambda d: d.request("PROPPATCH", "file", PROPPATCH)),
    deed("LOCK file", "write-content", lambda d: d.request("LOCK", "file", LOCK)),
    deed("LOCK new", "bind", lambda d: d.request("LOCK", "unmapped", LOCK)),
    deed("ACL file", "write-acl", lambda d: d.request("ACL", "file", ACL)),
]  # fmt: skip

#: Methods that make something where nothing is.
_MAKING = frozenset({"PUT", "POST", "MKCOL", "LOCK"})
EDIT = "write-content bind unbind write-properties"
#: Who asks → the privileges that they have beside reading, or the status that everything gets.
PEOPLE: dict[str, frozenset[str] | int] = {
    "administrator": frozenset((EDIT + " write-acl").split()),
    "manager": frozenset((EDIT + " write-acl").split()),
    "editor": frozenset(EDIT.split()),
    "contributor": frozenset({"bind"}),
    "viewer": frozenset(),
    "member of an allowed group": frozenset(EDIT.split()),
    "guest who may edit": frozenset(EDIT.split()),
    "token for reading of an editor": frozenset(),
    "token for the folder of an editor": frozenset(EDIT.split()),
    "receiver by user": frozenset(EDIT.split()),
    "receiver by group": frozenset(),
    "receiver by nested group": frozenset(),
    "receiver who declined": frozenset(),
    "receiver from a re-sharer": frozenset({"write-content", "write-properties"}),
    "re-sharer": frozenset(EDIT.split()),
    "receiver whose share was revoked": 404,
    "receiver from a re-sharer whose share was revoked": 404,
    "receiver of something else": 404,
    "visitor by a link to read": frozenset(),
    "visitor by a link to change": frozenset(EDIT.split()),
    "visitor by a link with a password": frozenset({"bind"}),
    "visitor with the wrong password": 401,
    "visitor by a revoked link": 404,
    "visitor by a link of somebody who may not share any more": 404,
    "stranger": 404,
    "member of a denied group": 404,
    "guest without a grant": 404,
    "whose grant is over": 404,
    "token for another folder": 404,
    "disabled account": 401,
    "revoked token": 401,
    "expired token": 401,
    "anonymous": 401,
    "wrong password": 401,
}


#: Whom things come from, and who knows of nothing.
SENDER = "visitor by a link by which things come in"
#: What nobody does by a public link: folders are shown by pages, and links change no access.
NOT_BY_LINK = frozenset({"GET folder", "POST member", "ACL file"})


def _soon(seconds: float) -> str:
    """A time to come, as the command line takes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


class World:
    """A space, and everybody of :data:`PEOPLE` as a login."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.space = f"w{secrets.token_hex(4)}"
        self.logins: dict[str, tuple[str, str] | None] = {}
        self._n = 0
        server.cli("space", "add", self.space)
        self.allowed, self.denied = self.group(), self.group()
        self.members(f"{self.allowed}:editor", f"{self.denied}:editor")
        for role in ("manager", "editor", "contributor", "viewer"):
            self.logins[role] = self.user(role)
        self.logins["administrator"] = self.user("", "--admin")
        self.logins["stranger"] = self.user("")
        self.logins["member of an allowed group"] = self.user("", "--group", self.allowed)
        self.logins["member of a denied group"] = self.user("editor", "--group", self.denied)
        self.logins["guest who may edit"] = self.user("editor", "--guest")
        self.logins["guest without a grant"] = self.user("", "--guest")
        self.logins["whose grant is over"] = over = self.user("")
        end = _soon(4)
        server.cli("acl", "grant", f"spaces/{self.space}", over[0], "editor", "--expires", end)
        self.logins["disabled account"] = gone = self.user("editor")
        server.cli("user", "disable", gone[0])
        self.logins["anonymous"] = None
        self.logins["wrong password"] = (self.user("editor")[0], "not-the-password")
        inner, outer = self.group(), self.group()
        server.cli("group", "add-member", outer, inner, "--group")
        self.nested = {"receiver by group": inner, "receiver by nested group": outer}
        for who in PEOPLE:
            if who not in self.logins and ("receiver" in who or "re-sharer" in who):
                self.logins[who] = self.user("")
        for who in self.nested:
            server.cli("group", "add-member", inner, self.name(who))
        self._tokens()

    def name(self, who: str) -> str:
        """The name of the account of somebody."""
        login = self.logins[who]
        assert login is not None
        return login[0]

    def calls(self, who: str) -> Ocs:
        """The sharing calls of somebody."""
        name = self.name(who)
        self.server.users[name] = "some-pass-123"
        return Ocs(self.server, name, app="apps/files_sharing/api/v1")

    def share(self, who: str, folder: Dav, receiver: str, permissions: int, kind: int = 0) -> str:
        """Let somebody share a folder; the number of the share."""
        path = folder.base.removeprefix(f"/dav/spaces/{self.space}/")
        calls = Ocs(self.server, "admin", app="apps/files_sharing/api/v1") if who == "admin" else self.calls(who)
        given = {"space_ref": f"spaces/{self.space}", "path": path, "shareType": kind, "shareWith": receiver}
        return str(calls.post("shares", {**given, "permissions": permissions}).ok()["id"])

    def let_in(self, who: str, folder: Dav) -> None:
        """Share a folder with somebody in the way that their name says."""
        if who in self.nested:
            self.share("admin", folder, self.nested[who], 1, kind=1)
        elif who == "receiver of something else":
            self.share("admin", self.folder(), self.name(who), 31)
        elif who == "receiver who declined":
            number = self.share("admin", folder, self.name(who), 1)
            self.calls(who).delete(f"shares/pending/{number}").ok()
        elif "from a re-sharer" in who:
            first = self.share("admin", folder, self.name("re-sharer"), 31)
            self.share("re-sharer", folder, self.name(who), 3)
            if "revoked" in who:
                Ocs(self.server, "admin", app="apps/files_sharing/api/v1").delete(f"shares/{first}").ok()
        else:
            number = self.share("admin", folder, self.name(who), 31 if who == "re-sharer" else 15)
            if "revoked" in who:
                Ocs(self.server, "admin", app="apps/files_sharing/api/v1").delete(f"shares/{number}").ok()

    def link(self, who: str, folder: Dav) -> Dav:
        """Whoever comes by a public link to a folder, of the kind that their name says."""
        maker = "re-sharer" if "not share any more" in who else "admin"
        if maker == "re-sharer":
            first = self.share("admin", folder, self.name(maker), 31)
        kinds = {"visitor by a link to change": 15, "visitor by a link with a password": 5, SENDER: 4}
        bits = kinds.get(who, 1)
        given = {"permissions": bits, **({"password": "open-sesame"} if "password" in who else {})}
        calls = self.calls(maker) if maker != "admin" else Ocs(self.server, "admin", app="apps/files_sharing/api/v1")
        path = folder.base.removeprefix(f"/dav/spaces/{self.space}/")
        made = calls.post("shares", {"space_ref": f"spaces/{self.space}", "path": path, "shareType": 3, **given}).ok()
        if "revoked" in who:
            calls.delete(f"shares/{made['id']}").ok()
        elif "not share any more" in who:
            Ocs(self.server, "admin", app="apps/files_sharing/api/v1").delete(f"shares/{first}").ok()
        token = made["token"]
        password = "wrong" if "wrong" in who else "open-sesame" if "password" in who else None
        auth = None if password is None else ("public", password)
        return Dav(folder.port, f"/remote.php/dav/public-files/{token}/", auth)

    def _tokens(self) -> None:
        manager = self.server.dav("admin", f"/dav/spaces/{self.space}/")
        manager.mkcol("elsewhere")
        name, _ = self.user("editor")
        self.logins["token for reading of an editor"] = self.token(name, "--scope", "read")
        self.logins["token for another folder"] = self.token(name, "--scope", f"path:spaces/{self.space}/elsewhere")
        self.logins["revoked token"] = revoked = self.token(name)
        number = self.server.cli("token", "list", name, "--json").stdout
        import json

        self.server.cli("token", "revoke", str(json.loads(number)[-1]["id"]))
        assert revoked is not None
        self.logins["expired token"] = self.token(name, "--expires", _soon(3))
        self.ends = time.time() + 4.1
        self.editor = name

    def group(self) -> str:
        """A fresh group."""
        name = f"g{secrets.token_hex(4)}"
        self.server.cli("group", "add", name)
        return name

    def user(self, role: str, *options: str) -> tuple[str, str]:
        """A fresh user with a role in the space."""
        name = f"u{secrets.token_hex(4)}"
        self.server.cli("user", "add", name, *options, "--password-stdin", input="some-pass-123")
        if role:
            self.members(f"{name}:{role}")
        return name, "some-pass-123"

    def token(self, name: str, *options: str) -> tuple[str, str]:
        """A fresh app token of a user."""
        return name, self.server.cli("token", "add", name, *options).stdout.strip()

    def members(self, *who: str) -> None:
        """Let them in."""
        options = [word for each in who for word in ("--member", each)]
        self.server.cli("space", "set", self.space, *options)

    def folder(self) -> Dav:
        """A fresh folder, which the denied group is kept from, as the administrator."""
        dav = self.server.dav("admin", f"/dav/spaces/{self.space}/").fresh_box()
        for path in ("file", "other"):
            dav.put(path, b"1")
        dav.mkcol("d")
        dav.put("d/inner", b"1")
        return dav


@pytest.fixture(scope="module")
def world(module_server: Server) -> World:
    """One for all tests here."""
    return World(module_server)


def test_every_method_is_here() -> None:
    """A method that nobody has thought about has no place in the table, and fails here."""
    tried = {each.method for each in DEEDS} | {"OPTIONS", "UNLOCK"}
    assert set(methods.ALL.split(", ")) <= tried
    assert set(dispatch._WRITERS) <= tried


@pytest.mark.slow
@pytest.mark.parametrize("who", PEOPLE)
def test_everybody(world: World, who: str) -> None:
    """Who has the privileges can do it; others get 403, or 404 where nothing may be known, and change nothing."""
    folder = world.folder()
    path = folder.base.removeprefix("/dav/")
    if who == "member of a denied group":
        world.server.cli("acl", "deny", path, f"group:{world.denied}", "read")
    if who == "token for the folder of an editor":
        world.logins[who] = world.token(world.editor, "--scope", f"path:{path}")
    time.sleep(max(0.0, world.ends - time.time()))
    have = PEOPLE[who]
    shared = "receive" in who or who == "re-sharer"
    if shared:
        world.let_in(who, folder)
    for each in DEEDS:
        here = world.folder() if isinstance(have, frozenset) and each.needs <= have and "folder" not in who else folder
        if shared and here is not folder:
            world.let_in(who, here)
        dav = world.link(who, here) if "visitor" in who else Dav(folder.port, here.base, world.logins[who])
        answer = each.do(dav)
        dav.close()
        if "visitor" in who and each.name in NOT_BY_LINK:
            assert answer.status in (405, have), (who, each.name, answer)
        elif isinstance(have, int):
            # In a hidden folder nothing can be made, as in a missing one.
            hidden = who == "member of a denied group" and each.method in _MAKING and answer.status == 409
            assert answer.status == have or hidden, (who, each.name, answer)
        elif each.needs <= have:
            assert answer.status in (200, 201, 204, 207), (who, each.name, answer)
            if who == "token for the folder of an editor":
                _restore(folder)
        else:
            assert answer.status == 403, (who, each.name, answer)
    if isinstance(have, int) or not have:
        assert folder.names() == {"file", "other", "d"}
        assert (folder.get("file").body, folder.get("d/inner").body) == (b"1", b"1")
        assert folder.text("file", "lockdiscovery") == ""


#: The same people where they have in their home what they received.
THROUGH = [who for who in PEOPLE if "receive" in who or who == "re-sharer"]


@pytest.mark.slow
@pytest.mark.parametrize("who", THROUGH)
def test_through_a_mount(world: World, who: str) -> None:
    """Whoever has received something may do the same in their home; who has declined or lost it finds nothing there."""
    have = PEOPLE[who] if who != "receiver who declined" else 404
    folder = world.folder()
    world.let_in(who, folder)
    for each in DEEDS:
        here = world.folder() if isinstance(have, frozenset) and each.needs <= have and "folder" not in who else folder
        if here is not folder:
            world.let_in(who, here)
        name = here.base.rstrip("/").rpartition("/")[2]
        dav = Dav(folder.port, f"/dav/home/Shares/{name}/", world.logins[who])
        answer = each.do(dav)
        dav.close()
        if isinstance(have, int):
            assert answer.status in (404, 409), (who, each.name, answer)
        elif each.needs <= have:
            assert answer.status in (200, 201, 204, 207), (who, each.name, answer)
        else:
            assert answer.status == 403, (who, each.name, answer)
    if isinstance(have, int) or not have:
        assert folder.names() == {"file", "other", "d"}
        assert (folder.get("file").body, folder.get("d/inner").body) == (b"1", b"1")


def test_a_sender(world: World) -> None:
    """Whoever comes by a link by which things come in only adds, and learns and changes nothing."""
    folder = world.folder()
    dav = world.link(SENDER, folder)
    for each in DEEDS:
        answer = each.do(dav)
        if each.method in ("PUT", "MKCOL"):
            assert answer.status == 201, (each.name, answer)
        elif each.name == "PROPFIND folder":
            assert list(answer.multistatus) == [dav.base], answer
        else:
            assert answer.status in (403, 404, 405), (each.name, answer)
    dav.close()
    assert folder.names() == {"file", "other", "d", "new", "file (2)", "newfolder"}
    assert (folder.get("file").body, folder.get("d/inner").body) == (b"1", b"1")
    assert folder.text("file", "lockdiscovery") == ""


def _restore(folder: Dav) -> None:
    """Make the folder what it was."""
    for name in folder.names():
        folder.request("DELETE", name, headers={"If": _token(folder, name)} if _token(folder, name) else {})
    for path in ("file", "other"):
        folder.put(path, b"1")
    folder.mkcol("d")
    folder.put("d/inner", b"1")


def _token(folder: Dav, name: str) -> str:
    _, element = folder.prop(name, "lockdiscovery")
    token = element.find("{DAV:}activelock/{DAV:}locktoken/{DAV:}href")
    return "" if token is None else f"(<{token.text}>)"
