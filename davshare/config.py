"""Every configuration key, once.

From the table :data:`KEYS` come the file ``davshare.toml`` in the data folder,
the environment variables ``DAVSHARE_<KEY>``, the switches of ``davshare
serve``, the documented sample and the tables of the handbook.  A switch goes
before the environment, the environment before the file, the file before the
default.  What can change while the server runs is not here but in
:mod:`davshare.model.settings`.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from davshare.errors import UsageError

FILE_NAME = "davshare.toml"
PREFIX = "DAVSHARE_"

#: Variables that begin with the prefix and are no keys: the data folder of the
#: command line, the hook of the crash tests, and what Kubernetes sets for a service called davshare.
_NO_KEYS = re.compile(r"(DATA|CRASH_AT|PORT|PORT_.*|SERVICE_.*)\Z").match


class Bad(Exception):
    """A value does not fit; the text says what is expected."""


class Key(NamedTuple):
    """One configuration key.

    ``parse`` makes the value from what TOML or a string gives and raises
    :class:`Bad`; ``expects`` completes "expected …" for people.
    """

    name: str
    default: Any
    parse: Callable[[Any], Any]
    expects: str
    doc: str
    example: str = ""

    @property
    def is_flag(self) -> bool:
        """Whether its switch takes no value."""
        return isinstance(self.default, bool)

    @property
    def switch(self) -> str:
        """Its switch of ``davshare serve``."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return PREFIX + self.name.upper()


@dataclass(frozen=True)
class Config:
    """The configuration of one server; see :data:`KEYS` for what each attribute means."""

    listen: str = "127.0.0.1:8080"
    workers: int = 0
    threads: int = 256
    grace: int = 10
    public_url: str = ""
    trusted_proxies: tuple[str, ...] = ()
    basic_over_http: bool = False
    durability: str = "full"
    gateway: str = "direct"
    database: str = ""
    oidc: str = ""
    log_level: str = "info"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of ``listen``."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def processes(self) -> int:
        """Number of worker processes, with 0 resolved to one per core."""
        if self.workers:
            return self.workers
        return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


class Loaded(NamedTuple):
    """A configuration, and where each value came from (switch, environment, file or default)."""

    config: Config
    origins: dict[str, str]


_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


def to_bool(value: Any) -> bool:
    """Yes or no, as people write it."""
    word = str(value).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Bad


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        try:
            number = value if isinstance(value, int) else int(str(value).strip())
        except ValueError:
            raise Bad from None
        if isinstance(value, bool) or not least <= number <= most:
            raise Bad
        return number

    return parse


def _one_of(*words: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if not isinstance(value, str) or value.strip().lower() not in words:
            raise Bad
        return value.strip().lower()

    return parse


_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.%a-z]+\]|[^\s:\[\]/@]+):(\d{1,5})\Z").match


def _listen(value: Any) -> str:
    match = _ADDRESS(value.strip()) if isinstance(value, str) else None
    if match is None or int(match[2]) > 65535:
        raise Bad
    return match[0]


_URL = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.\-]+)(:\d{1,5})?\Z").match


def _url(value: Any) -> str:
    if not isinstance(value, str):
        raise Bad
    url = value.strip().rstrip("/")
    if url and not _URL(url):
        raise Bad
    return url


def _words(value: Any) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise Bad
    return tuple(part.strip() for part in parts if part.strip())


def _networks(value: Any) -> tuple[str, ...]:
    from ipaddress import ip_network

    found = _words(value)
    try:
        for each in found:
            ip_network(each, strict=False)
    except ValueError:
        raise Bad from None
    return found


