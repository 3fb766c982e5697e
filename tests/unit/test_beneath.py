"""What is opened below a root: by one call of the system, or step by step where that cannot be had."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from davshare.store import beneath
from davshare.store.local import LocalStore


@pytest.fixture(params=[None, errno.ENOSYS, errno.EPERM, errno.EINTR], ids=str)
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A folder with a file, a link, a pipe and deep folders; the call fails with an error, or does not."""
    if request.param is not None:
        monkeypatch.setattr(beneath, "_syscall", _failing(request.param))
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(b"content")
    (tmp_path / "a" / "link").symlink_to("b")
    (tmp_path / "a" / "b" / "link").symlink_to("file")
    os.mkfifo(tmp_path / "a" / "b" / "pipe")
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def _failing(number: int) -> Callable[..., int]:
    def call(*_: object) -> int:
        beneath.ctypes.set_errno(number)
        return -1

    return call


def test_what_is_there(root: int) -> None:
    """Files, folders, and pipes without waiting for somebody who writes."""
    for path, flags in (
        ((b"a", b"b", b"file"), beneath.FILE),
        ((b"a", b"b"), beneath.FOLDER),
        ((b"a",), beneath.FOLDER),
        ((b"a", b"b", b"pipe"), beneath.FILE),
    ):
        os.close(beneath.open_(root, path, flags))


@pytest.mark.parametrize(
    ("path", "flags"),
    [
        ((b"a", b"link"), beneath.FOLDER),
        ((b"a", b"link", b"file"), beneath.FILE),
        ((b"a", b"b", b"link"), beneath.FILE),
        ((b"a", b"b", b"file"), beneath.FOLDER),
        ((b"a", b"b", b"file", b"c"), beneath.FILE),
        ((b"a", b"nothing"), beneath.FILE),
    ],
)
def test_what_is_not(root: int, path: tuple[bytes, ...], flags: int) -> None:
    """A link is nothing, wherever it is on the way."""
    with pytest.raises(OSError, match=r".") as caught:
        beneath.open_(root, path, flags)
    assert caught.value.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def test_a_name_that_no_file_has(root: int) -> None:
    """It is not taken for the part of it that one has."""
    with pytest.raises(ValueError, match="null"):
        beneath.open_(root, (b"a", b"b", b"file\0more"), beneath.FILE)


def test_a_path_that_is_too_long_for_one_call(root: int) -> None:
    """It is gone step by step."""
    path = [b"a", *[b"d" * 200] * 25]
    here = os.dup(root)
    for name in path:
        if name != b"a":
            os.mkdir(name, dir_fd=here)
        deeper = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    found = beneath.open_(root, path, beneath.FOLDER)
    assert os.path.samestat(os.fstat(found), os.fstat(here))
    os.close(found)
    os.close(here)


def test_straight_is_the_same_where_no_link_is_on_the_way(root: int, tmp_path: Path) -> None:
    """One call for the whole path; what it does not open is asked for below the root."""
    path = (b"a", b"b", b"file")
    fd = beneath.straight(os.fsencode(tmp_path), path)
    if fd >= 0:
        assert os.read(fd, 100) == b"content"
        assert not os.get_inheritable(fd)
        os.close(fd)
    (tmp_path / "way").symlink_to(".")
    for root_path, names in (
        (tmp_path / "way", path),
        (tmp_path, (b"a", b"link", b"file")),
        (tmp_path, (b"a", b"b", b"link")),
        (tmp_path, (b"a", b"nothing")),
        (tmp_path / "a", (b"..", b"a", b"b", b"file")),
        (tmp_path, (b"a", b"b", b"file\0more")),
        (tmp_path, (b"x" * 5000,)),
    ):
        assert beneath.straight(os.fsencode(root_path), names) == -1


@pytest.mark.skipif(sys.platform != "linux", reason="one call for a path is Linux's")
def test_straight_is_what_linux_does(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "...").write_bytes(b"dots")
    fd = beneath.straight(os.fsencode(tmp_path), (b"a", b"..."))
    if fd < 0:
        pytest.skip("this kernel is too old")
    assert os.read(fd, 100) == b"dots"
    os.close(fd)


@pytest.mark.parametrize("relative", [True, False])
def test_a_root_named_with_a_step_up_is_where_the_kernel_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relative: bool
) -> None:
    """``link/..`` is not the folder that holds the link."""
    (tmp_path / "other" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("other/inner")
    for root, content in ((tmp_path / "data", b"wrong"), (tmp_path / "other" / "data", b"right")):
        (root / "d").mkdir(parents=True)
        (root / "d" / "f").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    root = "link/../data" if relative else os.path.join(tmp_path, "link/../data")
    fd, facts = LocalStore(root).open((b"d", b"f"))
    assert os.read(fd, 10) == b"right" and facts.size == 5
    os.close(fd)
    monkeypatch.chdir("/")
    if not relative:
        os.close(LocalStore(root).open((b"d", b"f"))[0])
