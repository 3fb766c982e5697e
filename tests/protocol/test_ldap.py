"""Accounts and groups of a directory, with a real one (RFC 4511): OpenLDAP's slapd."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from davshare import config
from davshare.errors import Unavailable, UsageError
from davshare.identity import ldap as module
from davshare.identity.ldap import Ldap, normal
from davshare.server.tomlfile import set_key
from support.parallel import together
from support.server import Server, davshare
from support.slapd import ADMIN, BASE, PROGRAM, Slapd

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="slapd is not installed")]


class Site:
    """A server and the directory that it uses."""

    def __init__(self, server: Server, slapd: Slapd) -> None:
        self.server = server
        self.slapd = slapd

    def configure(self, **changes: str) -> None:
        """Write the configuration into the data folder, so that commands know it too."""
        for name, value in self.slapd.configuration(**changes).items():
            key = config.BY_NAME[name.removeprefix(config.PREFIX).lower()]
            set_key(self.server.data, key.name, key.parse(value))

    def status(self, name: str, password: str) -> int:
        """What the home answers."""
        client = self.server.dav(name, password=password)
        try:
            return client.get().status
        finally:
            client.close()

    def person(self, unit: str = "people") -> tuple[str, str, str]:
        """Login, password and DN of somebody new."""
        login = f"p{secrets.token_hex(4)}"
        return login, f"password-of-{login}", self.slapd.add_person(login, unit=unit)

    def json(self, *command: str) -> Any:
        """What a command tells."""
        return json.loads(self.server.cli(*command, "--json").stdout)

    def member_of(self, name: str) -> list[str]:
        """The groups of an account."""
        return list(self.json("user", "show", name)["groups"])

    def forget(self) -> None:
        """Let the workers forget who has signed in."""
        self.server.restart()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Both, for the whole file."""
    slapd = Slapd(tmp_path_factory.mktemp("slapd"))
    server = Server.start(tmp_path_factory.mktemp("ldap"), serve=False)
    made = Site(server, slapd)
    made.configure()
    server.run()
    yield made
    server.discard()
    slapd.stop()


def directory(slapd: Slapd, **changes: str) -> Ldap:
    """What a configuration leads to."""
    return Ldap(config.load(Path("/nonexistent"), slapd.configuration(**changes), {}).config)


def test_the_first_sign_in_makes_the_account(site: Site) -> None:
    """With a home, names and address; the second finds it."""
    login, password, _ = site.person()
    client = site.server.dav(login, password=password)
    assert client.put("a.txt", b"mine").status == 201
    assert site.server.home(login).joinpath("a.txt").read_bytes() == b"mine"
    told = site.json("user", "show", login)
    assert (told["source"], told["display_name"], told["email"]) == ("ldap", login.title(), f"{login}@example.org")
    assert not told["password"] and not told["admin"] and not told["disabled"]
    site.forget()
    assert site.status(login, password) == 200


@pytest.mark.rfc(4513, "5.1.2", "an empty password is refused before the directory is asked: it would say yes")
def test_wrong_passwords(site: Site) -> None:
    """Are refused, and make nobody an account; an empty one never reaches the directory, which would take it."""
    login, password, _ = site.person()
    odd = ("\0", "\0" + password, "\x07", "\u00ad", "\u200d", "\ue000", "\u05d0a", "x" * 4000)
    for wrong in ("", "wrong", password + " ", password.upper(), *odd[:4]):
        assert site.status(login, wrong) == 401
    entry, ldap = directory(site.slapd).find(login), directory(site.slapd)
    assert entry is not None and not any(ldap.check(entry, wrong) for wrong in ("", "wrong", *odd))
    assert site.server.cli("user", "show", login, check=False).returncode == 3
    assert site.status(login, password) == 200


