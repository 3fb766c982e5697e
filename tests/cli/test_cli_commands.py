"""The commands on a data folder: reports, exit codes, and no prompt without a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from davshare.server.tomlfile import set_key
from support.server import davshare, environment, free_port


class Shell:
    """``davshare --data DIR`` with shorthands for what tests ask."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def __call__(self, *arguments: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        return davshare("--data", str(self.data), *arguments, input=input, check=False)

    def ok(self, *arguments: str, input: str | None = None) -> str:
        """Standard output of a command that must succeed."""
        done = self(*arguments, input=input)
        assert done.returncode == 0, f"{arguments}: {done.returncode} {done.stderr}"
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """The same as a value."""
        return json.loads(self.ok(*arguments, "--json"))

    def code(self, *arguments: str, input: str | None = None) -> int:
        """Exit code of a command that fails with one line."""
        done = self(*arguments, input=input)
        assert done.stderr.startswith("davshare: ") and done.stderr.count("\n") == 1, done.stderr
        return done.returncode


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """One data folder for the whole file."""
    data = tmp_path_factory.mktemp("cli") / "data"
    davshare("init", str(data), "--password-stdin", input="admin-pass-0000")
    return Shell(data)


@pytest.mark.slow
def test_a_user_from_beginning_to_end(shell: Shell) -> None:
    """add, list, show, set, disable, enable, passwd, remove."""
    shell.ok("group", "add", "lab")
    arguments = ["--display-name", "Eve E.", "--group", "lab", "--quota", "10GB", "--password-stdin"]
    assert shell.ok("user", "add", "eve", *arguments, input="eve-pass-123\n") == ""
    told = shell.json("user", "show", "eve")
    assert (told["display_name"], told["groups"], told["quota"]) == ("Eve E.", ["lab"], 10**10)
    assert not told["admin"] and not told["disabled"] and told["home"] == str(shell.data / "homes" / "eve")
    shell.ok("user", "set", "eve", "--admin", "--quota", "none")
    shell.ok("user", "disable", "eve")
    told = shell.json("user", "show", "eve")
    assert told["admin"] and told["disabled"] and told["quota"] is None
    shell.ok("user", "enable", "eve")
    assert shell.ok("user", "passwd", "eve").startswith("password: ")
    assert "eve" in [user["name"] for user in shell.json("user", "list")]
    shell.ok("user", "remove", "eve")
    assert shell.code("user", "show", "eve") == 3


@pytest.mark.slow
def test_exit_codes(shell: Shell) -> None:
    """2 called wrongly, 3 not found, 4 exists."""
    assert shell.code("user", "add", "admin", "--password-stdin", input="long-enough-1") == 4
    assert shell.code("user", "add", "x/y", "--password-stdin", input="long-enough-1") == 2
    assert shell.code("user", "add", "short", "--password-stdin", input="short") == 2
    assert shell.code("user", "add", "nobody", "--group", "nowhere", "--password-stdin", input="long-enough-1") == 3
    assert shell.code("user", "set", "admin") == 2
    assert shell.code("user", "frobnicate") == 2
    assert shell.code("token", "add", "nobody") == 3
    assert shell.code("token", "add", "admin", "--scope", "everything") == 2
    assert shell.code("token", "add", "admin", "--expires", "soon") == 2
    assert shell.code("token", "revoke", "999") == 3
    assert shell.code("group", "remove", "nowhere") == 3
    assert shell.code("space", "add", "bad", "--root", "/nonexistent/folder") == 2
    assert shell.code("space", "add", "bad", "--quota", "much") == 2
    assert shell.code("settings", "get", "nothing") == 3
    assert shell.code("settings", "set", "trash.keep_days", "long") == 2
    assert shell.code("lock", "break", "urn:uuid:0") == 3
    assert shell.code("check", "nowhere") == 3
    assert shell.code("journal", "nowhere") == 3


def test_passwords_are_made_up_where_nobody_can_be_asked(shell: Shell) -> None:
    """No prompt without a terminal; with --json the password is in the answer."""
    assert shell.ok("user", "add", "frank").startswith("password: ")
    assert len(shell.json("user", "add", "grace")["password"]) >= 20
    assert "password" not in shell.json("user", "add", "heidi", "--no-password")


