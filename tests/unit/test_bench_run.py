"""scripts/bench itself, in a short run of davshare alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "scripts" / "bench"
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def _bench(where: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCH), "--dir", str(where), "--json", str(where / "figures.json"), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.slow
def test_a_short_run(tmp_path: Path) -> None:
    """Rates, CPU and memory of right answers, a table of them, and nothing left behind."""
    options = ["--quick", "--only", "get,put,dirty", "--servers", "davshare", "--rounds", "2", "--seconds", "0.2"]
    done = _bench(tmp_path, *options)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "figures.json").read_text("utf-8"))
    assert list(found["outcomes"]) == ["get", "put", "dirty"]
    for outcome in found["outcomes"].values():
        rounds = outcome["davshare"]["rounds"]
        assert len(rounds) == 2
        for each in rounds:
            assert each["right"] > 0
            assert each["rate"] > 0
            assert each["memory"] > 1_000_000
            assert not each["wrong"]
    assert "| GET, the same 1 KiB, 8 connections |" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"]


@pytest.mark.slow
def test_start_and_first_index(tmp_path: Path) -> None:
    """Every file of the tree is in the index, and a killed server keeps what it has acknowledged."""
    done = _bench(tmp_path, "--quick", "--only", "start-up,first-index", "--files", "150")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "figures.json").read_text("utf-8"))
    assert (found["first_index"]["files"], found["first_index"]["folders"]) == (150, 2)
    assert [each["nodes"] for each in found["starts"]] == [0, 100_000]
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"]


@pytest.mark.slow
def test_accounts(tmp_path: Path) -> None:
    """Everybody signs in, and the table says how long it took."""
    done = _bench(tmp_path, "--quick", "--only", "accounts")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "figures.json").read_text("utf-8"))["accounts"]
    assert [(each["accounts"], each["groups"]) for each in found] == [(1_000, 100), (50_000, 5_000)]
    assert "| 50,000 | 5,000 |" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("nextcloudcmd"), reason="nextcloudcmd is missing (nextcloud-desktop-cmd)")
def test_clients(tmp_path: Path) -> None:
    """Every file goes up, a quiet run asks little, and a changed file costs no more among many."""
    done = _bench(tmp_path, "--quick", "--only", "clients")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "figures.json").read_text("utf-8"))["synced"]
    runs = {each["what"]: each for each in found["runs"] if each["client"] == "nextcloudcmd"}
    assert list(runs) == ["first", "quiet", "one changed"]
    assert 200 < runs["first"]["requests"] < 300
    assert runs["quiet"]["requests"] <= 4 and runs["one changed"]["requests"] <= 8
    assert [each["method"] for each in found["latencies"]] == ["PUT", "MKCOL", "PROPFIND"]
    assert all(0 < each["middle"] <= each["most"] for each in found["latencies"])
    assert "| nextcloudcmd | one changed |" in done.stdout


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    done = _bench(tmp_path, "--only", "nonsense")
    assert done.returncode == 2
    assert "nothing is called nonsense" in done.stderr
