"""A client of ``/api/v1`` that holds every answer against the OpenAPI document of the server."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema

from davshare.api import openapi
from davshare.api.call import BASE
from davshare.http.routes import matched, parts
from support.raw import basic
from support.server import Server

PROBLEM = "application/problem+json"
STREAM = "text/event-stream"
#: A feed (RFC 4287).
ATOM = "application/atom+xml"


class Reply:
    """Status, headers and the JSON of one answer."""

    def __init__(self, request: str, status: int, headers: http.client.HTTPMessage, body: bytes) -> None:
        self.request = request
        self.status = status
        self.headers = headers
        self.body = body

    def __repr__(self) -> str:
        return f"<{self.request} -> {self.status} {self.body[:500]!r}>"

    @property
    def json(self) -> Any:
        """What the body says."""
        return json.loads(self.body)

    def ok(self, status: int = 200) -> Any:
        """The JSON (None for 204), after checking the status."""
        assert self.status == status, repr(self)
        return self.json if self.body else None

    def refused(self, status: int, field: str | None = None, kind: str = "about:blank") -> Any:
        """The problem, after checking status, form and field (RFC 9457)."""
        assert self.status == status, repr(self)
        assert self.headers["Content-Type"] == PROBLEM
        told = self.json
        assert told["status"] == status and told["type"] == kind and told["title"] and told["detail"]
        assert told.get("field") == field, repr(self)
        return told


@cache
def _document() -> dict[str, Any]:
    return json.loads(json.dumps(openapi.document()))


class Api:
    """Requests of one person; ``authorization`` is a header's value, None for nobody."""

    def __init__(self, server: Server, authorization: str | None) -> None:
        self.server = server
        self.authorization = authorization

    @classmethod
    def of(cls, server: Server, user: str | None) -> Api:
        """A client signed in with the user's password."""
        return cls(server, None if user is None else basic(user, server.users[user]))

    @classmethod
    def bearer(cls, server: Server, secret: str) -> Api:
        """A client with an app token."""
        return cls(server, f"Bearer {secret}")

    def raw(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
        """One request as it is; ``path`` is absolute."""
        sent = dict(headers or {})
        if self.authorization is not None:
            sent.setdefault("Authorization", self.authorization)
        link = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            link.request(method, path, body, sent)
            response = link.getresponse()
            # A stream has no end that could be waited for.
            body = b"" if response.headers["Content-Type"] == STREAM else response.read()
            return Reply(f"{method} {path}", response.status, response.headers, body)
        finally:
            link.close()

    def ask(self, method: str, path: str, value: Any = ..., headers: Mapping[str, str] | None = None) -> Reply:
        """One request below the base, with a body of JSON if there is a ``value``; the answer fits the document."""
        sent = {"Content-Type": "application/json"} if value is not ... else {}
        body = json.dumps(value).encode() if value is not ... else None
        reply = self.raw(method, BASE + path, body, {**sent, **(headers or {})})
        check(method, path.partition("?")[0], reply)
        return reply

    def get(self, path: str) -> Reply:
        """GET."""
        return self.ask("GET", path)

    def post(self, path: str, value: Any = ...) -> Reply:
        """POST."""
        return self.ask("POST", path, value)

    def patch(self, path: str, value: Any) -> Reply:
        """PATCH."""
        return self.ask("PATCH", path, value)

    def put(self, path: str, value: Any = ...) -> Reply:
        """PUT."""
        return self.ask("PUT", path, value)

    def delete(self, path: str) -> Reply:
        """DELETE."""
        return self.ask("DELETE", path)


def check(method: str, path: str, reply: Reply) -> None:
    """The answer is one that the document announces, and its body fits the schema there."""
    assert reply.headers["Cache-Control"] == "no-store", repr(reply)
    document = _document()
    segments = parts(path)
    described = next(
        (
            each[method.lower()]
            for template, each in document["paths"].items()
            if matched(parts(template), segments) is not None and method.lower() in each
        ),
        None,
    )
    if described is None or reply.status == 405:
        return
    assert str(reply.status) in described["responses"], f"{reply!r} is not documented"
    if reply.headers["Content-Type"] == STREAM:
        return
    if not reply.body:
        assert "content" not in described["responses"][str(reply.status)]
        return
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    ((media_type, content),) = described["responses"][str(reply.status)]["content"].items()
    assert reply.headers["Content-Type"] == media_type
    if media_type == ATOM:
        return
    jsonschema.validate(
        reply.json,
        {**content["schema"], "components": document["components"]},
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )
