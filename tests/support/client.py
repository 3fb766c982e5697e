"""A WebDAV client that shows exactly what the server said."""

from __future__ import annotations

import contextlib
import http.client
import secrets
import select
import socket
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote_to_bytes

from support.multistatus import Multistatus, canonical, clark, element_xml, parse
from support.raw import basic

Headers = Mapping[str, str]
Body = bytes | str | Iterable[bytes] | None
SABRE = "{http://sabredav.org/ns}"


class Answer:
    """Status, headers and body of one response."""

    def __init__(self, request: str, status: int, headers: http.client.HTTPMessage, body: bytes) -> None:
        self.request = request
        self.status = status
        self.headers = headers
        self.body = body

    def __repr__(self) -> str:
        return f"<{self.request} -> {self.status} {dict(self.headers)} {self.body[:600]!r}>"

    def __getitem__(self, name: str) -> str:
        """The header ``name``; an AssertionError when it is missing."""
        value = self.headers.get(name)
        assert value is not None, f"no {name} in {self!r}"
        return value

    @property
    def xml(self):
        """The body as an lxml element."""
        return parse(self.body)

    @property
    def multistatus(self) -> Multistatus:
        """The parsed and checked body of a 207."""
        assert self.status == 207, repr(self)
        assert self["Content-Type"] == "application/xml; charset=utf-8", repr(self)
        return Multistatus(self.body)

    @property
    def condition(self) -> str:
        """The local name of the first ``DAV:`` element in the ``DAV:error`` body, or ""."""
        if not self.body:
            return ""
        root = self.xml
        assert root.tag == "{DAV:}error", repr(self)
        names = [child.tag for child in root if child.tag.startswith("{DAV:}")]
        return names[0][len("{DAV:}") :] if names else ""

    def refused(self, *statuses: int, condition: str | None = None) -> Answer:
        """Itself, after checking one of ``statuses`` and the form of the error body.

        Bodies are ``DAV:error`` with the condition, ``s:exception`` and ``s:message`` (RFC 4918 section 16).
        """
        assert self.status in statuses, repr(self)
        if self.body and not self.request.startswith("HEAD "):
            assert self["Content-Type"] == "application/xml; charset=utf-8", repr(self)
            root = self.xml
            assert root.tag in ("{DAV:}error", "{DAV:}multistatus", "{DAV:}mkcol-response"), repr(self)
            if root.tag == "{DAV:}error":
                assert root.findtext(SABRE + "exception"), repr(self)
                assert root.findtext(SABRE + "message"), repr(self)
        if condition is not None:
            assert self.condition == condition, repr(self)
        return self

    @property
    def condition_hrefs(self) -> list[str]:
        """The hrefs inside the condition element, in :func:`canonical` spelling."""
        return [canonical(node.text or "") for node in self.xml.iter("{DAV:}href")]

    @property
    def lock_token(self) -> str:
        """The token in the Lock-Token header, without its angle brackets."""
        value = self["Lock-Token"]
        assert value.startswith("<") and value.endswith(">"), repr(self)
        return value[1:-1]


