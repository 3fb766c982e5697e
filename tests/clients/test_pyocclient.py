"""pyocclient, ownCloud's library for Python, as it is: files, people and groups."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.client import Dav
from support.server import Server

owncloud = pytest.importorskip("owncloud")


def signed_in(server: Server, user: str):
    """Somebody's client, at remote.php/webdav: this version finds its way to no other address."""
    made = owncloud.Client(server.url)
    made.login(user, server.users[user])
    return made


@pytest.fixture
def cloud(server: Server) -> Iterator:
    """A client of alice's."""
    made = signed_in(server, "alice")
    yield made
    made.logout()


@pytest.fixture
def here(box: Dav) -> str:
    """The box as a path of the library."""
    return "/" + box.base.removeprefix("/dav/home/")


def test_files(cloud, here: str, box: Dav, tmp_path: Path) -> None:
    """Put, look, get, move, copy and delete, with a name that is hard."""
    assert cloud.mkdir(here + "folder ü #1")
    assert cloud.put_file_contents(here + "folder ü #1/100% & more?.txt", b"hello")
    (told,) = cloud.list(here)
    assert told.is_dir() and told.get_name() == "folder ü #1" and told.path == here + "folder ü #1/"
    (told,) = cloud.list(here + "folder ü #1")
    assert not told.is_dir() and told.get_size() == 5 and told.get_content_type().startswith("text/plain")
    assert told.get_last_modified().year >= 2024
    assert told.get_etag() == box.etag("folder%20%C3%BC%20%231/100%25%20%26%20more%3F.txt")
    assert cloud.get_file_contents(told.path) == b"hello"
    assert cloud.get_file(told.path, str(tmp_path / "got")) and (tmp_path / "got").read_bytes() == b"hello"
    assert cloud.copy(told.path, here + "copied") and cloud.move(told.path, here + "moved ü")
    assert box.names() == {"folder ü #1", "copied", "moved ü"}
    assert cloud.delete(here + "copied") and cloud.delete(here + "folder ü #1")
    assert box.names() == {"moved ü"}
    with pytest.raises(owncloud.HTTPResponseError) as refused:
        cloud.file_info(here + "copied")
    assert refused.value.status_code == 404


def test_properties(cloud, here: str) -> None:
    """Those that it asks for."""
    cloud.mkdir(here + "a")
    cloud.put_file_contents(here + "a/b", b"hello")
    told = cloud.file_info(here + "a/b", ["oc:id", "oc:size", "d:getetag", "oc:permissions"])
    assert told.attributes["{http://owncloud.org/ns}size"] == "5"
    assert set(told.attributes["{http://owncloud.org/ns}permissions"]) >= set("GDNVW")
    assert [each.path for each in cloud.list(here + "a")] == [here + "a/b"]


@pytest.mark.parametrize("size", [0, 1, 2_000_000, 3_000_001])
def test_in_chunks(cloud, here: str, box: Dav, tmp_path: Path, size: int) -> None:
    """Files larger than a chunk come in parts with odd names, and are there under their own, with their time."""
    content = secrets.token_bytes(size)
    (tmp_path / "large.bin").write_bytes(content)
    os.utime(tmp_path / "large.bin", (1_500_000_000, 1_500_000_000))
    assert cloud.put_file(here, str(tmp_path / "large.bin"), chunk_size=1_000_000)
    assert box.names() == {"large.bin"} and box.get("large.bin").body == content
    assert box.text("large.bin", "getlastmodified") == "Fri, 14 Jul 2017 02:40:00 GMT"


def test_a_directory(cloud, here: str, box: Dav, sample: Path) -> None:
    """put_directory sends what people have."""
    assert cloud.put_directory(here, str(sample), chunked=False)
    assert box.names() == {"sample"}
    assert box.names("sample/") == {path.name for path in sample.iterdir()}
    assert box.get("sample/large.bin").body == (sample / "large.bin").read_bytes()


def test_what_it_is_told(cloud) -> None:
    """Capabilities in XML, and the version."""
    assert int(cloud.get_version().split(".")[0]) >= 20
    assert cloud.get_capabilities()["core"]["webdav-root"] == "remote.php/webdav"


def test_a_wrong_password(server: Server) -> None:
    """It is told at the start."""
    with pytest.raises(owncloud.HTTPResponseError) as refused:
        owncloud.Client(server.url).login("alice", "wrong")
    assert refused.value.status_code == 401


def test_people_and_groups(server: Server) -> None:
    """An administrator makes, finds, changes and removes them."""
    cloud = signed_in(server, "admin")
    name, group = f"u{secrets.token_hex(4)}", f"g{secrets.token_hex(4)}"
    assert cloud.create_user(name, "a long password 1") and cloud.create_group(group)
    assert cloud.user_exists(name) and cloud.group_exists(group) and name in cloud.get_users()
    assert cloud.add_user_to_group(name, group) and cloud.user_is_in_group(name, group)
    assert cloud.get_group_members(group) == [name]
    assert cloud.set_user_attribute(name, "email", f"{name}@example.org")
    assert cloud.get_user(name)["email"] == f"{name}@example.org"
    assert cloud.remove_user_from_group(name, group) and not cloud.user_is_in_group(name, group)
    assert cloud.delete_group(group) and cloud.delete_user(name)
    assert not cloud.user_exists(name) and not cloud.group_exists(group)
