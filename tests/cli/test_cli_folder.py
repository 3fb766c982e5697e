"""``davshare init``, ``serve`` and what they do to a folder; run as people run them."""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from support import cluster
from support.server import davshare, environment, free_port

pytestmark = pytest.mark.slow

ADMIN = "admin-pass-0000"


def init(folder: Path, *more: str, password: str = ADMIN) -> subprocess.CompletedProcess[str]:
    """``davshare init`` with a password."""
    return davshare("init", str(folder), "--password-stdin", *more, input=password, check=False)


def one_line(text: str) -> bool:
    """Whether an error is what people can read."""
    return text.startswith("davshare: ") and text.count("\n") == 1 and "Traceback" not in text


def test_init_makes_a_private_folder(tmp_path: Path) -> None:
    """Missing parents are made; nobody else can look in."""
    data = tmp_path / "some" / "where"
    done = init(data, "--admin", "alice", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"data": str(data), "admin": "alice"}
    names = {path.name for path in data.iterdir()}
    private = {"davshare.toml", "secret.key"} | (set() if cluster.wanted() else {"index.sqlite"})
    assert {*private, "homes", "spaces"} <= names
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    for name in private:
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o600
    assert len((data / "secret.key").read_bytes()) == 32
    assert (data / "homes" / "alice").is_dir()


def test_init_takes_an_empty_folder_and_prints_a_password_once(tmp_path: Path) -> None:
    """Without a password one is made up; it is long."""
    done = davshare("init", str(tmp_path))
    password = dict(line.split(": ", 1) for line in done.stdout.splitlines())["password"]
    assert len(password) >= 20
    assert all(password.encode() not in path.read_bytes() for path in tmp_path.glob("*.sqlite*"))


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_final_line_end_on_standard_input_is_optional(tmp_path: Path, ending: str) -> None:
    """``echo`` and ``printf`` give the same password."""
    data = tmp_path / "data"
    assert init(data, password=ADMIN + ending).returncode == 0
    code = (
        "import sys; from pathlib import Path\n"
        "from davshare.server import admin; from davshare.identity import people, passwords\n"
        "with admin.index(Path(sys.argv[1])) as db:\n"
        "    print(passwords.verify(people.user_named(db, 'admin').password, sys.argv[2]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(data), ADMIN], capture_output=True, text=True, env=environment()
    )
    assert done.stdout == "True\n", done.stderr


@pytest.mark.slow
def test_init_never_touches_what_is_there(tmp_path: Path) -> None:
    """A folder with something in it stays as it is, and so does an existing data folder."""
    (tmp_path / "thesis.tex").write_text("years of work")
    done = init(tmp_path)
    assert done.returncode == 4 and one_line(done.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    data = tmp_path / "data"
    assert init(data).returncode == 0
    key = (data / "secret.key").read_bytes()
    assert init(data).returncode == 4
    assert (data / "secret.key").read_bytes() == key


@pytest.mark.slow
@pytest.mark.parametrize(
    "more, password", [(["--admin", "../x"], ADMIN), ([], "short"), ([], ""), (["--admin", "a b\n"], ADMIN)]
)
def test_init_that_fails_leaves_nothing(tmp_path: Path, more: list[str], password: str) -> None:
    """Neither the folder nor its parents, nor another mode on an existing one."""
    missing = tmp_path / "a" / "b"
    done = init(missing, *more, password=password)
    assert done.returncode == 2 and one_line(done.stderr)
    assert not (tmp_path / "a").exists()
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o755)
    assert init(empty, *more, password=password).returncode == 2
    assert not list(empty.iterdir()) and stat.S_IMODE(empty.stat().st_mode) == 0o755


def test_commands_say_what_is_no_data_folder(tmp_path: Path) -> None:
    """Nothing is created by looking."""
    for arguments in (["--data", str(tmp_path), "user", "list"], ["serve", str(tmp_path)]):
        done = davshare(*arguments, check=False)
        assert done.returncode == 3 and one_line(done.stderr)
    assert not list(tmp_path.iterdir())
    done = davshare("user", "list", check=False)
    assert done.returncode == 2 and "--data" in done.stderr


@pytest.mark.slow
def test_serve_refuses_mistakes(tmp_path: Path) -> None:
    """Before anything listens."""
    data = tmp_path / "data"
    init(data)
    for more in (["--listen", "nowhere"], ["--wrokers", "2"], ["--workers", "many"]):
        done = davshare("serve", str(data), *more, check=False)
        assert done.returncode == 2 and one_line(done.stderr), done.stderr
    (data / "davshare.toml").write_text("lissten = '127.0.0.1:1'\n")
    done = davshare("serve", str(data), check=False)
    assert done.returncode == 2 and "did you mean 'listen'" in done.stderr


def test_serve_says_where_it_is_and_stops_cleanly(tmp_path: Path) -> None:
    """Announced when ready; a second server is turned away; SIGTERM ends it with 0."""
    data, port = tmp_path / "data", free_port()
    init(data)
    process = subprocess.Popen(
        [sys.executable, "-m", "davshare", "serve", str(data), "--listen", f"127.0.0.1:{port}", "--workers", "1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
        env=environment(), start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        assert lines[0].startswith("davshare ") and lines[0].endswith(" is ready\n")
        assert f"http://127.0.0.1:{port}/dav/home/" in lines[2] and "admin" in lines[3]
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        link.request("GET", "/readyz")
        assert link.getresponse().status == 200
        link.close()
        done = davshare("serve", str(data), "--listen", "127.0.0.1:0", check=False)
        assert done.returncode == 4 and "being served" in done.stderr
        process.terminate()
        assert process.wait(15) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
def test_settings_are_quick(tmp_path: Path) -> None:
    """Under 0.3 s of processor time a call (0.6 with psycopg), whatever else the machine does; the best of five."""
    data = tmp_path / "data"
    init(data)
    for arguments in (["get", "dav.depth_infinity"], ["set", "dav.depth_infinity", "on"]):
        taken = []
        for _ in range(5):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            davshare("--data", str(data), "settings", *arguments)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert min(taken) < (0.6 if cluster.wanted() else 0.3), taken


def test_quick_commands_import_nothing_heavy(tmp_path: Path) -> None:
    """The reason why they are quick."""
    data = tmp_path / "data"
    init(data)
    code = (
        "import sys; from davshare.cli.main import main\n"
        f"main(['--data', {str(data)!r}, 'settings', 'list'])\n"
        "heavy = {'sqlalchemy', 'alembic', 'lxml', 'wsgidav', 'cheroot', 'argon2', 'jinja2', 'jose'}\n"
        "print('heavy', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment())
    assert done.stdout.splitlines()[-1] == "heavy []"


def test_a_new_folder_counts_as_no_backup(own_server) -> None:
    """Not at its first start, with users made before, nor after a kill: clients would compare everything."""
    server = own_server()
    server.dav().put("file", b"1")
    server.kill9()
    server.run()
    assert "restored" not in server.log_tail()
    assert server.rows("SELECT value FROM counter WHERE name='epoch'") == [(1,)]
