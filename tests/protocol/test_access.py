"""Who may do what: people, spaces, roles, tokens, and the ways to sign in."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable

import pytest

from support.client import Answer, Dav
from support.raw import basic
from support.server import Server

PASSWORD = "some-pass-123"


ROLES = ("none", "viewer", "contributor", "editor", "manager")


class Place:
    """A folder in a space, with files made by a manager, and bob who may be a member of the space."""

    def __init__(self, server: Server, space: str) -> None:
        self.server = server
        self.name = space
        self.owner = server.dav("alice", f"/dav/spaces/{space}/").fresh_box()
        self.base = self.owner.base
        self.owner.mkcol("d")
        self.owner.put("d/file", b"1")
        self.owner.put("other", b"o")
        self.bob = server.dav("bob", self.base)

    def let_in(self, who: str, role: str) -> None:
        """Give someone a role."""
        self.server.cli("space", "set", self.name, "--member", f"{who}:{role}")

    def unchanged(self) -> None:
        """Everything is as it was made."""
        assert self.owner.names() == {"d", "other"}
        assert self.owner.names("d/") == {"file"}
        assert (self.owner.get("d/file").body, self.owner.get("other").body) == (b"1", b"o")
        assert self.owner.prop("d/file", "{urn:x}a")[0] == 404
        assert self.owner.text("d/file", "lockdiscovery") == ""


def new_space(server: Server, *members: str) -> str:
    """The name of a fresh space with alice as its manager and more members (``WHO:ROLE``)."""
    name = f"s{secrets.token_hex(4)}"
    server.cli("space", "add", name)
    options = [word for member in ("alice:manager", *members) for word in ("--member", member)]
    server.cli("space", "set", name, *options)
    return name


@pytest.fixture(scope="module")
def spaces(module_server: Server) -> dict[str, str]:
    """For each role a space in which bob has it."""
    return {role: new_space(module_server, *([f"bob:{role}"] if role != "none" else [])) for role in ROLES}


@pytest.fixture
def at(module_server: Server, spaces: dict[str, str]) -> Callable[[str], Place]:
    """A fresh folder in a space in which bob has the role."""
    return lambda role: Place(module_server, spaces[role])


@pytest.fixture
def place(module_server: Server) -> Place:
    """A folder in a space of its own, which the test may change."""
    return Place(module_server, new_space(module_server))


def user(server: Server, *options: str) -> str:
    """A new user's name; the password is :data:`PASSWORD`."""
    name = f"u{secrets.token_hex(4)}"
    server.cli("user", "add", name, *options, "--password-stdin", input=PASSWORD)
    server.users[name] = PASSWORD
    return name


READS: dict[str, Callable[[Dav], Answer]] = {
    "GET": lambda dav: dav.get("d/file"),
    "HEAD": lambda dav: dav.head("d/file"),
    "PROPFIND": lambda dav: dav.request("PROPFIND", "d/", headers={"Depth": "1"}),
    "REPORT": lambda dav: dav.report_sync("d/"),
    "COPY out": lambda dav: dav.copy("d/file", f"/dav/home/{secrets.token_hex(4)}"),
    "GET page": lambda dav: dav.get("d/", {"Accept": "text/html"}),
}
CHANGES: dict[str, Callable[[Dav], Answer]] = {
    "PUT": lambda dav: dav.put("d/file", b"2"),
    "PROPPATCH": lambda dav: dav.proppatch("d/file", {"{urn:x}a": "v"}),
    "DELETE": lambda dav: dav.delete("d/file"),
    "DELETE folder": lambda dav: dav.delete("d/"),
    "MOVE out": lambda dav: dav.move("d/file", f"/dav/home/{secrets.token_hex(4)}"),
    "MOVE inside": lambda dav: dav.move("d/file", "d/renamed"),
    "MOVE onto": lambda dav: dav.move("other", "d/file"),
    "COPY onto": lambda dav: dav.copy("other", "d/file"),
    "LOCK": lambda dav: dav.lock("d/file", depth="0"),
}
ADDITIONS: dict[str, Callable[[Dav], Answer]] = {
    "PUT new": lambda dav: dav.put("d/new", b"2"),
    "MKCOL": lambda dav: dav.mkcol("d/new"),
    "COPY": lambda dav: dav.copy("other", "d/new"),
    "LOCK new": lambda dav: dav.lock("d/new", depth="0"),
}


@pytest.mark.rfc("3744", "3", "who is no member of a space sees nothing of it, by any method")
@pytest.mark.parametrize("action", sorted({**READS, **CHANGES, **ADDITIONS}))
def test_strangers(at: Callable[[str], Place], action: str) -> None:
    place = at("none")
    answer = {**READS, **CHANGES, **ADDITIONS}[action](place.bob)
    assert answer.status in (404, 403, 409), answer
    if action in ("GET", "PROPFIND", "HEAD"):
        assert answer.status == 404
    place.unchanged()


