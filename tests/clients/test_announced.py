"""Every capability that any client is told, and the tests that use it; nothing is announced for show."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from support.client import Dav
from support.ocs import Ocs
from support.server import Server

TESTS = Path(__file__).resolve().parents[1]
AGENTS = {
    "nobody": None,
    "nextcloudcmd 3.7": "Mozilla/5.0 (Linux) mirall/3.7.3git (nextcloudcmd, debian-6.1 ClientArchitecture: x86_64)",
    "nextcloud desktop 3.14": "Mozilla/5.0 (Linux) mirall/3.14.1 (Nextcloud, ubuntu-6.8)",
    "nextcloud android": "Mozilla/5.0 (Android) Nextcloud-android/3.29.2",
    "nextcloud ios": "Mozilla/5.0 (iOS) Nextcloud-iOS/6.1.0",
    "owncloudcmd 2.11": "Mozilla/5.0 (Linux) mirall/2.11.0 (owncloudcmd, debian-6.1)",
    "owncloud desktop 5": "Mozilla/5.0 (Windows) mirall/5.3.1 (ownCloud, windows-10.0)",
    "owncloud android": "Mozilla/5.0 (Android) ownCloud-android/4.4.1",
    "owncloud ios": "ownCloudApp/12.3.1 (App/295; iOS/18.1; iPhone)",
    "rclone": "rclone/v1.66.0",
}
#: Path of a capability, or of everything below it, to a test that uses what it promises.
USED = {
    "core.pollinterval": "protocol/test_clients_start.py::test_capabilities",
    "core.webdav-root": "clients/test_pyocclient.py::test_files",
    "core.status": "protocol/test_clients_start.py::test_capabilities_are_those_of_status",
    "spaces.enabled": "protocol/test_drives.py::test_mine",
    "spaces.version": "protocol/test_drives.py::test_mine",
    "spaces.projects": "protocol/test_drives.py::test_two_addresses_of_one_tree",
    "dav.chunking": "clients/test_sync_crashes.py::test_the_client_is_killed",
    "dav.bulkupload": "protocol/test_clients_bulk.py::test_files",
    "files.bigfilechunking": "clients/test_sync_clients.py::test_a_large_file_changed",
    "files.tus_support.version": "clients/test_tuspy.py::test_a_file",
    "files.tus_support.resumable": "protocol/test_tus.py::test_a_file",
    "files.tus_support.max_chunk_size": "clients/test_sync_thousands.py::test_first_sync",
    "files.tus_support.http_method_override": "protocol/test_tus.py::test_method_override",
    "checksums.supportedTypes": "clients/test_announced.py::test_types_of_checksums",
    "checksums.preferredUploadType": "clients/test_sync_clients.py::test_first_sync",
    "files_sharing.api_enabled": "protocol/test_sharing_settings.py::test_capabilities_follow",
    "files_sharing.can_share": "clients/test_pyocclient_shares.py::test_shares_with_users_and_groups",
    "files_sharing.resharing": "protocol/test_sharing_settings.py::test_capabilities_follow",
    "files_sharing.group_sharing": "protocol/test_sharing_settings.py::test_capabilities_follow",
    "files_sharing.default_permissions": "protocol/test_sharing_settings.py::test_capabilities_follow",
    "files_sharing.auto_accept_share": "protocol/test_sharing_settings.py::test_capabilities_follow",
    "files_sharing.share_with_group_members_only": "protocol/test_sharing_settings.py::test_capabilities_follow",
    "files_sharing.share_with_membership_groups_only": "protocol/test_sharing_settings.py::test_capabilities_follow",
    "files_sharing.user_enumeration": "protocol/test_sharing_settings.py::test_capabilities_follow",
    "files_sharing.search_min_length": "protocol/test_sharing_settings.py::test_capabilities_follow",
    "files_sharing.user": "protocol/test_sharing_settings.py::test_capabilities_follow",
    "files_sharing.group": "protocol/test_sharing_settings.py::test_capabilities_follow",
    "files_sharing.remote": "protocol/test_sharing_settings.py::test_capabilities_follow",
    "files_sharing.federation": "protocol/test_sharing_settings.py::test_capabilities_follow",
    "files_sharing.public": "protocol/test_ocs_links.py::test_capabilities",
    "notifications.ocs-endpoints": "protocol/test_notifications.py::test_for_nextclouds_programs",
    "notifications.push": "protocol/test_notifications.py::test_for_nextclouds_programs",
    "notifications.admin-notifications": "protocol/test_notifications.py::test_for_nextclouds_programs",
    "notify_push.type": "protocol/test_push.py::test_files",
    "notify_push.endpoints.websocket": "protocol/test_push.py::test_files",
    "notify_push.endpoints.pre_auth": "protocol/test_push.py::test_tickets",
}
#: The same of each extension of tus.
EXTENSIONS = {
    "creation": "clients/test_tuspy.py::test_a_file",
    "creation-with-upload": "protocol/test_tus.py::test_all_with_the_creation",
    "expiration": "protocol/test_tus.py::test_time_is_over",
    "checksum": "protocol/test_tus.py::test_checksums_of_pieces",
    "termination": "protocol/test_tus.py::test_termination",
}
#: What only those are told that are known to do it right.
TUS = {"owncloudcmd 2.11", "owncloud desktop 5", "owncloud android", "owncloud ios"}
BULK = {"nextcloud desktop 3.14"}


def told(server: Server, agent: str | None) -> dict[str, Any]:
    """The capabilities for a client."""
    headers = {} if agent is None else {"User-Agent": agent}
    return Ocs(server, None).call("GET", "capabilities", {}, headers).ok()["capabilities"]


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Each value by its path."""
    if not isinstance(value, dict):
        return {path: value}
    found: dict[str, Any] = {}
    for name, each in value.items():
        found |= leaves(each, f"{path}.{name}".lstrip("."))
    return found


