"""What ownCloud's and Nextcloud's clients ask before they sync: status.php, capabilities, and who they are."""

from __future__ import annotations

import json

import pytest

from support.ocs import Ocs
from support.server import Server


@pytest.fixture(params=[(1, True), (1, False), (2, True), (2, False)], ids=["v1-json", "v1-xml", "v2-json", "v2-xml"])
def dialect(request: pytest.FixtureRequest) -> tuple[int, bool]:
    """Both versions in both formats."""
    return request.param


def test_status(server: Server) -> None:
    """It needs no credentials, and names a version that no client finds too old."""
    nobody = server.dav(None)
    answer = nobody.request("GET", "/status.php")
    assert answer.status == 200 and answer["Content-Type"].startswith("application/json")
    told = json.loads(answer.body)
    assert told["installed"] is True and told["maintenance"] is False and told["needsDbUpgrade"] is False
    numbers = [int(each) for each in told["version"].split(".")]
    assert len(numbers) == 4 and numbers[0] >= 20
    assert told["versionstring"] == ".".join(told["version"].split(".")[:3])
    assert told["productname"] == "davshare", "a client that reads Nextcloud here is another client"
    assert told["productversion"]
    head = nobody.request("HEAD", "/status.php")
    assert head.status == 200 and head.body == b"" and head["Content-Length"] == str(len(answer.body))


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PROPFIND", "MKCOL"])
def test_status_is_only_read(server: Server, method: str) -> None:
    """Everything else is 405, for everybody."""
    for user in (None, "alice"):
        assert server.dav(user).request(method, "/status.php").status == 405
    assert server.dav(None).request("GET", "/status.php/more").status == 404


def test_wrong_credentials_do_not_matter_to_status(server: Server) -> None:
    """Nobody is asked who they are there."""
    assert server.dav("alice", password="wrong").request("GET", "/status.php").status == 200


def test_capabilities(server: Server, dialect: tuple[int, bool]) -> None:
    """The same for strangers and for people, in every dialect."""
    found = [Ocs(server, user, *dialect).get("capabilities").ok() for user in (None, "alice", "admin")]
    assert found[0] == found[1] == found[2]
    told = found[0]["capabilities"]
    assert told["core"]["webdav-root"] == "remote.php/webdav"
    assert int(told["core"]["pollinterval"]) >= 5000
    assert told["core"]["status"]["productversion"]
    assert int(found[0]["version"]["major"]) >= 20
    assert told["checksums"]["preferredUploadType"] in told["checksums"]["supportedTypes"]


def test_capabilities_are_those_of_status(server: Server) -> None:
    """Clients compare them."""
    status = json.loads(server.dav(None).request("GET", "/status.php").body)
    told = Ocs(server, None).get("capabilities").ok()
    assert told["capabilities"]["core"]["status"] == status
    assert told["version"]["string"] == status["versionstring"]


def test_nothing_is_announced_that_there_is_not(server: Server) -> None:
    """What a client reads it will use."""
    told = Ocs(server, None).get("capabilities").ok()["capabilities"]
    absent = {"activity", "user_status", "end-to-end-encryption"}
    assert not absent & set(told)
    assert "bulkupload" not in told.get("dav", {}) and "tus_support" not in told["files"]
    for name in ("undelete", "versioning", "locking", "comments"):
        assert not told["files"].get(name)


def test_capabilities_with_wrong_credentials(server: Server, dialect: tuple[int, bool]) -> None:
    """Whoever says who they are has to be that; clients notice here that a password was changed."""
    wrong = Ocs(server, "alice", *dialect)
    wrong.authorization = "Basic YWxpY2U6d3Jvbmc="
    answer = wrong.get("capabilities")
    assert answer.status == 401 and answer.code == 997
    assert answer.headers["WWW-Authenticate"]


def test_capabilities_for_a_limited_token(server: Server) -> None:
    """A token that may only read tells a client just as much, and who it is."""
    token = server.cli("token", "add", "alice", "--scope", "read").stdout.split()[-1]
    here = Ocs(server, "alice")
    here.authorization = f"Bearer {token}"
    assert "core" in here.get("capabilities").ok()["capabilities"]
    assert here.get("user").ok()["id"] == "alice"


def test_other_calls_still_need_a_name(server: Server) -> None:
    """What is public is one call."""
    for path in ("user", "users", "users/alice", "groups"):
        assert Ocs(server, None).get(path).code == 997
    assert Ocs(server, None, 2).call("POST", "capabilities", {}).status == 405