@pytest.mark.parametrize("role", ["viewer", "contributor", "editor", "manager"])
@pytest.mark.parametrize("action", sorted(READS))
def test_members_read(at: Callable[[str], Place], role: str, action: str) -> None:
    """Every role may read."""
    assert READS[action](at(role).bob).status in (200, 201, 207)


@pytest.mark.rfc("3744", "4", "rights are checked on source and destination for every method")
@pytest.mark.parametrize("role", ["viewer", "contributor"])
@pytest.mark.parametrize("action", sorted(CHANGES))
def test_members_without_write(at: Callable[[str], Place], role: str, action: str) -> None:
    place = at(role)
    CHANGES[action](place.bob).refused(403)
    place.unchanged()


@pytest.mark.parametrize("role", ["editor", "manager"])
@pytest.mark.parametrize("action", sorted({**CHANGES, **ADDITIONS}))
def test_members_with_write(at: Callable[[str], Place], role: str, action: str) -> None:
    """Editors and managers may change everything."""
    answer = {**CHANGES, **ADDITIONS}[action](at(role).bob)
    assert answer.status in (200, 201, 204, 207), answer


@pytest.mark.parametrize("action", sorted(ADDITIONS))
def test_adding(at: Callable[[str], Place], action: str) -> None:
    """Viewers may not add, contributors may."""
    place = at("viewer")
    ADDITIONS[action](place.bob).refused(403)
    place.unchanged()
    assert ADDITIONS[action](at("contributor").bob).status == 201


def test_refusals_name_the_privilege(at: Callable[[str], Place]) -> None:
    """403 comes with need-privileges, or at least with a plain error body."""
    answer = at("viewer").bob.put("d/new", b"x").refused(403)
    assert answer.condition in ("", "need-privileges")


def test_read_only_space(place: Place) -> None:
    """A space that is set read-only takes no change from anyone, and takes them again afterwards."""
    place.server.cli("space", "set", place.name, "--read-only")
    for action in (*CHANGES.values(), *ADDITIONS.values()):
        action(place.owner).refused(403)
    place.unchanged()
    place.server.cli("space", "set", place.name, "--read-write")
    assert place.owner.put("d/file", b"2").status == 204


def test_leaving_a_space(place: Place) -> None:
    """Whoever is dropped from a space sees nothing of it at once, in every worker."""
    place.let_in("bob", "editor")
    bob = place.bob
    assert bob.get("d/file").status == 200
    token = bob.locked("d/file", depth="0")
    place.server.cli("space", "set", place.name, "--drop-member", "bob")
    for _ in range(6):
        assert bob.clone().get("d/file").status == 404
        assert bob.clone().put("d/file", b"x", {"If": f"(<{token}>)"}).status in (403, 404, 409)
    assert f"/dav/spaces/{place.name}/" not in bob.propfind("/dav/spaces/", "resourcetype", depth="1")


def test_groups(place: Place) -> None:
    """A role given to a group holds for its members, and ends with the membership."""
    server = place.server
    group, name = f"g{secrets.token_hex(4)}", user(server)
    server.cli("group", "add", group)
    place.let_in(group, "editor")
    dav = server.dav(name, place.base)
    assert dav.get("d/file").status == 404
    server.cli("group", "add-member", group, name)
    for _ in range(4):
        assert dav.clone().put("d/file", b"2").status == 204
    server.cli("group", "remove-member", group, name)
    for _ in range(4):
        assert dav.clone().get("d/file").status == 404


def test_homes_are_private(module_server: Server) -> None:
    """Nobody reaches another's home, admins neither."""
    box = module_server.dav("alice").fresh_box()
    box.put("secret", b"1")
    inside = box.base.removeprefix("/dav/home/")
    for who in ("bob", "admin"):
        dav = module_server.dav(who)
        for base in ("/dav/home/", "/dav/users/alice/", "/remote.php/dav/files/alice/", "/remote.php/webdav/"):
            assert dav.get(base + inside + "secret").status in (403, 404)
            assert dav.copy(base + inside + "secret", "/dav/home/stolen").status in (403, 404)
            assert dav.move(base + inside, "/dav/home/stolen/").status in (403, 404)
        dav.put("mine", b"mine")
        answer = dav.copy("mine", f"/dav/users/alice/{inside}planted")
        assert answer.status in (403, 404, 409)
    assert box.names() == {"secret"}


# -- signing in ----------------------------------------------------------------------------


