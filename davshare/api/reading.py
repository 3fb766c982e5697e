"""Bodies and queries become models; what does not fit is refused by the name of its field, never by its value."""

from __future__ import annotations

import json
import re
import typing
from datetime import UTC, datetime
from typing import Any, Literal, NoReturn
from urllib.parse import parse_qsl

from davshare.api import schema
from davshare.api.schema import SILENT, Field, Says
from davshare.errors import BadRequest, Unprocessable, UnsupportedMediaType
from davshare.http import content
from davshare.http.request import Request

_JSON = ("application/json", "application/merge-patch+json")
_UNSPEAKABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]").search
_WHOLE = re.compile(r"-?[0-9]{1,19}\Z").match
_TRUTH = {"true": True, "1": True, "false": False, "0": False}
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


def body(request: Request, kind: Any) -> Any:
    """The body as a model; None when the route takes none.

    :raises UnsupportedMediaType: it is not JSON.
    :raises BadRequest: it is malformed, or the route takes none.
    :raises TooLarge: it is longer than :data:`davshare.http.content.LIMIT`.
    :raises Unprocessable: a field does not fit.
    """
    if kind is None:
        if request.body.length != 0 and content.read_all(request.body):
            raise BadRequest("This request takes no body.")
        return None
    kind_sent, charset = content.media_type(request.headers.get("content-type"))
    if kind_sent not in _JSON or charset not in ("", "utf-8", "utf8"):
        raise UnsupportedMediaType("The body has to be application/json in UTF-8.")
    data = content.read_all(request.body)
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadRequest("The body is not well-formed JSON in UTF-8.") from None
    return read(kind, value)


def query(text: str, kind: type | None) -> Any:
    """The query of a URL as a model; None when the route has none.

    :raises BadRequest: it is malformed, or holds something that the route does not know.
    :raises Unprocessable: a value does not fit.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=50)
    except ValueError:
        raise BadRequest("The query is malformed.") from None
    values = dict(pairs)
    if len(values) != len(pairs):
        raise BadRequest("The query says something twice.")
    if kind is None:
        if values:
            raise BadRequest("This address takes no query.")
        return None
    found: dict[str, Any] = {}
    for field in schema.fields(kind):
        if field.name in values:
            found[field.name] = _from_text(field, values.pop(field.name))
    if values:
        raise BadRequest("The query holds a name that is not known here.")
    return read(kind, found)


def _from_text(field: Field, text: str) -> Any:
    if int in field.kinds and _WHOLE(text):
        return int(text)
    if bool in field.kinds:
        return _TRUTH.get(text.lower(), text)
    return text


def read(kind: Any, value: Any, says: Says = SILENT, at: str = "") -> Any:
    """A value of JSON as one of a type.

    :param at: where in the body it stands.
    :raises Unprocessable: it is not one.
    """
    if schema.is_model(kind):
        return _model(kind, value, at)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        if value not in arguments or not isinstance(value, str):
            _refuse(at, f"expected one of {', '.join(arguments)}")
        return value
    if origin is list:
        return _list(arguments[0], value, says, at)
    if kind is datetime:
        return _moment(value, at)
    if kind in (str, int, bool):
        return _scalar(kind, value, says, at)
    return kind.read(value)


def _model(kind: Any, value: Any, at: str) -> Any:
    if not isinstance(value, dict):
        _refuse(at, "expected an object")
    given = dict(value)
    found: dict[str, Any] = {}
    for field in schema.fields(kind):
        here = f"{at}.{field.name}" if at else field.name
        if field.name in given:
            found[field.name] = _field(field, given.pop(field.name), here)
        elif field.required:
            _refuse(here, "is missing")
    if given:
        # The name itself is what was sent, so it is not repeated.
        known = ", ".join(field.name for field in schema.fields(kind))
        _refuse(at, f"holds a field that is not known; there are {known}")
    return kind(**found)


def _field(field: Field, value: Any, at: str) -> Any:
    if value is None:
        if not field.nullable:
            _refuse(at, "may not be null")
        return None
    return read(field.kinds[0], value, field.says, at)


def _list(inner: Any, value: Any, says: Says, at: str) -> list[Any]:
    most = schema.MANY if says.most is None else says.most
    if not isinstance(value, list):
        _refuse(at, "expected a list")
    if len(value) > most or len(value) < (says.least or 0):
        _refuse(at, f"expected {says.least or 0} to {most} entries")
    (kind, *_), note = schema.taken_apart(inner)
    return [read(kind, each, note, f"{at}[{index}]") for index, each in enumerate(value)]


def _scalar(kind: Any, value: Any, says: Says, at: str) -> Any:
    if kind is bool:
        if not isinstance(value, bool):
            _refuse(at, "expected true or false")
        return value
    if kind is int:
        least, most = says.least, schema.MOST if says.most is None else says.most
        if not isinstance(value, int) or isinstance(value, bool):
            _refuse(at, "expected a whole number")
        if value > most or value < (-schema.MOST if least is None else least):
            _refuse(at, f"expected a whole number from {'any' if least is None else least} to {most}")
        return value
    if not isinstance(value, str):
        _refuse(at, "expected a text")
    most = schema.LONGEST if says.most is None else says.most
    if not (says.least or 0) <= len(value) <= most:
        _refuse(at, f"expected {says.least or 0} to {most} characters")
    if _UNSPEAKABLE(value):
        _refuse(at, "holds a character that no text can hold")
    return value


def _moment(value: Any, at: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        _refuse(at, "expected a time such as 2030-12-31T12:00:00Z")
    if moment < _EARLIEST:
        _refuse(at, "expected a time after 1970")
    return moment


def _refuse(at: str, message: str) -> NoReturn:
    where = at or "body"
    raise Unprocessable(where, f"{where}: {message}.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError
