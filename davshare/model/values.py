"""Values of the configuration, from what TOML, the environment or a switch gives."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any


class Bad(Exception):
    """A value does not fit; the text says what is expected."""


_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


def to_bool(value: Any) -> bool:
    """Yes or no, as people write it."""
    word = str(value).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Bad


def whole(least: int, most: int) -> Callable[[Any], int]:
    """A whole number within limits."""

    def parse(value: Any) -> int:
        try:
            number = value if isinstance(value, int) else int(str(value).strip())
        except ValueError:
            raise Bad from None
        if isinstance(value, bool) or not least <= number <= most:
            raise Bad
        return number

    return parse


def one_of(*words: str) -> Callable[[Any], str]:
    """One of some words, in lower case."""

    def parse(value: Any) -> str:
        if not isinstance(value, str) or value.strip().lower() not in words:
            raise Bad
        return value.strip().lower()

    return parse


_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.%a-z]+\]|[^\s:\[\]/@]+):(\d{1,5})\Z").match


def address(value: Any) -> str:
    """Host and port to listen on."""
    match = _ADDRESS(value.strip()) if isinstance(value, str) else None
    if match is None or int(match[2]) > 65535:
        raise Bad
    return match[0]


_URL = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.\-]+)(:\d{1,5})?\Z").match


def url(value: Any) -> str:
    """Scheme and host, without a final slash; or nothing."""
    if not isinstance(value, str):
        raise Bad
    url = value.strip().rstrip("/")
    if url and not _URL(url):
        raise Bad
    return url


def words(value: Any) -> tuple[str, ...]:
    """A list, or words with commas between them."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise Bad
    return tuple(part.strip() for part in parts if part.strip())


def networks(value: Any) -> tuple[str, ...]:
    """Addresses and networks in CIDR notation."""
    from ipaddress import ip_network

    found = words(value)
    try:
        for each in found:
            ip_network(each, strict=False)
    except ValueError:
        raise Bad from None
    return found


_DATABASE = re.compile(r"postgres(ql)?://[^\s\0]*\Z").match


def database(value: Any) -> str:
    """The URL of a PostgreSQL database, or nothing."""
    if not isinstance(value, str) or (value.strip() and not _DATABASE(value.strip())):
        raise Bad
    return value.strip()


def text(form: Callable[[str], Any] = str) -> Callable[[Any], str]:
    """A line of text of a form, or nothing."""

    def parse(value: Any) -> str:
        if not isinstance(value, str) or not value.isprintable() or (value.strip() and not form(value.strip())):
            raise Bad
        return value.strip()

    return parse


#: Any text in one line.
line = text()
#: The URL of an LDAP directory.
directory = text(re.compile(r"ldaps?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.\-]+)(:\d{1,5})?/?\Z").match)
#: A filter of LDAP, in parentheses (RFC 4515).
query = text(re.compile(r"(\(.+\))?\Z").match)
#: The name of an attribute (RFC 4512 section 1.4).
attribute = text(re.compile(r"[A-Za-z][A-Za-z0-9\-]*\Z").match)
#: An e-mail address without a name and without quoted parts (RFC 5321 section 4.1.2).
mailbox = text(re.compile(r"[^\s@<>()\[\]\\,;:\"]{1,64}@[^\s@<>()\[\]\\,;:\"]{1,190}\Z").match)


def shown(value: Any) -> Any:
    """A value as people may see it: a URL without its password."""
    if not isinstance(value, str) or "://" not in value:
        return value
    return re.sub(r"(?i)(password=)[^&#]*", r"\1***", re.sub(r"(://[^/?#:]*:).*@", r"\1***@", value))
