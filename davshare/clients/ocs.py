"""Envelopes of the Open Collaboration Services: what a call answers, as XML or JSON, in both versions.

Version 1 always answers with HTTP 200 (401 for code 997) and says 100 when all
is well; version 2 says 200 then, and the HTTP status follows the code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from davshare.http.responses import Response

#: Codes that mean the same in every call.
FINE, SERVER_ERROR, UNAUTHORISED, NOT_FOUND, UNKNOWN_ERROR = 100, 996, 997, 998, 999
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_HEAD = '<?xml version="1.0"?>\n'


class Result(NamedTuple):
    """What a call has to say: data, a code of version 1, and a sentence."""

    data: Any = None
    code: int = FINE
    message: str | None = None


class YesNo:
    """A truth value that is one in JSON, as Nextcloud's programs want it, and a word in XML, as ownCloud's do."""

    def __init__(self, value: bool) -> None:
        self._value = value

    def __bool__(self) -> bool:
        return self._value

    def __str__(self) -> str:
        return "true" if self._value else "false"


class Refused(Exception):
    """A call refuses, with a code of version 1."""

    def __init__(self, code: int, message: str = "") -> None:
        self.code = code
        self.message = message
        super().__init__(message)


def http_status(code: int, version: int) -> int:
    """The HTTP status for a code of version 1."""
    if code == UNAUTHORISED:
        return 401
    if version == 1:
        return 200
    return 200 if code == FINE else code_in_2(code)


def code_in_2(code: int) -> int:
    """The code of version 2 for one of version 1."""
    match code:
        case 100:
            return 200
        case 997:
            return UNAUTHORISED
        case 998:
            return 404
        case 996 | 999:
            return 500
    return code if 200 <= code < 600 else 400


def respond(result: Result, version: int, as_json: bool, status: int | None = None) -> Response:
    """The answer.

    :param status: the HTTP status where it is another one than the code says.
    """
    code = result.code if version == 1 else code_in_2(result.code)
    fine = result.code in (FINE, 200)
    message = result.message if result.message is not None else ("OK" if fine else "")
    data = [] if result.data is None else result.data
    meta = {
        "status": "ok" if fine else "failure",
        "statuscode": code,
        "message": message,
        "totalitems": "",
        "itemsperpage": "",
    }
    envelope = {"ocs": {"meta": meta, "data": data}}
    if as_json:
        body, kind = json.dumps(envelope, ensure_ascii=True, default=_plain), "application/json; charset=utf-8"
    else:
        body, kind = _HEAD + _xml(envelope) + "\n", "application/xml; charset=utf-8"
    headers = [("Content-Type", kind), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
    return Response(status or http_status(result.code, version), headers, body.encode())


def _plain(value: object) -> bool:
    """What JSON has no form for by itself.

    :raises TypeError: it is something else.
    """
    if isinstance(value, YesNo):
        return bool(value)
    raise TypeError(f"{type(value).__name__} cannot be told")


def _xml(value: Any) -> str:
    """A value as the content of an element; entries of a list become ``element``."""
    if isinstance(value, Mapping):
        return "".join(_element(name, each) for name, each in value.items())
    if isinstance(value, list | tuple):
        return "".join(_element("element", each) for each in value)
    if value is None or value is False:
        return ""
    if value is True:
        return "1"
    return escape(_UNSAFE.sub("\ufffd", str(value)))


def _element(name: str, value: Any) -> str:
    inside = _xml(value)
    return f"<{name}>{inside}</{name}>" if inside else f"<{name}/>"
