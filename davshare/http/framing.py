"""The rules that decide where a request begins and ends, one function each (RFC 9112).

Being strict here is what keeps two servers in a row from disagreeing about
the borders of a request (request smuggling).  Every function raises
:class:`davshare.errors.FramingError`; its text never repeats what was sent.
"""

from __future__ import annotations

import re
from functools import lru_cache

from davshare.errors import FramingError

#: The longest body that can be announced (a signed 64-bit count of bytes).
LENGTH_LIMIT = 2**63 - 1

#: The longest request target, in characters.
TARGET_LIMIT = 16 * 1024

#: Fields whose repetition is refused: two values would let two readers see two requests.
SINGLE = frozenset(
    {
        "authorization",
        "content-length",
        "content-range",
        "content-type",
        "depth",
        "destination",
        "expect",
        "host",
        "if",
        "if-modified-since",
        "if-range",
        "if-unmodified-since",
        "lock-token",
        "overwrite",
        "range",
        "timeout",
        "transfer-encoding",
    }
)

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CODINGS = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+([ \t]*,[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+)*")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~]+)(?::([0-9]{0,5}))?")
_ABSOLUTE = re.compile(r"(https?)://([^/?]*)(.*)", re.IGNORECASE)
_VERSION = re.compile(r"HTTP/([0-9])\.([0-9])")


def is_token(text: str) -> bool:
    """Whether ``text`` is a token (RFC 9110 section 5.6.2)."""
    return _TOKEN.fullmatch(text) is not None


@lru_cache(maxsize=512)
def is_host(text: str) -> bool:
    """Whether ``text`` is a host with an optional port, as in Host (RFC 9110 section 7.2).

    Escapes and punctuation, which the grammar allows and no name uses, are
    refused: a comma in it is two hosts joined by somebody in between.
    """
    found = _HOST.fullmatch(text) if len(text) <= 512 else None
    return found is not None and int(found[1] or 0) <= 65535


def field_name(raw: str) -> str:
    """The lower-case field name, if it is one (RFC 9112 section 5.1)."""
    if is_token(raw):
        return raw.lower()
    if raw[:1] in (" ", "\t"):
        raise FramingError("Folded header lines are not accepted.")
    if raw[-1:] in (" ", "\t"):
        raise FramingError("There is white space between a header name and its colon.")
    raise FramingError("A header name is empty or holds characters that are not allowed.")


def join_values(name: str, first: str, second: str) -> str:
    """The value of a field that came twice, where a list is allowed (RFC 9110 section 5.3)."""
    if name in SINGLE:
        raise FramingError("A header that may come only once came twice.")
    return f"{first}; {second}" if name == "cookie" else f"{first}, {second}"


def http_version(text: str) -> tuple[int, int]:
    """Major and minor version; a later 1.x counts as 1.1 (RFC 9110 section 2.5)."""
    found = _VERSION.fullmatch(text)
    if found is None:
        raise FramingError("The request line does not end in a protocol version.")
    if found[1] != "1":
        raise FramingError("Only HTTP/1.0 and HTTP/1.1 are spoken here.", 505)
    return (1, min(int(found[2]), 1))


def split_target(method: str, target: str) -> tuple[str, str, str, str]:
    """``(path, query, host, scheme)``; the last two only from an absolute target (RFC 9112 section 3.2)."""
    if len(target) > TARGET_LIMIT:
        raise FramingError("The request target is too long.", 414)
    if "#" in target:
        raise FramingError("A request target has no fragment.")
    if target[0] == "/":
        path, _, query = target.partition("?")
        return path, query, "", ""
    if method == "CONNECT":
        raise FramingError("This server is not a tunnel.", 501)
    if target == "*":
        if method != "OPTIONS":
            raise FramingError("Only OPTIONS may ask about the whole server.")
        return "*", "", "", ""
    found = _ABSOLUTE.fullmatch(target)
    if found is None or not is_host(found[2]):
        raise FramingError("The request target is neither a path nor a URL of this server.")
    path, _, query = found[3].partition("?")
    return path or ("*" if method == "OPTIONS" else "/"), query, found[2], found[1].lower()


def body_length(version: tuple[int, int], headers: dict[str, str]) -> int | None:
    """The announced length of the body, None for a chunked one (RFC 9112 section 6)."""
    length = headers.get("content-length")
    coding = headers.get("transfer-encoding")
    if coding is not None:
        if version < (1, 1):
            raise FramingError("HTTP/1.0 has no Transfer-Encoding.")
        if length is not None:
            raise FramingError("Content-Length and Transfer-Encoding exclude each other.")
        if coding.lower() == "chunked":
            return None
        known = [word.strip().lower() for word in coding.split(",")]
        if _CODINGS.fullmatch(coding) and known.count("chunked") == (known[-1] == "chunked"):
            raise FramingError("The only transfer coding known here is chunked.", 501)
        raise FramingError("The Transfer-Encoding is malformed.")
    if length is None:
        return 0
    if not (length.isascii() and length.isdigit()):
        raise FramingError("Content-Length is not a number.")
    if len(length) > 19 or int(length) > LENGTH_LIMIT:
        raise FramingError("Content-Length is beyond every limit.", 413)
    return int(length)


def keeps_alive(version: tuple[int, int], connection: str | None) -> bool:
    """Whether the client wants to go on after the answer (RFC 9112 section 9.3)."""
    if connection is None:
        return version >= (1, 1)
    options = {word.strip().lower() for word in connection.split(",")}
    if "close" in options:
        return False
    return version >= (1, 1) or "keep-alive" in options


def awaits_continue(version: tuple[int, int], expect: str | None) -> bool:
    """Whether the client waits for ``100 Continue`` (RFC 9110 section 10.1.1)."""
    if expect is None:
        return False
    if expect.lower() != "100-continue":
        raise FramingError("The only expectation known here is 100-continue.", 417)
    return version >= (1, 1)
