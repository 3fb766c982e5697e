"""Refusals as problem details (RFC 9457)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated

from davshare.api.schema import Says
from davshare.errors import DavshareError, Expired, Unprocessable
from davshare.http.responses import REASONS, Response

#: Kinds of problems that a program has to tell from others with the same status.
TYPES: dict[type[DavshareError], str] = {Expired: "urn:davshare:problem:begin-anew"}
MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong."""

    type: Annotated[str, Says("What kind of problem it is; about:blank: what the status says.")]
    title: Annotated[str, Says("The status in words.")]
    status: Annotated[int, Says("The status of the answer.", 400, 599)]
    detail: Annotated[str, Says("What is wrong, for people; never a part of the request.")]
    field: Annotated[str, Says("Where in the body or query it is wrong, such as members[0].role.")] = ""


def response(error: DavshareError, method: str) -> Response:
    """The answer to a request that was refused."""
    told = {
        "type": TYPES.get(type(error), "about:blank"),
        "title": REASONS.get(error.status, "Error"),
        "status": error.status,
        "detail": error.message,
    }
    if isinstance(error, Unprocessable):
        told["field"] = error.field
    headers = [*error.headers, ("Cache-Control", "no-store"), ("Content-Type", MEDIA_TYPE)]
    headers.append(("X-Content-Type-Options", "nosniff"))
    return Response(error.status, headers, b"" if method == "HEAD" else json.dumps(told).encode(), error.close)
