"""What a call is told: in the query, in a form, or in JSON, all of it together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from davshare.errors import BadRequest, UnsupportedMediaType
from davshare.http import content
from davshare.http.request import Request

_MOST = 1000
#: What no database holds: half a character, and the escape that stands for a zero byte.
_UNSPEAKABLE = re.compile(r"[\ud800-\udfff]|\\u0000").search
_FORM = ("", "application/x-www-form-urlencoded")


class Arguments:
    """Arguments by name; what the body says goes before what the query says.

    Names such as ``groups[]`` and ``groups[0]`` make lists.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        """Keep them.

        :raises BadRequest: a text holds what no text can.
        """
        if _UNSPEAKABLE(json.dumps(values, ensure_ascii=False)):
            raise BadRequest("An argument holds a character that no text can hold.")
        self._values = values

    def text(self, name: str) -> str | None:
        """One argument as text; None when it was not given, or is no single value."""
        value = self._values.get(name)
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value) if isinstance(value, str | int | float) else None

    def texts(self, name: str) -> list[str] | None:
        """A list; None when no list was given."""
        value = self._values.get(name)
        if not isinstance(value, list):
            return None
        return [str(each) for each in value if isinstance(each, str | int)]

    def whole(self, name: str, otherwise: int) -> int:
        """A number that is not negative; ``otherwise`` where none was given."""
        value = self.text(name) or ""
        return int(value) if value.isascii() and value.isdecimal() and len(value) < 10 else otherwise


def read(request: Request) -> Arguments:
    """The arguments of a request.

    :raises BadRequest: they cannot be read.
    :raises UnsupportedMediaType: the body is of another kind.
    :raises TooLarge: it is too long.
    """
    values = _listed(_pairs(request.query))
    kind, _ = content.media_type(request.headers.get("content-type"))
    if request.method in ("GET", "HEAD") or request.body.length == 0:
        return Arguments(values)
    data = content.read_all(request.body)
    if not data:
        return Arguments(values)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise BadRequest("The body is not valid UTF-8.") from None
    if kind in _FORM:
        values.update(_listed(_pairs(text)))
    elif kind == "application/json":
        values.update(_object(text))
    else:
        raise UnsupportedMediaType
    return Arguments(values)


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=_MOST)
    except ValueError:
        raise BadRequest("The arguments are malformed.") from None


def _listed(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        plain, bracket, _ = name.partition("[")
        if not bracket:
            found[name] = value
        elif isinstance(found.get(plain), list):
            found[plain].append(value)
        else:
            found[plain] = [value]
    return found


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise BadRequest("The body is not well-formed JSON.") from None
    if not isinstance(value, dict):
        raise BadRequest("The body is not an object.")
    return value
