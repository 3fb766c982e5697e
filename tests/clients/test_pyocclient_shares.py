"""pyocclient (PyPI), ownCloud's own library for Python: users, groups, shares and public links."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import owncloud
import pytest

from support.server import Server


def client(server: Server, name: str, password: str) -> owncloud.Client:
    """Somebody who is signed in."""
    found = owncloud.Client(f"http://127.0.0.1:{server.port}")
    found.login(name, password)
    return found


@pytest.fixture
def admin(module_server: Server) -> Iterator[owncloud.Client]:
    """An administrator."""
    found = client(module_server, "admin", module_server.users["admin"])
    yield found
    found.logout()


def test_shares_with_users_and_groups(module_server: Server, admin: owncloud.Client) -> None:
    """Made, found, changed and deleted by a library that was written for another server."""
    owner, friend, member, group = (f"p{secrets.token_hex(4)}" for _ in range(4))
    for name in (owner, friend, member):
        assert admin.create_user(name, "some-pass-123")
    assert admin.create_group(group) and admin.add_user_to_group(member, group)
    mine = client(module_server, owner, "some-pass-123")
    assert mine.mkdir("Box") and mine.put_file_contents("Box/a.txt", b"words")
    assert not mine.is_shared("Box")
    with_friend = mine.share_file_with_user("Box", friend, perms=1)
    with_group = mine.share_file_with_group("Box", group, perms=31)
    assert mine.is_shared("Box") and not mine.is_shared("Box/a.txt")
    found = mine.get_shares("Box")
    told = [(each.get_id(), each.get_share_type(), each.get_share_with(), each.get_permissions()) for each in found]
    assert told == [(with_friend.get_id(), 0, friend, 1), (with_group.get_id(), 1, group, 31)]
    assert [each.get_path() for each in found] == ["/Box", "/Box"] and found[0].get_uid_owner() == owner
    assert mine.update_share(with_friend.get_id(), perms=15)
    assert [each.get_permissions() for each in mine.get_shares("Box")] == [15, 31]
    for name in (friend, member):
        theirs = client(module_server, name, "some-pass-123")
        (received,) = theirs.get_shares("/", shared_with_me=True)
        assert (received.get_uid_owner(), received.get_path()) == (owner, "/Shares/Box")
        assert theirs.list_open_remote_share() == []
        with pytest.raises(owncloud.OCSResponseError) as refusal:
            theirs.share_file_with_user("none", owner)
        assert refusal.value.status_code == 404
        theirs.logout()
    for share in (with_friend, with_group):
        assert mine.delete_share(share.get_id())
    assert mine.get_shares("Box") == [] and not mine.is_shared("Box")
    with pytest.raises(owncloud.OCSResponseError):
        mine.share_file_with_user("Box", "nobody-here")
    mine.logout()


def test_public_links(module_server: Server, admin: owncloud.Client, tmp_path: Path) -> None:
    """Made, found, changed and deleted; and visited by those who have no account."""
    owner = f"p{secrets.token_hex(4)}"
    assert admin.create_user(owner, "some-pass-123")
    mine = client(module_server, owner, "some-pass-123")
    assert mine.mkdir("Box") and mine.put_file_contents("Box/a.txt", b"words")
    link = mine.share_file_with_link("Box", password="open-sesame", name="for all")
    assert link.get_link() == f"{module_server.url}/s/{link.get_token()}" and link.get_name() == "for all"
    (found,) = mine.get_shares("Box")
    assert (found.get_id(), found.get_share_type(), found.get_token()) == (link.get_id(), 3, link.get_token())
    assert found.get_permissions() == 1
    assert mine.is_shared("Box")

    visitor = visiting(module_server, link, "open-sesame")
    assert [each.get_name() for each in visitor.list("/")] == ["a.txt"]
    assert visitor.get_file_contents("/a.txt") == b"words"
    with pytest.raises(owncloud.HTTPResponseError) as refusal:
        visitor.put_file_contents("/b.txt", b"more")
    assert refusal.value.status_code == 403
    with pytest.raises(owncloud.HTTPResponseError) as refusal:
        visiting(module_server, link, "wrong").list("/")
    assert refusal.value.status_code == 401

    assert mine.update_share(link.get_id(), perms=15, password="")
    visitor = visiting(module_server, link)
    assert visitor.put_file_contents("/b.txt", b"more") and mine.get_file_contents("Box/b.txt") == b"more"
    assert visitor.mkdir("/In") and visitor.move("/b.txt", "/In/c.txt") and visitor.delete("/In/c.txt")

    drop = mine.share_file_with_link("Box", perms=4)
    source = tmp_path / "a.txt"
    source.write_bytes(b"dropped")
    sender = visiting(module_server, drop)
    assert sender.drop_file(str(source)) and sender.drop_file(str(source)) and sender.list("/") == []
    assert {each.get_name() for each in mine.list("Box")} == {"a.txt", "a (2).txt", "a (3).txt", "In"}

    file = mine.share_file_with_link("Box/a.txt")
    assert visiting(module_server, file).get_file_contents("") == b"words"
    for each in (link, drop, file):
        assert mine.delete_share(each.get_id())
    with pytest.raises(owncloud.HTTPResponseError) as refusal:
        visitor.list("/")
    assert refusal.value.status_code == 404
    mine.logout()


def visiting(server: Server, link: owncloud.ShareInfo, password: str = "") -> owncloud.Client:
    """Somebody who comes by a link, as ``Client.from_public_link`` lets them; that leaves out the port."""
    found = owncloud.Client(server.url)
    found.anon_login(link.get_token(), folder_password=password)
    return found