@pytest.mark.rfc(4515, "3", "what has a meaning in a filter is escaped in names that people sign in with")
@pytest.mark.parametrize(
    "pattern", ["*", "{0}*", "*)(uid={0}", "{0})(|(uid=*", "{0})(objectClass=*", "(|(uid={0}))", "\\2a", "{0}\\00"]
)
def test_names_are_no_filters(site: Site, pattern: str) -> None:
    """RFC 4515 section 3: what has a meaning in a filter is escaped."""
    login, password, _ = site.person()
    assert site.status(pattern.replace("{0}", login), password) == 401
    assert site.server.cli("user", "show", login, check=False).returncode == 3


def test_a_local_account_goes_first(site: Site) -> None:
    """An entry of the same name in the directory opens nothing of it."""
    site.slapd.add_person("alice", "alice-of-the-directory")
    assert site.status("alice", site.server.users["alice"]) == 200
    assert site.status("alice", "alice-of-the-directory") == 401


def test_a_local_account_is_handed_over(site: Site) -> None:
    """With home and tokens; once, and to one person."""
    login, password, _ = site.person()
    other, _, _ = site.person()
    name = f"local-{login}"
    site.server.cli("user", "add", name, "--password-stdin", input="local-pass-1")
    assert site.server.dav(name, password="local-pass-1").put("a.txt", b"mine").status == 201
    token = site.server.cli("token", "add", name).stdout.strip()
    assert site.server.cli("ldap", "adopt", name, check=False).returncode == 3
    assert site.server.cli("ldap", "adopt", "nobody", login, check=False).returncode == 3
    site.server.cli("ldap", "adopt", name, login)
    assert site.status(name, "local-pass-1") == 401 and site.status(name, token) == 200
    assert site.server.dav(login, password=password).get("a.txt").body == b"mine"
    assert site.server.cli("ldap", "adopt", name, other, check=False).returncode == 4
    assert site.server.cli("ldap", "adopt", "bob", login, check=False).returncode == 4


def test_a_sign_in_without_news_writes_nothing(site: Site) -> None:
    """Or each one would make every worker forget everybody; a membership that is also made by hand is no news."""
    login, password, dn = site.person()
    site.slapd.add_group(f"news-{login}", [dn])
    assert site.status(login, password) == 200
    site.server.cli("group", "add-member", f"news-{login}", login)
    site.forget()
    before = site.server.rows("SELECT value FROM counter WHERE name='generation'")
    assert site.status(login, password) == 200
    assert site.server.rows("SELECT value FROM counter WHERE name='generation'") == before


def test_a_changed_password_works_soon(site: Site) -> None:
    """The new one at once, also when it was tried too early."""
    login, password, dn = site.person()
    assert site.status(login, password) == 200
    site.slapd.change(dn, {"userPassword": ["another-password"]})
    assert site.status(login, "another-password") == 200
    assert site.status(login, password + "x") == 401


def test_groups(site: Site) -> None:
    """Come at a sign-in, with those that they lie in, and go; memberships made by hand stay."""
    login, password, dn = site.person()
    inner = site.slapd.add_group(f"inner-{login}", [dn])
    outer = site.slapd.add_group(f"outer-{login}", [inner])
    site.slapd.add_group(f"other-{login}", [ADMIN])
    site.server.cli("group", "add", f"hand-{login}")
    assert site.status(login, password) == 200
    site.server.cli("group", "add-member", f"hand-{login}", login)
    site.server.cli("space", "add", f"space-{login}", "--member", f"outer-{login}:viewer")
    assert site.member_of(login) == [f"hand-{login}", f"inner-{login}"]
    members = site.json("group", "members", f"outer-{login}", "--effective")
    assert {each["name"] for each in members} == {f"inner-{login}", login}
    space = f"/dav/spaces/space-{login}/"
    assert site.server.dav(login, space, password).get().status == 200
    site.slapd.change(outer, {"member": [ADMIN]})
    site.forget()
    assert site.server.dav(login, space, password).get().status == 404
    site.slapd.remove(inner)
    site.forget()
    assert site.status(login, password) == 200
    assert site.member_of(login) == [f"hand-{login}"]