def exists(name: str) -> bool:
    """Whether there is such a test."""
    path, _, test = name.partition("::")
    tree = ast.parse((TESTS / path).read_text("utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == test for node in tree.body)


@pytest.mark.parametrize("client", AGENTS)
def test_all_that_is_announced_is_used(server: Server, client: str) -> None:
    """By a test that there is; and what depends on the client is told to the right ones."""
    found = leaves(told(server, AGENTS[client]))
    extensions = found.pop("files.tus_support.extension", "")
    assert found.pop("spaces.share_jail") is False, "there is none"
    for path in found:
        users = [name for known, name in USED.items() if path == known or path.startswith(known + ".")]
        assert users, f"{path} is announced, and no test uses it"
        assert all(map(exists, users)), users
    for each in extensions.split(",") if extensions else ():
        assert exists(EXTENSIONS[each]), each
    assert ("files.tus_support.version" in found) == (client in TUS)
    assert ("dav.bulkupload" in found) == (client in BULK)
    assert found.get("files.tus_support.max_chunk_size", 0) == 0, "owncloudcmd 2.11 reckons wrongly with any other"


def test_nothing_is_listed_in_vain(server: Server) -> None:
    """Somebody is told each of them."""
    found = {path for agent in AGENTS.values() for path in leaves(told(server, agent))}
    for known in USED:
        assert any(path == known or path.startswith(known + ".") for path in found), known


def test_types_of_checksums(server: Server, box: Dav) -> None:
    """Each one is compared, whole, with what came."""
    sums = {
        "SHA1": "a9993e364706816aba3e25717850c26c9cd0d89d",
        "MD5": "900150983cd24fb0d6963f7d28e17f72",
        "ADLER32": "024d0127",
        "SHA256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    }
    assert set(told(server, None)["checksums"]["supportedTypes"]) == set(sums)
    for kind, value in sums.items():
        assert box.put(kind, b"abc", {"OC-Checksum": f"{kind}:{value}"}).status == 201
        box.put(kind, b"abd", {"OC-Checksum": f"{kind}:{value}"}).refused(400)
        assert box.get(kind).body == b"abc"
        kept = "".join(box.prop(kind, "{http://owncloud.org/ns}checksums")[1].itertext())
        assert f"{kind}:{value}" in kept or kind == "SHA256"
