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
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNPORTABLE = re.compile(r'[<>:"|?*\\\x00-\x1f]')
_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"] + [port + n for port in ("COM", "LPT") for n in "123456789¹²³"]
)
_LONGEST_DEVICE = max(map(len, _DEVICES)) + 1
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


def is_plain(segment: str) -> bool:
    """Whether a segment of an encoded path is a name just as it stands."""
    return _PLAIN_SEGMENT(segment) is not None


def _decode(part: str) -> str:
    if _BAD_ESCAPE(part) or not part.isascii():
        raise BadRequest("The path is not correctly percent-encoded.")
    try:
        segment = unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        raise BadRequest("The path is not valid UTF-8.") from None
    if "/" in segment or _CONTROL.search(segment):
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


def check_portable(name: str) -> None:
    """Judge a name that Windows and macOS shall be able to hold as well.

    Windows: Naming Files, Paths, and Namespaces (learn.microsoft.com/windows/win32/fileio/naming-a-file).

    :raises Forbidden: they cannot; the message says why.
    """
    if _UNPORTABLE.search(name):
        raise Forbidden('Names in this space may not hold any of < > : " | ? * \\ or control characters.')
    if name.endswith((".", " ")):
        raise Forbidden("Names in this space may not end in a dot or a space.")
    if name.partition(".")[0].rstrip(" ").upper() in _DEVICES:
        raise Forbidden("This name is one of a device on Windows.")
    if len(name.encode("utf-16-le")) > 2 * LONGEST:
        raise Forbidden("Names in this space may not be longer than 255 UTF-16 units.")


def tidied(text: str) -> str:
    """A name made of what somebody suggested: without what no name can hold, and not too long; perhaps empty."""
    text = _CONTROL.sub("", text).strip()
    if text in (".", "..") or "/" in text or "\\" in text:
        return ""
    return shortened(*stem_and_ending(text))


def stem_and_ending(name: str) -> tuple[str, str]:
    """``report.txt`` as ``report`` and ``.txt``; the ending is empty where there is none."""
    stem, dot, ending = name.rpartition(".")
    return (stem, dot + ending) if stem and 0 < len(ending) <= 16 else (name, "")


def shortened(stem: str, ending: str) -> str:
    """Both together, with as much of the stem as fits into a name."""
    while len((stem + ending).encode()) > LONGEST:
        stem = stem[:-1]
    return stem + ending


def numbered(name: str, number: int) -> str:
    """``report.txt``, then ``report (2).txt`` and so on."""
    if number < 2:
        return name
    stem, ending = stem_and_ending(name)
    return shortened(stem, f" ({number}){ending}")


def portable(name: str) -> str:
    """The name, or one as close to it as every system can hold (see :func:`check_portable`)."""
    if _UNPORTABLE.search(name):
        name = _UNPORTABLE.sub("_", name)
    if name[-1:] in (".", " "):
        bare = name.rstrip(". ")
        name = bare + "_" * (len(name) - len(bare))
    stem, dot, ending = name.partition(".")
    if len(stem) <= _LONGEST_DEVICE and stem.rstrip(" ").upper() in _DEVICES:
        name = shortened(stem.rstrip(" ") + "_", dot + ending)
    return name


def apart(siblings: Sequence[str]) -> list[str]:
    """Names for the members of one folder that every system can hold beside each other; in the same order.

    What can keep its name does, and of several that differ in case only the first.
    """
    found = [portable(name) for name in siblings]
    taken: set[str] = set()
    again: list[int] = []
    for index, (name, old) in enumerate(zip(found, siblings, strict=True)):
        form = folded(name)
        if name != old or form in taken:
            again.append(index)
        else:
            taken.add(form)
    numbers: dict[str, int] = {}
    for index in again:
        form = folded(found[index])
        number, name = numbers.get(form, 1), numbered(found[index], numbers.get(form, 1))
        while folded(name) in taken:
            number += 1
            name = numbered(found[index], number)
        numbers[form] = number
        taken.add(folded(name))
        found[index] = name
    return found


def folded(name: str) -> str:
    """The form under which names are the same where case does not count."""
    return unicodedata.normalize("NFC", name.casefold())


def is_of_macos(name: str) -> bool:
    """Whether it is a file that macOS puts beside others: ``._NAME`` or ``.DS_Store``."""
    return name == ".DS_Store" or (name.startswith("._") and len(name) > 2)


def is_name(name: str) -> bool:
    """Whether something on disk has a name that a URL of ours can hold."""
    return bool(name) and not _CONTROL.search(name) and "\\" not in name


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
