"""Configuration: where values come from, and what is said about wrong ones."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from davshare import config
from davshare.config import KEYS, Config, load
from davshare.errors import UsageError


def write(folder: Path, text: str) -> Path:
    """A data folder with this configuration."""
    (folder / "davshare.toml").write_text(text, "utf-8")
    return folder


def test_defaults_when_nothing_is_said(tmp_path: Path) -> None:
    """No file is no mistake."""
    loaded = load(tmp_path, {}, {})
    assert loaded.config == Config()
    assert set(loaded.origins.values()) == {"default"}


def test_switch_before_environment_before_file_before_default(tmp_path: Path) -> None:
    """Each layer wins over those below it, and is named as the origin."""
    data = write(tmp_path, 'workers = 1\nthreads = 11\nlog_level = "error"\n')
    environ = {"DAVSHARE_WORKERS": "2", "DAVSHARE_THREADS": "22"}
    loaded = load(data, environ, {"workers": "3"})
    assert (loaded.config.workers, loaded.config.threads, loaded.config.log_level) == (3, 22, "error")
    names = ("workers", "threads", "log_level", "listen")
    assert [loaded.origins[name] for name in names] == ["switch", "environment", "davshare.toml", "default"]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_every_key_comes_from_file_environment_and_switch(tmp_path: Path, key: config.Key) -> None:
    """The default, written down, means the same everywhere."""
    data = write(tmp_path, f"{key.name} = {config.toml(key.default)}\n")
    text = ",".join(key.default) if isinstance(key.default, tuple) else str(key.default)
    for loaded in (load(data, {}, {}), load(tmp_path, {key.variable: text}, {}), load(tmp_path, {}, {key.name: text})):
        assert getattr(loaded.config, key.name) == key.default
        assert type(getattr(loaded.config, key.name)) is type(key.default)


@pytest.mark.parametrize(
    "text, environ, switches, said",
    [
        ("lisen = ':1'", {}, {}, "davshare.toml: unknown key 'lisen'; did you mean 'listen'?"),
        ("", {"DAVSHARE_WORKRS": "1"}, {}, "environment: unknown key 'workrs'; did you mean 'workers'?"),
        ("workers = 'many'", {}, {}, "davshare.toml: workers: expected a whole number from 0 to 1024"),
        ("workers = true", {}, {}, "davshare.toml: workers: expected a whole number"),
        ("", {"DAVSHARE_WORKERS": "-1"}, {}, "DAVSHARE_WORKERS: expected a whole number"),
        ("", {}, {"listen": "8080"}, "--listen: expected HOST:PORT"),
        ("", {}, {"listen": "localhost:99999"}, "--listen: expected HOST:PORT"),
        ("", {}, {"public_url": "files.example.org"}, "--public-url: expected http:// or https://"),
        ("", {}, {"public_url": "https://files.example.org/path"}, "--public-url: expected"),
        ("trusted_proxies = ['10.0.0.0/8', 'proxy']", {}, {}, "trusted_proxies: expected a list of addresses"),
        ("basic_over_http = 'maybe'", {}, {}, "basic_over_http: expected true or false"),
        ("durability = 'some'", {}, {}, "durability: expected full or relaxed"),
        ("workers = = 1", {}, {}, "davshare.toml is not valid TOML"),
    ],
)
def test_mistakes_are_explained(
    tmp_path: Path, text: str, environ: dict[str, str], switches: dict[str, str], said: str
) -> None:
    """Key, origin and what was expected are named."""
    with pytest.raises(UsageError) as caught:
        load(write(tmp_path, text), environ, switches)
    assert said in caught.value.message


@pytest.mark.parametrize(
    "variable",
    ["DAVSHARE_DATA", "DAVSHARE_CRASH_AT", "DAVSHARE_SERVICE_HOST", "DAVSHARE_PORT", "DAVSHARE_PORT_80_TCP", "OTHER"],
)
def test_variables_that_are_no_keys(tmp_path: Path, variable: str) -> None:
    """The command line's own variable, and what others set beside us."""
    assert load(tmp_path, {variable: "tcp://10.0.0.1:80"}, {}).config == Config()


def test_values_are_brought_into_one_form(tmp_path: Path) -> None:
    """Spellings that mean the same are the same."""
    switches = {"public_url": "https://a.example/", "trusted_proxies": " 10.0.0.0/8, ::1 ", "basic_over_http": "Yes"}
    found = load(tmp_path, {}, switches).config
    assert found.public_url == "https://a.example"
    assert found.trusted_proxies == ("10.0.0.0/8", "::1")
    assert found.basic_over_http is True


def test_address_and_processes() -> None:
    """What the server is started with."""
    assert Config(listen="[::1]:80").address == ("::1", 80)
    assert Config(listen="localhost:0").address == ("localhost", 0)
    assert Config(workers=7).processes == 7
    assert Config(workers=0).processes >= 1


def test_the_sample_is_valid_with_and_without_its_comments(tmp_path: Path) -> None:
    """Whoever removes a # gets the default."""
    assert tomllib.loads(config.sample()) == {}
    names = {key.name for key in KEYS}
    lines = [line[2:] for line in config.sample().splitlines() if line[2:].split(" = ")[0] in names]
    assert load(write(tmp_path, "\n".join(lines)), {}, {}).config == Config()
