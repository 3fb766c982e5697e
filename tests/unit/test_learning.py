"""What the disk has and the index does not know yet, while somebody else learns it, too."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_costs import Counter, counter  # noqa: F401

from davshare.files import reconcile
from davshare.files.context import Address, Asker
from davshare.files.service import Files


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("MKCOL", "x/y/made", 201), ("PUT", "x/y/file", 201), ("GET", "x/y/there", 200), ("DELETE", "x/y/there", 204)],
)
def test_the_keeper_was_first(
    counter: Counter,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    status: int,
) -> None:
    """It has learnt everything just between the look at the index and the one at the disk, which finds no news then."""
    assert counter.ask("PROPFIND", "/dav/home/", depth="1")[0] == 207
    folder = tmp_path / "data" / "homes" / "admin" / "x" / "y"
    folder.mkdir(parents=True)
    (folder / "there").write_bytes(b"there")
    learn, found = reconcile.learn, []

    def late(files: Files, asker: Asker, address: Address) -> bool:
        learn(files, asker, Address(("dav", "home", "x", "y", "there")))
        found.append(learn(files, asker, address))
        return found[-1]

    monkeypatch.setattr(reconcile, "learn", late)
    assert counter.ask(method, f"/dav/home/{path}", "x" if method == "PUT" else "")[0] == status
    assert found == [False]


def test_what_nobody_has_is_not_there(counter: Counter) -> None:  # noqa: F811
    assert counter.ask("GET", "/dav/home/nothing")[0] == 404
    assert counter.ask("MKCOL", "/dav/home/nothing/in/it")[0] == 409
