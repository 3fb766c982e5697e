"""nc-py-api, Nextcloud's library for Python, as it is: files, people and groups.  It looks names up by their prefix."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable

import pytest

from support.client import Dav, enc
from support.ocs import Ocs
from support.server import Server

nc_py_api = pytest.importorskip("nc_py_api")
pytestmark = pytest.mark.filterwarnings("ignore:Sync Nextcloud:DeprecationWarning")


def signed_in(server: Server, user: str, **options):
    """Somebody's client."""
    return nc_py_api.Nextcloud(nextcloud_url=server.url, nc_auth_user=user, nc_auth_pass=server.users[user], **options)


@pytest.fixture
def cloud(server: Server):
    """A client of alice's."""
    return signed_in(server, "alice")


@pytest.fixture
def here(box: Dav) -> str:
    """The box as a path of the library."""
    return box.base.removeprefix("/dav/home/")


def unsearched(call: Callable, *arguments, **more) -> None:
    """Do it; the library then looks for the result with SEARCH, which is not there and not announced."""
    with pytest.raises(nc_py_api.NextcloudException) as refused:
        call(*arguments, **more)
    assert refused.value.status_code == 405


def test_files(cloud, here: str, box: Dav) -> None:
    """Upload, list, read, move, copy and delete, with a name that is hard."""
    name = "100% & more #1? ü.txt"
    cloud.files.makedirs(here + "deep/er ü", exist_ok=True)
    made = cloud.files.upload(here + "deep/er ü/" + name, b"hello")
    assert made.file_id == box.text("deep/er%20%C3%BC/" + enc(name), "{http://owncloud.org/ns}id")
    (folder,) = cloud.files.listdir(here + "deep")
    assert folder.is_dir and folder.name == "er ü" and folder.user_path == here + "deep/er ü/"
    (told,) = cloud.files.listdir(folder)
    assert not told.is_dir and told.name == name and told.info.size == 5 and told.file_id == made.file_id
    assert told.etag == box.etag("deep/er%20%C3%BC/" + enc(name)) and told.info.mimetype.startswith("text/plain")
    assert told.is_readable and told.is_updatable and told.is_deletable and told.info.favorite is False
    assert folder.is_creatable
    assert cloud.files.download(told) == b"hello"
    unsearched(cloud.files.move, told, here + "moved ü")
    moved = cloud.files.by_path(here + "moved ü")
    assert moved.file_id == made.file_id
    unsearched(cloud.files.copy, moved, here + "copied")
    assert cloud.files.by_path(here + "copied").file_id != moved.file_id
    with pytest.raises(nc_py_api.NextcloudException) as refused:
        cloud.files.copy(moved, here + "copied")
    assert refused.value.status_code == 412
    unsearched(cloud.files.copy, moved, here + "copied", overwrite=True)
    seen = {each.name for path in ("", "deep") for each in cloud.files.listdir(here + path)}
    assert seen == {"deep", "er ü", "moved ü", "copied"}
    cloud.files.delete(here + "copied")
    cloud.files.delete(here + "copied", not_fail=True)
    for look in (cloud.files.by_path, cloud.files.download):
        with pytest.raises(nc_py_api.NextcloudException) as refused:
            look(here + "copied")
        assert refused.value.status_code == 404


@pytest.mark.parametrize(("second", "size"), [(True, 5_242_880), (False, 1_000_000)], ids=["v2", "v1"])
def test_in_chunks(server: Server, here: str, box: Dav, second: bool, size: int) -> None:
    """upload_stream, numbering chunks and naming them by their place; a new version keeps the id."""
    cloud = signed_in(server, "alice", chunked_upload_v2=second)
    for content in (
        secrets.token_bytes(2 * size + 77),
        secrets.token_bytes(size),
        b"short",
        secrets.token_bytes(3 * size),
    ):
        told = cloud.files.upload_stream(here + "large ü.bin", io.BytesIO(content), chunk_size=size)
        assert box.get("large%20%C3%BC.bin").body == content
        assert told.file_id == box.text("large%20%C3%BC.bin", "{http://owncloud.org/ns}id")
        assert told.etag.strip('"') == box.etag("large%20%C3%BC.bin").strip('"')
    kept = io.BytesIO()
    cloud.files.download2stream(here + "large ü.bin", kept)
    assert kept.getvalue() == content


def test_what_it_is_told(cloud) -> None:
    """Version and capabilities, and who one is."""
    assert cloud.srv_version["major"] >= 20
    assert cloud.capabilities["dav"]["chunking"] == "1.0"
    assert cloud.check_capabilities("files_sharing.api_enabled") == []
    assert cloud.user == "alice"
    told = cloud.users.get_user()
    assert told.user_id == "alice" and told.enabled and told.quota["used"] >= 0


def test_people_and_groups(server: Server) -> None:
    """An administrator makes, finds, changes and removes them."""
    cloud = signed_in(server, "admin")
    name, group = f"u{secrets.token_hex(4)}", f"g{secrets.token_hex(4)}"
    cloud.users_groups.create(group)
    cloud.users.create(name, display_name="Somebody ü", password="a long password 1", groups=[group])
    assert cloud.users.get_list(mask=name) == [name]
    told = cloud.users.get_user(name)
    assert told.display_name == "Somebody ü" and told.groups == [group] and told.enabled
    assert cloud.users_groups.get_members(group) == [name]
    cloud.users.edit(name, email=f"{name}@example.org")
    assert cloud.users.get_user(name).email == f"{name}@example.org"
    cloud.users.disable(name)
    assert not cloud.users.get_user(name).enabled
    cloud.users.enable(name)
    cloud.users.remove_from_group(name, group)
    assert cloud.users_groups.get_members(group) == []
    cloud.users.delete(name)
    cloud.users_groups.delete(group)
    assert cloud.users.get_list(mask=name) == [] and group not in cloud.users_groups.get_list()


def test_a_wrong_password(server: Server) -> None:
    """It is told as what it is."""
    cloud = nc_py_api.Nextcloud(nextcloud_url=server.url, nc_auth_user="alice", nc_auth_pass="wrong")
    with pytest.raises(nc_py_api.NextcloudException) as refused:
        cloud.files.listdir("")
    assert refused.value.status_code == 401


def test_notifications(server: Server, cloud, box: Dav, here: str) -> None:
    """Found, looked up, and removed."""
    box.put("told.txt", b"x")
    bob = signed_in(server, "bob")
    bob.notifications.delete_all()
    given = {"path": here + "told.txt", "shareType": 0, "shareWith": "bob"}
    Ocs(server, "alice", 2, app="apps/files_sharing").post("api/v1/shares", given).ok()
    assert bob.notifications.available
    (one,) = bob.notifications.get_all()
    assert one.subject == 'alice has shared "told.txt" with you.' and one.user_id == "bob"
    assert one.link.startswith(f"{server.url}/dav/users/alice/") and bob.notifications.exists([one.notification_id])
    assert bob.notifications.get_one(one.notification_id).time == one.time
    bob.notifications.delete(one.notification_id)
    assert bob.notifications.get_all() == [] and cloud.notifications.exists([one.notification_id]) == []