class Dav:
    """Requests below ``base`` over one kept connection; make one per thread.

    Paths are percent-encoded already; a path that begins with "/" is absolute.
    """

    def __init__(self, port: int, base: str, auth: tuple[str, str] | str | None, timeout: float = 30) -> None:
        self.port = port
        self.base = base
        self.auth = auth
        self.timeout = timeout
        self._link = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def clone(self, base: str | None = None) -> Dav:
        """Another connection with the same login."""
        return Dav(self.port, self.base if base is None else base, self.auth, self.timeout)

    def below(self, path: str) -> Dav:
        """Another connection, rooted in a folder of this one."""
        return self.clone(self.path(path).rstrip("/") + "/")

    def close(self) -> None:
        """End the connection."""
        self._link.close()

    def path(self, path: str = "") -> str:
        """The absolute path of the request target."""
        return path if path.startswith("/") else self.base + path

    def href(self, path: str = "") -> str:
        """The path in the spelling in which :class:`Multistatus` keys its responses."""
        return canonical(self.path(path))

    def full(self, path: str = "") -> str:
        """The path with scheme, host and port."""
        return f"http://127.0.0.1:{self.port}{self.path(path)}"

    def request(self, method: str, path: str = "", body: Body = None, headers: Headers | None = None) -> Answer:
        """One request, one answer; nothing is repeated or followed.

        :raises OSError, http.client.HTTPException: the connection broke.
        """
        sent = dict(headers or {})
        if self.auth is not None and "Authorization" not in sent:
            sent["Authorization"] = self.auth if isinstance(self.auth, str) else basic(*self.auth)
        link = self._link
        if link.sock is not None and _readable(link.sock):
            link.close()
        data = body.encode() if isinstance(body, str) else body
        if data is None and method in ("PUT", "POST", "PATCH"):
            data = b""
        try:
            # An early refusal may close the connection while the body is still being sent.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                link.request(method, self.path(path), data, sent)
            response = link.getresponse()
            return Answer(f"{method} {self.path(path)}", response.status, response.headers, response.read())
        except BaseException:
            link.close()
            raise

    # -- the methods, one each -------------------------------------------------------------

    def get(self, path: str = "", headers: Headers | None = None) -> Answer:
        """GET."""
        return self.request("GET", path, headers=headers)

    def head(self, path: str = "", headers: Headers | None = None) -> Answer:
        """HEAD."""
        return self.request("HEAD", path, headers=headers)

    def put(self, path: str, body: Body = b"", headers: Headers | None = None) -> Answer:
        """PUT."""
        return self.request("PUT", path, body, headers)

    def mkcol(self, path: str, body: Body = None, headers: Headers | None = None) -> Answer:
        """MKCOL."""
        return self.request("MKCOL", path, body, headers)

    def delete(self, path: str, headers: Headers | None = None) -> Answer:
        """DELETE."""
        return self.request("DELETE", path, headers=headers)

    def move(self, source: str, target: str, overwrite: str | None = None, headers: Headers | None = None) -> Answer:
        """MOVE, with the absolute path of ``target`` as Destination."""
        return self._transfer("MOVE", source, target, overwrite, None, headers)

    def copy(
        self,
        source: str,
        target: str,
        overwrite: str | None = None,
        depth: str | None = None,
        headers: Headers | None = None,
    ) -> Answer:
        """COPY, with the absolute path of ``target`` as Destination."""
        return self._transfer("COPY", source, target, overwrite, depth, headers)

    def _transfer(self, method, source, target, overwrite, depth, headers) -> Answer:
        sent = {"Destination": target if "://" in target else self.path(target), **(headers or {})}
        if overwrite is not None:
            sent["Overwrite"] = overwrite
        if depth is not None:
            sent["Depth"] = depth
        return self.request(method, source, headers=sent)

    def propfind(self, path: str = "", *names: str, depth: str = "0", headers: Headers | None = None) -> Multistatus:
        """PROPFIND of the named properties (none: allprop by an empty body); the 207's content."""
        body = None
        if names:
            body = f'<d:propfind xmlns:d="DAV:"><d:prop>{"".join(map(element_xml, names))}</d:prop></d:propfind>'
        answer = self.request("PROPFIND", path, body, {"Depth": depth, **(headers or {})})
        found = answer.multistatus
        for response in found.values():
            wanted = {clark(name) for name in names}
            got = set(response.props)
            assert not names or response.status or got == wanted, (wanted ^ got, answer)
        return found

    def prop(self, path: str, name: str):
        """(status, element) of one property."""
        return self.propfind(path, name).only[clark(name)]

    def text(self, path: str, name: str) -> str:
        """The text of one property that must be there."""
        status, element = self.prop(path, name)
        assert status == 200, (path, name, status)
        return element.text or ""

    def etag(self, path: str = "") -> str:
        """The ``DAV:getetag`` of a file or folder."""
        return self.text(path, "getetag")

    def exists(self, path: str) -> bool:
        """Whether PROPFIND finds something."""
        answer = self.request("PROPFIND", path, headers={"Depth": "0"})
        assert answer.status in (207, 404), repr(answer)
        return answer.status == 207

    def names(self, path: str = "") -> set[str]:
        """The decoded last segments of a folder's members."""
        found = self.propfind(path, "resourcetype", depth="1")
        own = self.href(path).rstrip("/")
        rest = [href for href in found if href.rstrip("/") != own]
        return {unquote_to_bytes(href.rstrip("/").rsplit("/", 1)[1]).decode() for href in rest}

    def proppatch(
        self,
        path: str,
        set: Mapping[str, str] | None = None,
        remove: Iterable[str] = (),
        headers: Headers | None = None,
    ) -> Answer:
        """PROPPATCH; ``set`` maps names (Clark notation) to XML content."""
        parts = [f"<d:set><d:prop>{element_xml(n, v)}</d:prop></d:set>" for n, v in (set or {}).items()]
        parts += [f"<d:remove><d:prop>{element_xml(name)}</d:prop></d:remove>" for name in remove]
        body = f'<d:propertyupdate xmlns:d="DAV:">{"".join(parts)}</d:propertyupdate>'
        return self.request("PROPPATCH", path, body, headers)

    def lock(
        self,
        path: str,
        scope: str = "exclusive",
        depth: str | None = "infinity",
        owner: str = "me",
        timeout: str | None = None,
        headers: Headers | None = None,
    ) -> Answer:
        """LOCK of type write."""
        body = (
            f'<d:lockinfo xmlns:d="DAV:"><d:lockscope><d:{scope}/></d:lockscope>'
            f"<d:locktype><d:write/></d:locktype><d:owner>{owner}</d:owner></d:lockinfo>"
        )
        sent = dict(headers or {})
        if depth is not None:
            sent["Depth"] = depth
        if timeout is not None:
            sent["Timeout"] = timeout
        return self.request("LOCK", path, body, sent)

    def locked(self, path: str, **options) -> str:
        """The token of a lock that must be granted."""
        answer = self.lock(path, **options)
        assert answer.status in (200, 201), repr(answer)
        return answer.lock_token

    def refresh(self, path: str, token: str, timeout: str | None = None) -> Answer:
        """LOCK without a body and with the token in If."""
        sent = {"If": f"(<{token}>)"}
        if timeout is not None:
            sent["Timeout"] = timeout
        return self.request("LOCK", path, headers=sent)

    def unlock(self, path: str, token: str) -> Answer:
        """UNLOCK."""
        return self.request("UNLOCK", path, headers={"Lock-Token": f"<{token}>"})

    def report_sync(
        self,
        path: str = "",
        token: str = "",
        level: str = "infinite",
        limit: int | None = None,
        props: Iterable[str] = ("getetag", "resourcetype", "getcontentlength"),
        headers: Headers | None = None,
    ) -> Answer:
        """REPORT sync-collection (RFC 6578 section 3.2)."""
        cut = f"<d:limit><d:nresults>{limit}</d:nresults></d:limit>" if limit is not None else ""
        body = (
            f'<d:sync-collection xmlns:d="DAV:"><d:sync-token>{token}</d:sync-token>'
            f"<d:sync-level>{level}</d:sync-level>{cut}"
            f"<d:prop>{''.join(map(element_xml, props))}</d:prop></d:sync-collection>"
        )
        return self.request("REPORT", path, body, {"Depth": "0", **(headers or {})})

    def fresh_box(self) -> Dav:
        """A client rooted in a new empty folder below this one."""
        name = f"box-{secrets.token_hex(6)}/"
        assert self.mkcol(name).status == 201
        return self.below(name)


def _readable(sock: socket.socket) -> bool:
    """Whether something came, or the end of the connection, though nothing was asked."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def enc(name: str | bytes) -> str:
    """A name as one percent-encoded path segment."""
    return quote(name, safe="")
