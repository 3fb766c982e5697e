"""The handbook knows every key, setting and command, and says what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from davshare import config
from davshare.cli.main import COMMANDS, davshare
from davshare.identity import providers
from davshare.model import settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
HINT = "run scripts/docs"


def between(name: str) -> str:
    """What stands between two markers of the README."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", README, re.DOTALL)
    assert found, f"README.md has no markers {name}"
    return found[1].strip()


def test_the_tables_of_the_readme_are_those_of_the_code() -> None:
    """Nothing is documented twice by hand."""
    assert between("config") == config.markdown(), HINT
    assert between("settings") == settings.markdown(), HINT
    assert between("providers") == providers.markdown(), HINT


def test_the_sample_is_that_of_the_code() -> None:
    """The sample file is generated."""
    assert (ROOT / "config" / "davshare.toml.sample").read_text("utf-8") == config.sample(), HINT


def test_there_are_few_keys() -> None:
    """Under 60 for the whole product."""
    assert len(config.KEYS) < 60


@pytest.mark.parametrize("key", config.KEYS, ids=lambda key: key.name)
def test_every_key_is_a_sentence(key: config.Key) -> None:
    """A key without an explanation is not documented."""
    assert key.doc[0].isalnum() and key.doc.endswith(".") and len(key.doc.split()) >= 4


@pytest.mark.parametrize("each", settings.SETTINGS, ids=lambda each: each.name)
def test_every_setting_is_a_sentence_and_used(each: settings.Setting) -> None:
    """A setting that no code reads is a promise that nobody keeps."""
    assert each.doc.endswith(".") and len(each.doc.split()) >= 4
    code = [
        path
        for path in (ROOT / "davshare").rglob("*.py")
        if path.name != "settings.py" and f'"{each.name}"' in path.read_text("utf-8")
    ]
    assert code, f"{each.name} is read nowhere"


@pytest.mark.parametrize("key", config.KEYS, ids=lambda key: key.name)
def test_every_key_is_used(key: config.Key) -> None:
    """The same for keys."""
    names = [f"config.{key.name}", {"listen": "config.address", "workers": "config.processes"}.get(key.name, "")]
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "davshare").rglob("*.py"))
    assert any(name and re.search(rf"\b{re.escape(name)}\b", code) for name in names)


def commands() -> list[str]:
    """Every command as it is typed, without ``davshare``."""
    context = click.Context(davshare)
    found = []
    for name in COMMANDS:
        command = davshare.get_command(context, name)
        assert command is not None
        below = command.list_commands(context) if isinstance(command, click.Group) else []
        found += [f"{name} {each}" for each in below] or [name]
    return found


@pytest.mark.parametrize("command", commands())
def test_every_command_is_in_the_readme(command: str) -> None:
    """The overview of commands is complete."""
    assert re.search(rf"[`,] ?(davshare )?{command}\b", README), command


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    """Each command and each of its switches has a help text."""
    context = click.Context(davshare)
    command = davshare.get_command(context, name)
    assert command is not None and command.help
    below = command.commands.values() if isinstance(command, click.Group) else [command]
    for each in below:
        assert each.help, each.name
        for parameter in each.params:
            assert isinstance(parameter, click.Argument) or parameter.help, f"{each.name} {parameter.name}"  # type: ignore[attr-defined]


def test_the_compliance_table_is_that_of_the_tests() -> None:
    """What the README says of the standards is what the tests are marked with."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "compliance"), "--check"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
