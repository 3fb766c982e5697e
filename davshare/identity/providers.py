"""The OpenID providers that the configuration names, in a TOML file of their own.

From the table :data:`FIELDS` come the parser and the table of the handbook, as
with :mod:`davshare.config`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from davshare.config import suggestion, toml
from davshare.errors import UsageError
from davshare.identity import outbound
from davshare.model.values import Bad, to_bool

#: What python-jose can verify with a public key; never a shared secret, never nothing.
ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
DOMESTIC, REMOTE = "domestic", "remote"
_MOST = 20
_LARGEST = 1 << 20


class Provider(NamedTuple):
    """One OpenID provider; see :data:`FIELDS` for what each attribute means."""

    issuer: str
    client_id: str
    name: str
    client_secret: str
    client_secret_file: str
    audience: tuple[str, ...]
    accept_azp: bool
    algorithms: tuple[str, ...]
    scopes: tuple[str, ...]
    username_claim: str
    groups_claim: str
    group_prefix: str
    accounts: str
    guests: bool
    auto_create: bool
    link_by_email: bool
    allow_private: bool
    allow_http: bool

    @property
    def host(self) -> str:
        """The host of the issuer; the names of accounts of a remote one end in it."""
        return urlsplit(self.issuer).hostname or ""

    @property
    def label(self) -> str:
        """What people read on its button."""
        return self.name or self.host

    @property
    def reach(self) -> outbound.Reach:
        """Where requests on its behalf may go."""
        return outbound.Reach(self.allow_private, self.allow_http)


class Field(NamedTuple):
    """One key of a provider; without a default it is required."""

    name: str
    default: Any
    parse: Callable[[Any], Any]
    expects: str
    doc: str


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > 2048:
        raise Bad
    return value.strip()


def _some(value: Any) -> str:
    if not _text(value):
        raise Bad
    return _text(value)


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise Bad
    return tuple(_some(each) for each in value)


def _algorithms(value: Any) -> tuple[str, ...]:
    found = _words(value)
    if not found or not set(found) <= set(ALGORITHMS):
        raise Bad
    return found


def _kind(value: Any) -> str:
    if value not in (DOMESTIC, REMOTE):
        raise Bad
    return str(value)


FIELDS: tuple[Field, ...] = (
    Field("issuer", None, _some, "the address of the issuer", "The issuer, spelled exactly as in its tokens."),
    Field("client_id", None, _some, "a text", "What the provider knows this server as."),
    Field("name", "", _text, "a text", "What people read on the button; empty: the host of the issuer."),
    Field("client_secret", "", _text, "a text", "The secret of the client; empty for a public one."),
    Field("client_secret_file", "", _text, "a path", "A file with the secret, relative to the data folder."),
    Field("audience", (), _words, "a list of texts", "What `aud` of access tokens may hold; empty: `client_id`."),
    Field("accept_azp", False, to_bool, "true or false", "Take `azp` and `client_id` of access tokens for `aud` too."),
    Field(
        "algorithms", ("RS256", "ES256"), _algorithms, "a list of " + ", ".join(ALGORITHMS),
        "Algorithms of signatures that are taken.",
    ),
    Field("scopes", ("openid", "profile", "email"), _words, "a list of texts", "What a sign-in asks the provider for."),
    Field("username_claim", "preferred_username", _some, "a text", "The claim that new accounts get their name from."),
    Field("groups_claim", "", _text, "a text", "The claim with the names of groups; empty: groups are kept here only."),
    Field("group_prefix", "", _text, "a text", "What stands before the names of its groups here."),
    Field(
        "accounts", DOMESTIC, _kind, "domestic or remote",
        "domestic: new accounts are called as at the provider; remote: they end in `@` and the host of the issuer.",
    ),
    Field("guests", False, to_bool, "true or false", "New accounts are those of guests, with a read-only home."),
    Field("auto_create", False, to_bool, "true or false", "Make an account for whoever has none yet."),
    Field(
        "link_by_email", False, to_bool, "true or false",
        "Let an e-mail address that the provider has verified find the one account with this address.",
    ),
    Field("allow_private", False, to_bool, "true or false", "The provider may be in a private network."),
    Field("allow_http", False, to_bool, "true or false", "The provider may be on this machine, without HTTPS."),
)  # fmt: skip


def load(data: Path, name: str) -> tuple[Provider, ...]:
    """The providers in a file; none when there is no name.

    :param name: of the file, relative to the data folder.
    :raises UsageError: the file cannot be read, or something in it makes no sense.
    """
    if not name:
        return ()
    tables = _tables(data / name, name)
    found = tuple(_provider(data, name, number, table) for number, table in enumerate(tables, 1))
    if len({provider.issuer for provider in found}) < len(found):
        raise UsageError(f"{name}: an issuer is named twice")
    return found


def _tables(path: Path, name: str) -> list[Mapping[str, Any]]:
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"{name} is too large")
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{name} is not valid TOML: {error}") from None
    tables = content.pop("provider", [])
    if content or not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError(f"{name}: expected [[provider]] tables and nothing else")
    if len(tables) > _MOST:
        raise UsageError(f"{name}: expected {_MOST} providers at most")
    return tables


def _provider(data: Path, name: str, number: int, table: Mapping[str, Any]) -> Provider:
    where = f"{name}: provider {number}"
    known = {field.name: field for field in FIELDS}
    for key in table:
        if key not in known:
            raise UsageError(f"{where}: unknown key {key!r}{suggestion(key, known)}")
    values = {}
    for field in FIELDS:
        try:
            values[field.name] = field.parse(table[field.name]) if field.name in table else field.default
        except Bad:
            raise UsageError(f"{where}: {field.name}: expected {field.expects}") from None
        if values[field.name] is None:
            raise UsageError(f"{where}: {field.name} is missing")
    return _completed(data, where, Provider(**values))


def _completed(data: Path, where: str, found: Provider) -> Provider:
    """What fields say about each other; the secret is read from its file."""
    if not outbound.is_url(found.issuer, found.allow_http) or "?" in found.issuer:
        raise UsageError(f"{where}: issuer: expected https://, a host, perhaps a port and a path")
    if "openid" not in found.scopes:
        raise UsageError(f"{where}: scopes: expected openid among them")
    if found.accounts == REMOTE and found.groups_claim and not found.group_prefix:
        raise UsageError(f"{where}: group_prefix is missing: groups of others could be taken for ours")
    if found.client_secret_file:
        if found.client_secret:
            raise UsageError(f"{where}: expected client_secret or client_secret_file")
        try:
            secret = (data / found.client_secret_file).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise UsageError(f"{where}: client_secret_file cannot be read") from None
        if not secret:
            raise UsageError(f"{where}: client_secret_file is empty")
        found = found._replace(client_secret=secret)
    return found._replace(audience=found.audience or (found.client_id,))


def markdown() -> str:
    """The table of the handbook."""
    lines = ["| key | default | meaning |", "| --- | --- | --- |"]
    for field in FIELDS:
        default = "" if field.default is None else f"`{toml(field.default)}`"
        lines.append(f"| `{field.name}` | {default} | {field.doc} |")
    return "\n".join(lines)
