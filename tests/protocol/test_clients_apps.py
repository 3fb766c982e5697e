"""What Nextcloud's and ownCloud's apps for phones send besides, at its edges."""

from __future__ import annotations

import re
import secrets
from urllib.parse import unquote

import pytest

from support.client import Dav
from support.parallel import together
from support.server import Server

MAKE = {"X-NC-WebDAV-Auto-Mkcol": "1"}
ROOTS = pytest.mark.parametrize("root", ["/dav/home/", "/remote.php/webdav/", "/remote.php/dav/files/alice/"])


DEAD = ("oc:comments-unread", "nc:rich-workspace", "nc:lock", "x1:share-permissions", "x2:share-permissions")
LIVE = ("d:getetag", "d:getlastmodified", "d:resourcetype", "oc:id", "oc:fileid", "oc:size", "oc:permissions")


def as_ios(body: str) -> dict[str, dict[str, str]]:
    """A listing as NextcloudKit reads it: names with their prefixes, the first propstat of each response alone."""
    found = {}
    for response in re.findall(r"<d:response>(.*?)</d:response>", body, re.DOTALL):
        (path,) = re.findall(r"<d:href>([^<]*)</d:href>", response)
        first = response.split("<d:propstat>")[1].split("</d:propstat>")[0]
        assert "<d:status>HTTP/1.1 200" in first, first
        props = dict(re.findall(r"<((?:d|oc|nc|x1|x2):[\w-]+)>(.*?)</\1>", first.split("<d:prop>", 1)[1], re.DOTALL))
        found[unquote(path)] = props | dict.fromkeys(re.findall(r"<([\w:-]+)/>", first), "")
    return found


@pytest.mark.parametrize("dead_first", [False, True])
def test_a_listing_as_apps_read_it(box: Dav, dead_first: bool) -> None:
    """Everything that decides what a row shows is in the first propstat, in whatever order it was asked for."""
    box.mkcol("folder%20%C3%BC")
    box.put("photo.jpg", b"12345", {"X-OC-Mtime": "1500000000"})
    here = "/remote.php/dav/files/alice/" + box.base.removeprefix("/dav/home/")
    asked = [*DEAD, *LIVE, "d:getcontentlength", "d:getcontenttype", "nc:has-preview", "oc:checksums"]
    names = "".join(f"<{name}/>" for name in (asked if dead_first else asked[::-1]))
    body = (
        '<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns" xmlns:nc="http://nextcloud.org/ns"'
        ' xmlns:x1="http://open-collaboration-services.org/ns" xmlns:x2="http://open-cloud-mesh.org/ns">'
        f"<d:prop>{names}</d:prop></d:propfind>"
    )
    answer = box.request("PROPFIND", here, body, {"Depth": "1"})
    found = as_ios(answer.body.decode())
    assert next(iter(found)) == here and set(found) == {here, here + "folder ü/", here + "photo.jpg"}
    for path, props in found.items():
        assert set(LIVE) <= set(props), props
        assert ("<d:collection/>" in props["d:resourcetype"]) == path.endswith("/")
        assert int(props["oc:id"].removesuffix("davshare")) == int(props["oc:fileid"])
        assert props["oc:size"].isdigit() and not set(DEAD) & set(props)
    photo = found[here + "photo.jpg"]
    assert photo["d:getcontentlength"] == photo["oc:size"] == "5" and photo["d:getcontenttype"] == "image/jpeg"
    assert photo["nc:has-preview"] == "false"
    assert photo["d:getlastmodified"] == "Fri, 14 Jul 2017 02:40:00 GMT"
    # Android asks jackrabbit for the properties of the first status, and for those of the second if that is 404
    statuses = [
        re.findall(r"<d:status>HTTP/1.1 (\d+)", part) for part in answer.body.decode().split("<d:response>")[1:]
    ]
    assert statuses == [["200", "404"]] * 3


@ROOTS
def test_folders_are_made_with_a_file(box: Dav, root: str) -> None:
    """As many as are missing, and only when it is asked for."""
    here = root + box.base.removeprefix("/dav/home/")
    box.put(here + "a/b/c", b"1").refused(409)
    box.put(here + "a/b/c", b"1", {"X-NC-WebDAV-Auto-Mkcol": "0"}).refused(409)
    assert box.names() == set()
    for name in ("a/b/c", "a/b/d", "a/e/f/g/h", "top"):
        assert box.put(here + name, b"1", MAKE).status == 201
        assert box.put(here + name, b"22", MAKE).status == 204
        assert box.get(name).body == b"22"
    assert box.names() == {"a", "top"} and box.names("a/") == {"b", "e"}


def test_in_the_home_itself(server: Server) -> None:
    """There nothing is missing."""
    name = f"new-{secrets.token_hex(6)}"
    assert server.dav().put(f"/remote.php/dav/files/alice/{name}", b"1", MAKE).status == 201
    assert server.dav().delete(name).status == 204


def test_folders_that_cannot_be(server: Server, box: Dav) -> None:
    """Below a file, in another's home, nowhere, too deep, with a token that reads: a clear no, and nothing made."""
    box.put("file", b"1")
    box.put("file/below/it", b"1", MAKE).refused(403, 409)
    box.put("/remote.php/dav/files/bob/x/y", b"1", MAKE).refused(403, 404, 409)
    box.put("/nowhere/x/y", b"1", MAKE).refused(403, 404, 409)
    box.put("/dav/principals/x/y", b"1", MAKE).refused(403, 404, 405, 409)
    box.put("d/" * 40 + "file", b"1", MAKE).refused(409)
    token = server.cli("token", "add", "alice", "--scope", "read").stdout.split()[-1]
    Dav(server.port, box.base, f"Bearer {token}").put("x/y", b"1", MAKE).refused(403)
    assert box.names() == {"file"}


def test_folders_of_many_at_once(box: Dav) -> None:
    """Files of one new folder that come over many connections: one makes it, all are stored."""
    clients = [box.clone() for _ in range(8)]
    answers = together([lambda n=n: clients[n].put(f"new/deep/{n}", b"1", MAKE) for n in range(8)])
    assert [answer.status for answer in answers] == [201] * 8
    assert box.names("new/deep/") == {str(n) for n in range(8)}


def test_no_file_is_a_preview(box: Dav) -> None:
    """Where apps of ownCloud's ask for a small picture they get none, and never the file in its place."""
    box.put("photo.jpg", b"a large photo")
    here = "/remote.php/dav/files/alice/" + box.base.removeprefix("/dav/home/") + "photo.jpg"
    for query in ("?preview=1", "?x=32&y=32&c=abc&preview=1&a=1"):
        assert box.get(here).body == b"a large photo", "and is at hand from now on"
        box.get(here + query).refused(404)
        assert box.head(here + query).status == 404
        box.get(here + "x" + query).refused(404)
    for query in ("", "?preview=0", "?c=abc", "?xpreview=1"):
        assert box.get(here + query).body == b"a large photo"
    assert box.get("photo.jpg?preview=1").body == b"a large photo", "elsewhere nobody means that"