def test_unknown_user_equals_wrong_password(module_server: Server) -> None:
    """The same status, headers and body."""
    found = []
    for name, password in (("alice", "wrong"), (f"nobody{secrets.token_hex(3)}", "wrong")):
        answer = module_server.dav(None, "/dav/home/").get("", {"Authorization": basic(name, password)})
        headers = {key: value for key, value in answer.headers.items() if key.lower() != "date"}
        found.append((answer.status, headers, answer.body))
    assert found[0] == found[1]
    assert found[0][0] == 401


@pytest.mark.rfc("7617", "2", "malformed credentials are 401 (or 400), never a server error")
@pytest.mark.parametrize(
    "value",
    [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic " + base64.b64encode(b"nocolon").decode(),
        "Basic " + base64.b64encode(b":").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
        "Basic " + base64.b64encode(b"a\x00b:c").decode(),
        "Basic " + base64.b64encode(b"../alice:x").decode(),
        "Basic " + "A" * 5000,
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer dst_" + "A" * 43,
        "Digest username=x",
        "Nonsense x",
        "",
        "\x01",
    ],
)
def test_malformed_credentials(server: Server, value: str) -> None:
    answer = server.dav(None).get("", {"Authorization": value})
    assert answer.status in (400, 401), answer
    assert server.dav("alice").request("PROPFIND", "", headers={"Depth": "0"}).status == 207


@pytest.mark.rfc("7617", "2", "the scheme is compared without case; passwords may hold colons and any letters")
def test_odd_passwords(module_server: Server) -> None:
    name = f"u{secrets.token_hex(4)}"
    password = " pass:word grüße \U0001f600 "
    module_server.cli("user", "add", name, "--password-stdin", input=password)
    dav = module_server.dav(name, password=password)
    assert dav.request("PROPFIND", "", headers={"Depth": "0"}).status == 207
    lower = "basic" + basic(name, password).removeprefix("Basic")
    assert (
        module_server.dav(None).request("PROPFIND", "/dav/home/", None, {"Authorization": lower, "Depth": "0"}).status
        == 207
    )


def test_password_change_counts_at_once(module_server: Server) -> None:
    """The old password is dropped in every worker with the command's end, the new one works."""
    name = user(module_server)
    old = [module_server.dav(name) for _ in range(6)]
    for dav in old:
        assert dav.get("", {"Accept": "text/html"}).status == 200
    module_server.cli("user", "passwd", name, "--password-stdin", input="another-pass-9")
    for dav in old:
        assert dav.get("", {"Accept": "text/html"}).status == 401
    for _ in range(4):
        assert module_server.dav(name, password="another-pass-9").request("OPTIONS", "").status in (200, 204)
        assert module_server.dav(name, password="another-pass-9").exists("")


def test_disabled_users(module_server: Server) -> None:
    """Password and tokens of a disabled user are dead at once in every worker, and live again when enabled."""
    name = user(module_server)
    token = module_server.cli("token", "add", name).stdout.strip().split()[-1]
    logins = [(name, PASSWORD), (name, token), f"Bearer {token}"]
    clients = [Dav(module_server.port, "/dav/home/", login) for login in logins for _ in range(4)]
    assert {dav.exists("") for dav in clients} == {True}
    module_server.cli("user", "disable", name)
    assert {dav.request("PROPFIND", "", headers={"Depth": "0"}).status for dav in clients} <= {401, 403}
    module_server.cli("user", "enable", name)
    assert {dav.exists("") for dav in clients} == {True}


def test_removed_users(module_server: Server) -> None:
    """A removed user cannot sign in; a new one of that name starts with an empty home."""
    name = user(module_server)
    dav = module_server.dav(name)
    dav.put("old", b"1")
    module_server.cli("user", "remove", name)
    for _ in range(4):
        assert dav.clone().get("old").status == 401
    module_server.cli("user", "add", name, "--password-stdin", input="another-pass-9")
    again = module_server.dav(name, password="another-pass-9")
    assert again.names() == set()
    assert module_server.dav(name).get("").status == 401


def test_tokens(module_server: Server) -> None:
    """An app token works as Bearer and as Basic's password, and is dead at once when revoked."""
    name = user(module_server)
    token = module_server.cli("token", "add", name, "--label", "laptop").stdout.strip().split()[-1]
    clients = [
        Dav(module_server.port, "/dav/home/", login) for login in (f"Bearer {token}", (name, token)) for _ in range(4)
    ]
    for n, dav in enumerate(clients):
        assert dav.put(f"f{n}", b"1").status == 201
    assert Dav(module_server.port, "/dav/home/", ("alice", token)).get("f0").status == 401
    (row,) = json.loads(module_server.cli("token", "list", name, "--json").stdout)
    assert token not in json.dumps(row)
    module_server.cli("token", "revoke", str(row["id"]))
    assert {dav.get("f0").status for dav in clients} == {401}


