"""A client of ``/ocs/v1.php`` and ``/ocs/v2.php``."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from lxml import etree

from support.raw import basic
from support.server import Server

Arguments = Mapping[str, Any]


class Answer:
    """HTTP status, and what the envelope says."""

    def __init__(self, request: str, status: int, headers: http.client.HTTPMessage, body: bytes) -> None:
        self.request = request
        self.status = status
        self.headers = headers
        self.body = body
        kind = headers["Content-Type"]
        if kind == "application/json; charset=utf-8":
            envelope = json.loads(body)["ocs"]
            self.meta, self.data = envelope["meta"], envelope["data"]
        else:
            assert kind == "application/xml; charset=utf-8", repr(self)
            root = etree.fromstring(body)
            assert root.tag == "ocs" and [each.tag for each in root] == ["meta", "data"]
            self.meta = value(root[0])
            self.meta["statuscode"] = int(self.meta["statuscode"])
            self.data = value(root[1])
        assert list(self.meta) == ["status", "statuscode", "message", "totalitems", "itemsperpage"]

    def __repr__(self) -> str:
        return f"<{self.request} -> {self.status} {self.body[:600]!r}>"

    @property
    def code(self) -> int:
        """The status code of the envelope."""
        return self.meta["statuscode"]

    def ok(self) -> Any:
        """The data, after checking that all is well."""
        assert self.status == 200 and self.meta["status"] == "ok" and self.code in (100, 200), repr(self)
        return self.data

    def refused(self, code: int, message: str | None = None) -> None:
        """Check a refusal by its code of version 1; it has no data."""
        assert self.code == code and self.meta["status"] == "failure", repr(self)
        assert self.data in ([], ""), repr(self)
        assert self.status == (401 if code == 997 else 200), repr(self)
        if message is not None:
            assert self.meta["message"] == message, repr(self)


def value(element: etree._Element) -> Any:
    """An element as text, a list of its ``element`` children, or a dictionary."""
    if not len(element):
        return element.text or ""
    if all(each.tag == "element" for each in element):
        return [value(each) for each in element]
    return {each.tag: value(each) for each in element}


class Ocs:
    """Calls of one person (None: of nobody)."""

    def __init__(
        self, server: Server, user: str | None, version: int = 1, as_json: bool = True, app: str = "cloud"
    ) -> None:
        self.server = server
        self.authorization = None if user is None else basic(user, server.users[user])
        self.version = version
        self.as_json = as_json
        self.app = app

    def call(
        self, method: str, path: str, given: Arguments | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One call; arguments of GET go into the query, those of others into a form."""
        query = {"format": "json"} if self.as_json else {}
        sent = {"OCS-APIRequest": "true"}
        body = None
        if method in ("GET", "HEAD"):
            query.update(given or {})
        elif given is not None:
            body = urlencode(given, doseq=True).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        return self.raw(method, f"{path}?{urlencode(query)}" if query else path, body, {**sent, **(headers or {})})

    def raw(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One call as it is; ``path`` is below ``/ocs/v1.php/APP/``."""
        sent = dict(headers or {})
        if self.authorization is not None:
            sent.setdefault("Authorization", self.authorization)
        target = f"/ocs/v{self.version}.php/{self.app}/{path}"
        link = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            link.request(method, target, body, sent)
            response = link.getresponse()
            return Answer(f"{method} {target}", response.status, response.headers, response.read())
        finally:
            link.close()

    def get(self, path: str, **given: Any) -> Answer:
        """GET."""
        return self.call("GET", path, given)

    def post(self, path: str, given: Arguments | None = None) -> Answer:
        """POST."""
        return self.call("POST", path, given)

    def put(self, path: str, given: Arguments | None = None) -> Answer:
        """PUT."""
        return self.call("PUT", path, given)

    def delete(self, path: str, given: Arguments | None = None) -> Answer:
        """DELETE."""
        return self.call("DELETE", path, given)