def test_a_membership_by_hand_is_not_taken_over(site: Site) -> None:
    """Who was put into a group of the directory by hand, before or after it, stays there when the directory ends it."""
    login, password, dn = site.person()
    group = site.slapd.add_group(f"both-{login}", [ADMIN])
    site.json("ldap", "sync")
    assert site.status(login, password) == 200
    site.server.cli("group", "add-member", f"both-{login}", login)
    site.slapd.change(group, {"member": [dn]})
    site.json("ldap", "sync")
    site.slapd.change(group, {"member": [ADMIN]})
    site.json("ldap", "sync")
    assert site.member_of(login) == [f"both-{login}"]
    site.server.cli("group", "remove-member", f"both-{login}", login)
    site.slapd.change(group, {"member": [dn]})
    site.json("ldap", "sync")
    site.server.cli("group", "add-member", f"both-{login}", login)
    site.slapd.change(group, {"member": [ADMIN]})
    site.json("ldap", "sync")
    assert site.member_of(login) == [f"both-{login}"]


def test_a_group_of_ours_is_not_one_of_theirs(site: Site) -> None:
    """Whoever makes groups in the directory gets nothing of what was granted to a local group of that name."""
    login, password, dn = site.person()
    site.server.cli("group", "add", f"g-{login}")
    site.slapd.add_group(f"g-{login}", [dn])
    assert site.status(login, password) == 200
    assert site.member_of(login) == [f"g-{login}-2"]


def test_groups_in_a_circle(site: Site) -> None:
    """Harm nobody."""
    login, password, dn = site.person()
    one = site.slapd.add_group(f"one-{login}", [dn])
    two = site.slapd.add_group(f"two-{login}", [one])
    site.slapd.change(one, {"member": [dn, two, one]})
    assert site.status(login, password) == 200
    assert site.member_of(login) == [f"one-{login}"]
    site.json("ldap", "sync")


def test_renamed_people_keep_their_account(site: Site) -> None:
    """And who takes over the old name gets another one: what counts is the id of the entry."""
    login, password, dn = site.person()
    site.server.dav(login, password=password).put("secret.txt", b"of the first")
    number = site.json("user", "show", login)["id"]
    site.slapd.rename(dn, f"{login}x")
    taken_by = site.slapd.add_person(login, "of-the-second")
    site.slapd.change(taken_by, {"displayName": ["The second"]})
    site.forget()
    assert site.server.dav(f"{login}x", password=password).get("secret.txt").body == b"of the first"
    assert site.status(login, password) == 401
    second = site.server.dav(login, password="of-the-second")
    assert second.get("secret.txt").status == 404 and second.put("own.txt", b"of the second").status == 201
    assert site.json("user", "show", login)["id"] == number
    other = site.json("user", "show", f"{login}-2")
    assert other["display_name"] == "The second" and other["id"] != number
    assert not site.server.home(login).joinpath("own.txt").exists()
    assert site.server.cli("user", "show", f"{login}x", check=False).returncode == 3


def test_removed_people(site: Site) -> None:
    """Sign in no more; a comparison disables the account, and with it the app tokens; the files stay."""
    login, password, dn = site.person()
    assert site.server.dav(login, password=password).put("a.txt", b"kept").status == 201
    token = site.server.cli("token", "add", login).stdout.strip()
    site.slapd.remove(dn)
    assert site.status(login, token) == 200
    site.forget()
    assert site.status(login, password) == 401
    assert login in site.json("ldap", "sync")["disabled"]
    assert site.status(login, token) == 401
    assert site.json("user", "show", login)["disabled"]
    assert site.server.home(login).joinpath("a.txt").exists()
    assert site.json("ldap", "sync")["disabled"] == []


def test_disabled_accounts(site: Site) -> None:
    """Stay disabled, whatever the directory says."""
    login, password, _ = site.person()
    assert site.status(login, password) == 200
    site.server.cli("user", "disable", login)
    assert site.status(login, password) == 401
    site.json("ldap", "sync")
    assert site.status(login, password) == 401
    site.server.cli("user", "enable", login)
    assert site.status(login, password) == 200


def test_the_password_is_not_ours(site: Site) -> None:
    """Neither command nor link changes it."""
    login, password, _ = site.person()
    assert site.status(login, password) == 200
    for command in (["user", "passwd", login], ["user", "reset", login]):
        assert site.server.cli(*command, check=False).returncode == 4


def test_second_factor(site: Site) -> None:
    """Of an account that the directory keeps."""
    login, password, _ = site.person()
    assert site.status(login, password) == 200
    uri = site.server.cli("user", "totp", login).stdout.strip()
    assert site.status(login, password) == 401
    code = pyotp.TOTP(parse_qs(urlsplit(uri).query)["secret"][0]).now()
    assert site.status(login, "wrong" + code) == 401
    assert site.status(login, password + code) == 200


def test_first_sign_ins_at_once(site: Site) -> None:
    """Many connections of one device, one account."""
    login, password, dn = site.person()
    site.slapd.add_group(f"many-{login}", [dn])
    assert set(together([lambda: site.status(login, password)] * 8)) == {200}
    assert site.server.cli("user", "show", f"{login}-2", check=False).returncode == 3


def test_an_account_that_was_never_finished(site: Site) -> None:
    """The server died before the home was there: a later sign-in makes up for it."""
    login, password, _ = site.person()
    assert site.status(login, password) == 200
    with site.server.index() as connection:
        connection.execute("DELETE FROM space WHERE kind='home' AND name=?", (login,))
        connection.execute("UPDATE principal SET disabled=1, created=created-? WHERE name=?", (100, login))
        connection.execute("UPDATE counter SET value=value+? WHERE name='generation'", (1,))
    site.server.home(login).rename(site.server.home(f"{login}-aside"))
    site.forget()
    assert site.status(login, password) == 200


def test_sync(site: Site) -> None:
    """Names, addresses and groups of everybody who has an account; nobody gets one."""
    login, password, dn = site.person()
    stranger, _, other = site.person()
    assert site.status(login, password) == 200
    site.slapd.change(dn, {"displayName": ["Dr. " + "D" * 300], "mail": ["new@example.org"]})
    site.slapd.add_group(f"synced-{login}", [dn.upper().replace(",", ", "), other, "cn=nobody"])
    told = site.json("ldap", "sync")
    assert told["updated"] >= 1 and told["joined"] >= 1 and told["disabled"] == []
    shown = site.json("user", "show", login)
    assert shown["email"] == "new@example.org" and shown["display_name"].startswith("Dr. D")
    assert site.member_of(login) == [f"synced-{login}"]
    assert site.server.cli("user", "show", stranger, check=False).returncode == 3
    again = site.json("ldap", "sync")
    assert (again["updated"], again["joined"], again["left"]) == (0, 0, 0)


def test_a_large_loss_waits_for_a_person(site: Site) -> None:
    """A wrong base or filter disables nobody (past failure 24)."""
    for _ in range(12):
        login, password, _ = site.person()
        assert site.status(login, password) == 200
    try:
        site.configure(ldap_user_filter=f"(uid={login})")
        refused = site.server.cli("ldap", "sync", check=False)
        assert refused.returncode == 4 and "gone" in refused.stderr
        site.configure(ldap_user_filter="(uid=nobody-at-all)")
        assert site.server.cli("ldap", "sync", "--accept-removals", check=False).returncode == 5
    finally:
        site.configure(ldap_user_filter="(objectClass=person)")
    assert site.status(login, password) == 200
    assert site.json("ldap", "sync")["disabled"] == []