def test_a_terminal_is_asked_twice(shell: Shell) -> None:
    """Until both are the same and long enough."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "davshare", "--data", str(shell.data), "user", "add", "ivan"]
    process = subprocess.Popen(
        command, stdin=slave, stdout=subprocess.PIPE, stderr=slave, env=environment(), start_new_session=True
    )
    os.close(slave)
    seen = b""
    for answer in (b"short", b"short", b"ivan-pass-123", b"ivan-pass-124", b"ivan-pass-123", b"ivan-pass-123"):
        while not seen.endswith((b"Password: ", b"Once more: ")):
            seen += os.read(master, 1)
        os.write(master, answer + b"\n")
        seen = b""
    out, _ = process.communicate(timeout=30)
    os.close(master)
    assert process.returncode == 0 and out == b""
    assert shell.json("user", "show", "ivan")["password"] is True


def test_a_token_is_printed_alone(shell: Shell) -> None:
    """Only the secret on standard output; never again in a list."""
    done = shell("token", "add", "admin", "--label", "laptop", "--scope", "read", "--expires", "30d")
    assert done.returncode == 0 and len(done.stdout) == 48 and done.stdout.startswith("dst_")
    listed = shell.ok("token", "list", "admin")
    assert "laptop" in listed and done.stdout.strip() not in listed
    (token,) = shell.json("token", "list", "admin")
    assert token["scope"] == "read" and token["expires"] and not token["expired"]
    shell.ok("token", "revoke", str(token["id"]))
    assert shell.json("token", "list") == []


def test_groups(shell: Shell) -> None:
    """add, add-member, list, remove-member, remove."""
    shell.ok("group", "add", "staff", "--display-name", "The staff")
    shell.ok("group", "add-member", "staff", "admin")
    assert {"name": "staff", "members": 1}.items() <= shell.json("group", "list")[-1].items()
    shell.ok("group", "remove-member", "staff", "admin")
    assert shell.json("group", "list")[-1]["members"] == 0
    shell.ok("group", "remove", "staff")
    assert "staff" not in shell.ok("group", "list")


@pytest.mark.slow
def test_spaces(shell: Shell, tmp_path: Path) -> None:
    """add, list, set, remove; an attached folder stays what it is."""
    shell.ok("space", "add", "project", "--quota", "1MiB", "--member", "admin:editor")
    attached = tmp_path / "attached"
    attached.mkdir()
    shell.ok("space", "add", "data", "--root", str(attached))
    shell.ok("space", "set", "project", "--read-only", "--description", "text", "--drop-member", "admin")
    told = {space["name"]: space for space in shell.json("space", "list")}
    assert told["project"]["quota"] == 2**20 and told["project"]["read_only"] and told["project"]["members"] == []
    assert told["data"]["root"] == str(attached) and told["admin"]["kind"] == "home"
    shell.ok("space", "remove", "data")
    assert attached.is_dir()
    assert shell.code("space", "remove", "data") == 3


@pytest.mark.slow
def test_settings(shell: Shell) -> None:
    """get, set, list, reset."""
    assert shell.ok("settings", "get", "dav.depth_infinity") == "off\n"
    shell.ok("settings", "set", "dav.depth_infinity", "on")
    shell.ok("settings", "set", "upload.max_bytes", "2GB")
    assert shell.json("settings", "list")["dav.depth_infinity"] is True
    assert shell.json("settings", "get", "upload.max_bytes") == 2 * 10**9
    shell.ok("settings", "reset", "dav.depth_infinity")
    assert shell.ok("settings", "get", "dav.depth_infinity") == "off\n"
    shell.ok("settings", "reset")
    assert shell.ok("settings", "get", "upload.max_bytes") == "0\n"


def test_reconcile_check_and_journal(shell: Shell) -> None:
    """What was put on disk by hand is found, taken over and told; afterwards all is well."""
    home = shell.data / "homes" / "admin"
    (home / "by hand.txt").write_text("hello")
    assert shell("check", "admin").returncode == 1
    assert shell.json("reconcile", "admin")["added"] == 1
    assert shell("check", "--hashes").returncode == 0
    entry = shell.json("journal", "admin")[-1]
    assert (entry["kind"], entry["path"], entry["space"]) == ("created", "/by hand.txt", "admin")
    assert shell.json("journal", "admin", "--since", str(entry["seq"])) == []
    assert "by hand.txt" in shell.ok("journal")
    assert shell.json("lock", "list") == []


def test_names_do_nothing_to_the_terminal(shell: Shell) -> None:
    """Control characters in file names are shown, not sent."""
    (shell.data / "homes" / "admin" / "red\x1b[31m").write_text("x")
    shell("reconcile", "admin")
    assert "\x1b" not in shell("journal", "admin").stdout + shell("check", "admin").stdout


def test_doctor(shell: Shell) -> None:
    """Good on a fresh folder; bad when others can read the key."""
    set_key(shell.data, "listen", f"127.0.0.1:{free_port()}")
    found = {each["what"]: each for each in shell.json("doctor")}
    assert found["schema"]["state"] == "ok" and "sqlite" in found and "rename over a file" in found
    (shell.data / "secret.key").chmod(0o644)
    done = shell("doctor")
    (shell.data / "secret.key").chmod(0o600)
    assert done.returncode == 1 and "secret.key 0644" in done.stdout
    assert not list(shell.data.glob(".examine*"))


def test_config_show_names_origins(shell: Shell) -> None:
    """File and default; the sample is valid."""
    file = shell.data / "davshare.toml"
    before = file.read_text()
    file.write_text(f"workers = 3\n{before}")
    told = shell.ok("config", "show", "--origin")
    file.write_text(before)
    assert "workers = 3  # davshare.toml\n" in told and "# default\n" in told
    assert davshare("config", "sample").stdout.startswith("# Configuration of davshare")


def test_help_and_version() -> None:
    """Both work without a data folder."""
    assert davshare("--version").stdout.startswith("davshare 0.")
    assert "settings" in davshare("--help").stdout
    assert "--basic-over-http" in davshare("serve", "--help").stdout


def test_a_reader_that_leaves_is_no_mistake(shell: Shell) -> None:
    """``davshare ... | head -1`` prints no error."""
    command = f"{sys.executable} -m davshare --data {shell.data} settings list | head -1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=environment())
    assert done.stdout.startswith("name") and done.stderr == ""