def _path(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise Bad
    return value.strip()


_DATABASE = re.compile(r"postgres(ql)?://[^\s\0]*\Z").match


def _database(value: Any) -> str:
    if not isinstance(value, str) or (value.strip() and not _DATABASE(value.strip())):
        raise Bad
    return value.strip()


def shown(value: Any) -> Any:
    """A value as people may see it: a URL without its password."""
    if not isinstance(value, str) or "://" not in value:
        return value
    return re.sub(r"(?i)(password=)[^&#]*", r"\1***", re.sub(r"(://[^/?#:]*:).*@", r"\1***@", value))


_LEVELS = ("debug", "info", "warning", "error")

KEYS: tuple[Key, ...] = (
    Key(
        "listen", Config.listen, _listen, "HOST:PORT, for example 127.0.0.1:8080 or [::]:8080",
        "Address and port on which the server listens.",
    ),
    Key(
        "workers", Config.workers, _whole(0, 1024), "a whole number from 0 to 1024",
        "Number of worker processes; 0 means one for each processor core.",
    ),
    Key(
        "threads", Config.threads, _whole(4, 4096), "a whole number from 4 to 4096",
        "Most requests that one worker carries out at the same time.",
    ),
    Key(
        "grace", Config.grace, _whole(0, 3600), "a whole number of seconds from 0 to 3600",
        "Seconds that running requests get to finish when the server is told to stop.",
    ),
    Key(
        "public_url", Config.public_url, _url, "http:// or https://, a host and perhaps a port, without a path",
        "Scheme and host under which people reach the server; empty means that the Host of each request is used.",
        "https://files.example.org",
    ),
    Key(
        "trusted_proxies", Config.trusted_proxies, _networks, "a list of addresses or networks in CIDR notation",
        "Reverse proxies whose X-Forwarded-For, -Proto and -Host are believed.",
        "127.0.0.1",
    ),
    Key(
        "basic_over_http", Config.basic_over_http, to_bool, "true or false",
        "Accept passwords and tokens over unencrypted HTTP from other machines; only for trusted networks.",
    ),
    Key(
        "durability", Config.durability, _one_of("full", "relaxed"), "full or relaxed",
        "full: an acknowledged write survives a power cut; relaxed: faster, but it may be lost then.",
    ),
    Key(
        "gateway", Config.gateway, _one_of("direct", "wsgidav"), "direct or wsgidav",
        "direct: davshare's own request path; wsgidav: every request passes through a WsgiDAV application as well.",
    ),
    Key(
        "database", Config.database, _database, "postgresql://USER:PASSWORD@HOST/NAME, or nothing",
        "The PostgreSQL database that holds the index; empty means a SQLite file in the data folder.",
        "postgresql://davshare:secret@db.example.org/davshare",
    ),
    Key(
        "oidc", Config.oidc, _path, "the path of a TOML file, or nothing",
        "File with the OpenID providers at which people sign in, relative to the data folder; empty: there are none.",
        "oidc.toml",
    ),
    Key(
        "log_level", Config.log_level, _one_of(*_LEVELS), "debug, info, warning or error",
        "Least severity of the messages that are written to standard error.",
    ),
)  # fmt: skip

BY_NAME: dict[str, Key] = {key.name: key for key in KEYS}
assert [key.name for key in KEYS] == [field.name for field in fields(Config)]


def load(data: Path, environ: Mapping[str, str], switches: Mapping[str, str]) -> Loaded:
    """The configuration of the data folder ``data``.

    :param environ: the process environment.
    :param switches: values given on the command line, by key.
    :raises UsageError: a key is unknown, a value does not fit, or the file cannot be read as TOML.
    """
    values: dict[str, Any] = {}
    origins = dict.fromkeys(BY_NAME, "default")
    layers: tuple[tuple[str, dict[str, Any]], ...] = (
        (FILE_NAME, _from_file(data / FILE_NAME)),
        ("environment", _from_environment(environ)),
        ("switch", dict(switches)),
    )
    for origin, layer in layers:
        for name, value in layer.items():
            values[name] = _parse(name, value, origin)
            origins[name] = origin
    return Loaded(Config(**values), origins)


def _parse(name: str, value: Any, origin: str) -> Any:
    key = BY_NAME.get(name)
    if key is None:
        raise UsageError(f"{origin}: unknown key {name!r}{suggestion(name, BY_NAME)}")
    try:
        return key.parse(value)
    except Bad:
        spelled = {"environment": key.variable, "switch": key.switch}.get(origin, f"{origin}: {name}")
        raise UsageError(f"{spelled}: expected {key.expects}") from None


def suggestion(name: str, known: Mapping[str, Any]) -> str:
    """``; did you mean …?`` when ``name`` resembles something known."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{FILE_NAME} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{FILE_NAME} is not valid TOML: {error}") from None


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for variable, value in environ.items():
        if variable.startswith(PREFIX) and not _NO_KEYS(variable[len(PREFIX) :]):
            found[variable[len(PREFIX) :].lower()] = value
    return found


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "[" + ", ".join(toml(each) for each in value) + "]"


def sample() -> str:
    """The documented sample file: every key with its default, commented out."""
    lines = [
        "# Configuration of davshare; belongs into the data folder under the name davshare.toml.",
        "#",
        "# Every key is also an environment variable (DAVSHARE_LISTEN) and a switch of",
        "# `davshare serve` (--listen).  Switches go before variables, variables before this",
        "# file.  The values shown are the defaults.  Read at start; `davshare settings list`",
        "# shows what can be changed while the server runs.",
    ]
    for key in KEYS:
        lines += ["", f"# {key.doc}", f"# Expected: {key.expects}."]
        if key.example:
            lines.append(f"# Example: {key.name} = {toml(key.parse(key.example))}")
        lines.append(f"# {key.name} = {toml(key.default)}")
    return "\n".join(lines) + "\n"


def markdown() -> str:
    """The table of the handbook."""
    lines = ["| key | default | meaning |", "| --- | --- | --- |"]
    lines += [f"| `{key.name}` | `{toml(key.default)}` | {key.doc} |" for key in KEYS]
    return "\n".join(lines)