def test_the_command_that_tries_it(site: Site) -> None:
    """Counts, or one person; a mistake is one line."""
    login, _, dn = site.person()
    site.slapd.add_group(f"seen-{login}", [dn])
    counted = site.json("ldap", "test")
    assert counted["people"] >= 1 and counted["groups"] >= 1
    shown = site.json("ldap", "test", login)
    assert (shown["dn"], shown["groups"]) == (dn, [f"seen-{login}"])
    assert site.server.cli("ldap", "test", "nobody-at-all", check=False).returncode == 2
    try:
        site.configure(ldap_base="")
        assert site.server.cli("ldap", "test", check=False).returncode == 2
    finally:
        site.configure()


def test_while_the_directory_is_down(site: Site) -> None:
    """503 for those whom only it knows; everybody else notices nothing."""
    login, password, _ = site.person()
    fresh, fresh_password, _ = site.person()
    client = site.server.dav(login, password=password)
    assert client.get().status == 200
    token = site.server.cli("token", "add", login).stdout.strip()
    site.slapd.stop()
    try:
        answer = site.server.dav(fresh, password=fresh_password).get()
        assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0
        assert client.get().status == 200 and site.status(login, token) == 200
        assert site.status("bob", site.server.users["bob"]) == 200 and site.status("bob", "wrong") == 401
        assert site.server.cli("ldap", "sync", check=False).returncode == 5
    finally:
        site.slapd.start()
    until = time.monotonic() + 10
    while (status := site.status(fresh, fresh_password)) == 503 and time.monotonic() < until:
        time.sleep(0.2)
    assert status == 200


@pytest.mark.slow
def test_a_directory_that_never_answers(site: Site) -> None:
    """Holds nobody for longer than some seconds, and nobody else at all."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        site.configure(ldap_url=f"ldap://localhost:{silent.getsockname()[1]}")
        try:
            site.forget()
            begin = time.monotonic()

            def local() -> int:
                time.sleep(0.5)
                status = site.status("bob", site.server.users["bob"])
                return status if time.monotonic() - begin < 3 else 0

            strangers = [lambda name=f"stranger{number}": site.status(name, "some-password") for number in range(20)]
            found = together([local, *strangers])
            assert found[0] == 200 and set(found[1:]) == {503}
            assert time.monotonic() - begin < 15
            begin = time.monotonic()
            assert set(together([lambda: site.status("one-stranger", "some-password")] * 20)) == {503}
            assert time.monotonic() - begin < 15, "those in line behind one who waits wait no longer"
        finally:
            site.configure()
            site.forget()


def test_nothing_is_sent_in_clear_or_to_others(site: Site, tmp_path: Path) -> None:
    """A certificate that nobody vouches for ends it; so does a directory without TLS."""
    login, _, _ = site.person()
    assert directory(site.slapd).find(login) is not None
    with pytest.raises(Unavailable):
        directory(site.slapd, ldap_ca_file="").find(login)
    with pytest.raises(Unavailable):
        directory(site.slapd, ldap_url=f"ldap://127.0.0.1:{site.slapd.port}").find(login)
    assert directory(site.slapd, ldap_starttls="false", ldap_ca_file="").find(login) is not None
    encrypted = f"ldaps://localhost:{site.slapd.tls_port}"
    assert directory(site.slapd, ldap_url=encrypted).find(login) is not None
    with pytest.raises(Unavailable):
        directory(site.slapd, ldap_url=encrypted, ldap_ca_file="", ldap_starttls="false").find(login)


@pytest.mark.rfc(2696, "3", "all entries of the directory are found, however few come at once")
def test_everybody_is_found_page_by_page(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few a server gives at once (RFC 2696)."""
    made = {site.person()[0] for _ in range(8)}
    whole = [entry.id for entry in directory(site.slapd).everybody()]
    assert made <= {entry.login for entry in directory(site.slapd).everybody()}
    monkeypatch.setattr(module, "_PAGE", 3)
    assert sorted(entry.id for entry in directory(site.slapd).everybody()) == sorted(whole) == sorted(set(whole))


