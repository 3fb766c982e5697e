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
from davshare.model import values

FILE_NAME = "davshare.toml"
PREFIX = "DAVSHARE_"

#: Variables that begin with the prefix and are no keys: the data folder of the
#: command line, the hook of the crash tests, and what Kubernetes sets for a service called davshare.
_NO_KEYS = re.compile(r"(DATA|CRASH_AT|PORT|PORT_.*|SERVICE_.*)\Z").match


class Key(NamedTuple):
    """One configuration key.

    ``parse`` makes the value from what TOML or a string gives and raises
    :class:`~davshare.model.values.Bad`; ``expects`` completes "expected …" for people.
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
    ldap_url: str = ""
    ldap_starttls: bool = True
    ldap_ca_file: str = ""
    ldap_bind_dn: str = ""
    ldap_password_file: str = ""
    ldap_base: str = ""
    ldap_user_filter: str = "(objectClass=person)"
    ldap_login_attribute: str = "uid"
    ldap_id_attribute: str = "entryUUID"
    ldap_group_filter: str = "(objectClass=groupOfNames)"
    ldap_group_member: str = "member"
    mail_host: str = ""
    mail_port: int = 587
    mail_security: str = "starttls"
    mail_user: str = ""
    mail_password_file: str = ""
    mail_from: str = ""
    mail_timeout: int = 30
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


_LEVELS = ("debug", "info", "warning", "error")

KEYS: tuple[Key, ...] = (
    Key(
        "listen", Config.listen, values.address, "HOST:PORT, for example 127.0.0.1:8080 or [::]:8080",
        "Address and port on which the server listens.",
    ),
    Key(
        "workers", Config.workers, values.whole(0, 1024), "a whole number from 0 to 1024",
        "Number of worker processes; 0 means one for each processor core.",
    ),
    Key(
        "threads", Config.threads, values.whole(4, 4096), "a whole number from 4 to 4096",
        "Most requests that one worker carries out at the same time.",
    ),
    Key(
        "grace", Config.grace, values.whole(0, 3600), "a whole number of seconds from 0 to 3600",
        "Seconds that running requests get to finish when the server is told to stop.",
    ),
    Key(
        "public_url", Config.public_url, values.url, "http:// or https://, a host and perhaps a port, without a path",
        "Scheme and host under which people reach the server; empty means that the Host of each request is used.",
        "https://files.example.org",
    ),
    Key(
        "trusted_proxies", Config.trusted_proxies, values.networks, "a list of addresses or networks in CIDR notation",
        "Reverse proxies whose X-Forwarded-For, -Proto and -Host are believed.",
        "127.0.0.1",
    ),
    Key(
        "basic_over_http", Config.basic_over_http, values.to_bool, "true or false",
        "Accept passwords and tokens over unencrypted HTTP from other machines; only for trusted networks.",
    ),
    Key(
        "durability", Config.durability, values.one_of("full", "relaxed"), "full or relaxed",
        "full: an acknowledged write survives a power cut; relaxed: faster, but it may be lost then.",
    ),
    Key(
        "gateway", Config.gateway, values.one_of("direct", "wsgidav"), "direct or wsgidav",
        "direct: davshare's own request path; wsgidav: every request passes through a WsgiDAV application as well.",
    ),
    Key(
        "database", Config.database, values.database, "postgresql://USER:PASSWORD@HOST/NAME, or nothing",
        "The PostgreSQL database that holds the index; empty means a SQLite file in the data folder.",
        "postgresql://davshare:secret@db.example.org/davshare",
    ),
    Key(
        "oidc", Config.oidc, values.line, "a file name, or nothing",
        "File with the OpenID providers at which people sign in, relative to the data folder; empty: there are none.",
        "oidc.toml",
    ),
    Key(
        "ldap_url", Config.ldap_url, values.directory, "ldap:// or ldaps://, a host and perhaps a port",
        "The LDAP directory that keeps accounts and groups as well; empty means that there is none.",
        "ldaps://ldap.example.org",
    ),
    Key(
        "ldap_starttls", Config.ldap_starttls, values.to_bool, "true or false",
        "Encrypt connections to ldap:// addresses; without it passwords go to the directory in clear.",
    ),
    Key(
        "ldap_ca_file", Config.ldap_ca_file, values.line, "a file name, or nothing",
        "Certificates of those who sign the directory's certificate; empty means those of the system.",
        "/etc/ssl/certs/example-ca.pem",
    ),
    Key(
        "ldap_bind_dn", Config.ldap_bind_dn, values.line, "a DN, or nothing",
        "Who searches the directory; empty means anonymously.",
        "cn=davshare,ou=services,dc=example,dc=org",
    ),
    Key(
        "ldap_password_file", Config.ldap_password_file, values.line, "a file name, or nothing",
        "File with the password of ldap_bind_dn, and nothing else.",
        "/etc/davshare/ldap-password",
    ),
    Key(
        "ldap_base", Config.ldap_base, values.line, "a DN",
        "The entry below which people and groups are searched.",
        "dc=example,dc=org",
    ),
    Key(
        "ldap_user_filter", Config.ldap_user_filter, values.query, "an LDAP filter in parentheses",
        "Which entries are people who may sign in (RFC 4515).",
        "(&(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))",
    ),
    Key(
        "ldap_login_attribute", Config.ldap_login_attribute, values.attribute, "the name of an attribute",
        "The attribute with the name that people sign in with.",
        "sAMAccountName",
    ),
    Key(
        "ldap_id_attribute", Config.ldap_id_attribute, values.attribute, "the name of an attribute",
        "The attribute that never changes and is never given to anybody else.",
        "objectGUID",
    ),
    Key(
        "ldap_group_filter", Config.ldap_group_filter, values.query, "an LDAP filter in parentheses, or nothing",
        "Which entries are groups; empty means that the directory keeps none.",
        "(objectClass=group)",
    ),
    Key(
        "ldap_group_member", Config.ldap_group_member, values.attribute, "the name of an attribute",
        "The attribute of a group with the DNs of its members, or memberUid with their login names.",
        "memberUid",
    ),
    Key(
        "mail_host", Config.mail_host, values.line, "the name of a host, or nothing",
        "The SMTP server that takes our mail; empty means that no mail is sent.",
        "smtp.example.org",
    ),
    Key(
        "mail_port", Config.mail_port, values.whole(1, 65535), "a whole number from 1 to 65535",
        "The port of the SMTP server.",
    ),
    Key(
        "mail_security", Config.mail_security, values.one_of("none", "starttls", "tls"), "none, starttls or tls",
        "How connections to the SMTP server are encrypted: not at all, by STARTTLS, or from the beginning.",
    ),
    Key(
        "mail_user", Config.mail_user, values.line, "a name, or nothing",
        "Who signs in at the SMTP server; empty means nobody.",
        "davshare",
    ),
    Key(
        "mail_password_file", Config.mail_password_file, values.line, "a file name, or nothing",
        "File with the password of mail_user, and nothing else.",
        "/etc/davshare/mail-password",
    ),
    Key(
        "mail_from", Config.mail_from, values.mailbox, "an e-mail address, or nothing",
        "The sender of our mail; empty means davshare at the host of public_url.",
        "files@example.org",
    ),
    Key(
        "mail_timeout", Config.mail_timeout, values.whole(1, 600), "a whole number of seconds from 1 to 600",
        "How long the SMTP server may take for each of its answers.",
    ),
    Key(
        "log_level", Config.log_level, values.one_of(*_LEVELS), "debug, info, warning or error",
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
    given: dict[str, Any] = {}
    origins = dict.fromkeys(BY_NAME, "default")
    layers: tuple[tuple[str, dict[str, Any]], ...] = (
        (FILE_NAME, _from_file(data / FILE_NAME)),
        ("environment", _from_environment(environ)),
        ("switch", dict(switches)),
    )
    for origin, layer in layers:
        for name, value in layer.items():
            given[name] = _parse(name, value, origin)
            origins[name] = origin
    return Loaded(Config(**given), origins)


def _parse(name: str, value: Any, origin: str) -> Any:
    key = BY_NAME.get(name)
    if key is None:
        raise UsageError(f"{origin}: unknown key {name!r}{suggestion(name, BY_NAME)}")
    try:
        return key.parse(value)
    except values.Bad:
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