def test_read_token(module_server: Server) -> None:
    """A token of scope read reads and changes nothing."""
    box = module_server.dav("alice").fresh_box()
    box.mkcol("d")
    box.put("d/file", b"1")
    box.put("other", b"o")
    token = module_server.cli("token", "add", "alice", "--scope", "read").stdout.strip().split()[-1]
    dav = Dav(module_server.port, box.base, f"Bearer {token}")
    for name, action in READS.items():
        assert action(dav).status == (403 if name == "COPY out" else 207 if name in ("PROPFIND", "REPORT") else 200), (
            name
        )
    for name, action in {**CHANGES, **ADDITIONS}.items():
        assert action(dav).status == 403, name
    assert box.names() == {"d", "other"} and box.names("d/") == {"file"}


def test_path_token(module_server: Server) -> None:
    """A token for a folder reaches nothing beside it, by any method, and follows the folder when it is renamed."""
    box = module_server.dav("alice").fresh_box()
    for path in ("in/", "out/", "in/sub/"):
        box.mkcol(path)
    box.put("in/file", b"1")
    box.put("out/file", b"secret")
    inside = (box.base + "in").removeprefix("/dav/")
    token = module_server.cli("token", "add", "alice", "--scope", f"path:{inside}").stdout.strip().split()[-1]
    dav = Dav(module_server.port, box.base, f"Bearer {token}")
    assert dav.get("in/file").body == b"1"
    assert dav.put("in/sub/new", b"2").status == 201
    assert dav.get("out/file").status in (403, 404)
    assert dav.put("out/file", b"x").status in (403, 404)
    assert dav.put("out/new", b"x").status in (403, 404, 409)
    assert dav.copy("out/file", "in/stolen").status in (403, 404)
    assert dav.move("out/file", "in/stolen").status in (403, 404)
    assert dav.copy("in/file", "out/planted").status in (403, 404, 409)
    assert dav.move("in/file", "out/file").status in (403, 404, 409)
    assert dav.report_sync("").status in (403, 404)
    assert dav.delete("in/").status in (403, 404)
    listing = dav.request("PROPFIND", "", headers={"Depth": "1"})
    assert listing.status in (403, 404) or dav.href("out/") not in listing.multistatus
    assert box.names("out/") == {"file"} and box.get("out/file").body == b"secret"
    assert box.names("in/") == {"file", "sub"}
    box.move("in/", "renamed/")
    assert dav.get("renamed/file").body == b"1"
    box.mkcol("in")
    box.put("in/file", b"another folder")
    assert dav.get("in/file").status in (403, 404)


def test_space_token(place: Place) -> None:
    """A token for a space reaches that space only."""
    token = place.server.cli("token", "add", "alice", "--scope", f"space:{place.name}").stdout.strip().split()[-1]
    dav = Dav(place.server.port, place.base, f"Bearer {token}")
    assert dav.put("d/file", b"2").status == 204
    home = dav.clone("/dav/home/")
    assert home.request("PROPFIND", "", headers={"Depth": "1"}).status in (403, 404)
    assert home.put("x", b"1").status in (403, 404, 409)
    assert dav.copy("d/file", "/dav/home/x").status in (403, 404, 409)
    assert place.server.dav("alice").get("x").status == 404


def test_expired_token(module_server: Server) -> None:
    """A token that has expired is none."""
    token = module_server.cli("token", "add", "alice", "--expires", "2001-01-01", check=False).stdout.strip().split()
    if token:
        assert Dav(module_server.port, "/dav/home/", f"Bearer {token[-1]}").get("").status == 401


@pytest.mark.slow
def test_guessing_is_slowed_and_the_right_password_gets_in(own_server) -> None:
    """Many wrong guesses end in 429 with Retry-After; who is signed in goes on, and the right password gets in."""
    server: Server = own_server(workers=2)
    token = server.cli("token", "add", "alice").stdout.strip().split()[-1]
    known = server.dav("alice")
    assert known.exists("")
    early = [server.dav("alice", password=f"guess-{n}").get("").status for n in range(15)]
    assert early[:10] == [401] * 10 and set(early) <= {401, 429}, early
    for n in range(3):
        answer = server.dav("alice", password=f"more-{n}").get("")
        assert answer.status == 429 and 1 <= int(answer["Retry-After"]) <= 5
    for _ in range(4):
        assert known.exists(""), "remembered credentials are not held up"
        assert Dav(server.port, "/dav/home/", f"Bearer {token}").exists("")
    for _ in range(4):
        # The client gives up after its own time-out, which is far below any lock-out.
        assert server.dav("alice").request("PROPFIND", "", headers={"Depth": "0"}).status == 207


def test_nothing_needs_more_than_one_login(module_server: Server) -> None:
    """A login in one worker says nothing about the next request without one."""
    for _ in range(4):
        assert module_server.dav("alice").exists("")
        assert module_server.dav(None).get("").status == 401