def test_an_ambiguous_name_is_nobody(site: Site) -> None:
    """Two entries with one login name: neither signs in."""
    with site.slapd.admin() as link:
        link.add(f"ou=second,{BASE}", "organizationalUnit")
    login, _, _ = site.person()
    site.slapd.add_person(login, unit="second")
    assert directory(site.slapd).find(login) is None
    assert directory(site.slapd, ldap_base=f"ou=people,{BASE}").find(login) is not None


@pytest.mark.rfc(2307, "4", "memberUid holds login names")
def test_groups_of_logins(site: Site) -> None:
    """RFC 2307: memberUid holds names."""
    login, _, _ = site.person()
    with site.slapd.admin() as link:
        values = {"memberUid": [login, "somebody-else"], "gidNumber": "4711"}
        link.add(f"cn=posix-{login},ou=groups,{BASE}", "posixGroup", values)
    posix = directory(site.slapd, ldap_group_filter="(objectClass=posixGroup)", ldap_group_member="memberUid")
    entry = posix.find(login)
    assert entry is not None
    assert [group.name for each in posix.groups_of(entry).values() for group in each] == [f"posix-{login}"]
    (group,) = posix.all_groups()
    assert set(group.members) == {login, "somebody-else"}
    none = directory(site.slapd, ldap_group_filter="")
    assert none.groups_of(entry) == {} and list(none.all_groups()) == []


def test_a_wrong_service_password_is_not_the_askers_fault(site: Site, tmp_path: Path) -> None:
    """503, not 401: nothing is counted against anybody."""
    (tmp_path / "password").write_text("wrong")
    with pytest.raises(Unavailable):
        directory(site.slapd, ldap_password_file=str(tmp_path / "password")).find("somebody")


@pytest.mark.parametrize(
    "changes",
    [
        {"ldap_base": ""},
        {"ldap_id_attribute": ""},
        {"ldap_password_file": ""},
        {"ldap_password_file": "/nonexistent"},
        {"ldap_ca_file": "/nonexistent"},
        {"ldap_url": "http://localhost"},
        {"ldap_user_filter": "uid=*"},
        {"ldap_login_attribute": "uid)(x"},
    ],
)
def test_mistakes_in_the_configuration(site: Site, changes: dict[str, str]) -> None:
    """Are told before anything is served."""
    with pytest.raises(UsageError):
        directory(site.slapd, **changes)


def test_ids_of_active_directory() -> None:
    """16 bytes, in the order that Microsoft shows them in; anything else is no id."""
    values = {"objectguid": [bytes(range(16))], "entryuuid": [b"597ae2f6-16a6-1027-98f4-d28b5365dc14"]}
    assert module._identifier(values, "objectGUID") == "03020100-0504-0706-0809-0a0b0c0d0e0f"
    assert module._identifier(values, "entryUUID") == "597ae2f6-16a6-1027-98f4-d28b5365dc14"
    assert module._identifier({"objectguid": [b"short"]}, "objectGUID") == module._identifier({}, "objectGUID") == ""


def test_a_server_does_not_start_with_a_mistake(tmp_path: Path) -> None:
    """One line, and exit code 2."""
    data = tmp_path / "data"
    davshare("init", str(data), "--password-stdin", input="admin-pass-0000")
    done = davshare("serve", str(data), "--listen", "127.0.0.1:0", "--ldap-url", "ldap://localhost", check=False)
    assert done.returncode == 2 and "ldap_base" in done.stderr
    assert davshare("--data", str(data), "ldap", "sync", check=False).returncode == 2


@pytest.mark.parametrize(
    "one, other",
    [("uid=a,dc=x", "UID=A, DC=X"), ("cn=a\\2cb,dc=x", "CN=A\\2Cb , DC=X"), ("", ""), ("no dn", "NO DN")],
)
def test_dns_are_compared_without_case_and_space(one: str, other: str) -> None:
    """RFC 4514."""
    assert normal(one) == normal(other)
