"""Names and paths: decoded once, judged once, quoted in one way.

Webdav.md section 1.1, RFC 3986 section 2, RFC 4918 section 8.3.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from urllib.parse import quote, unquote_to_bytes

from davshare.errors import BadRequest, Conflict, Forbidden

#: Our own folder in the root of every space.
PRIVATE = ".davshare"
#: Longest name in bytes that common filesystems hold.
LONGEST = 255

_PLAIN = re.compile(r"[A-Za-z0-9\-._~/!$()*+,;=:@]*\Z").match
_PLAIN_SEGMENT = re.compile(r"[A-Za-z0-9\-._~!$()*+,;=:@]*\Z").match
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})").search
_CONTROL = re.compile(r"[\x00-\x1f\x7f]").search
_SAFE = "-._~!$()*+,;=:@"


def split(path: str) -> tuple[tuple[str, ...], bool]:
    """Decode an absolute, percent-encoded path.

    :returns: its segments, and whether it ended in a slash.  Empty segments
        count for nothing.
    :raises BadRequest: it cannot be decoded, or holds a segment that no name can be.
    """
    if not path.startswith("/"):
        raise BadRequest("The path must begin with a slash.")
    if _PLAIN(path):
        segments = tuple([part for part in path.split("/") if part])
    else:
        segments = tuple([_decode(part) for part in path.split("/") if part])
    for segment in segments:
        if segment[0] == "." and segment in (".", ".."):
            raise BadRequest("The path holds a dot segment.")
        if len(segment) > LONGEST // 4 and len(segment.encode()) > LONGEST:
            raise BadRequest("A name in the path is longer than 255 bytes.")
    return segments, path.endswith("/")


def _decode(part: str) -> str:
    if _BAD_ESCAPE(part) or not part.isascii():
        raise BadRequest("The path is not correctly percent-encoded.")
    try:
        segment = unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        raise BadRequest("The path is not valid UTF-8.") from None
    if "/" in segment or _CONTROL(segment):
        raise BadRequest("The path holds a character that no name can hold.")
    if "\\" in segment and not {".", "..", ""}.isdisjoint(segment.split("\\")):
        raise BadRequest("The path holds a dot segment.")
    return segment


def check_new(name: str, at_root: bool) -> None:
    """Judge a name that is about to come into being.

    :param at_root: it will stand directly in the root of a space.
    :raises Forbidden: it is ours.
    :raises BadRequest: clients of some system would take it for a path.
    """
    if at_root and is_private(name):
        raise Forbidden("This name is reserved.")
    if "\\" in name:
        raise BadRequest("A name may not hold a backslash.")


def is_name(name: str) -> bool:
    """Whether something on disk has a name that a URL of ours can hold."""
    return bool(name) and not _CONTROL(name) and "\\" not in name


def is_private(name: str) -> bool:
    """Whether a name in a space's root is, on any filesystem, our own folder."""
    return len(name) == len(PRIVATE) and name.casefold() == PRIVATE


def key(name: str) -> str:
    """The form under which names are compared (NFC)."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def spelling(name: str) -> str | None:
    """What has to be kept beside :func:`key` to give the name back as it came."""
    return None if name.isascii() or key(name) == name else name


def twin() -> Conflict:
    """The refusal of a name that differs from a present one only by normalisation."""
    return Conflict("A name that differs only in its Unicode normalisation is already here.")


def quoted(name: str) -> str:
    """One segment, percent-encoded for hrefs; needs no escaping in XML."""
    return name if _PLAIN_SEGMENT(name) else quote(name, safe=_SAFE)


def href(segments: Sequence[str], folder: bool) -> str:
    """The path of an href: quoted, folders with a slash at the end."""
    path = "/".join([quoted(segment) for segment in segments])
    return f"/{path}/" if folder and path else f"/{path}"


_ACCOUNT = re.compile(r"[^\W_][\w.@+\- ']{0,63}\Z").match


def check_account(name: str) -> None:
    """Judge the name of a user, group or space: it becomes a folder and a URL segment.

    :raises BadRequest: it is empty, too long, or holds characters that are not
        letters, digits or one of ``. _ @ + - '`` and space.
    """
    if not _ACCOUNT(name) or name != key(name) or name.endswith((" ", ".")) or len(name.encode()) > 128:
        raise BadRequest("A name is 1 to 64 letters, digits and . _ @ + - ' in it, and begins with a letter or digit.")
