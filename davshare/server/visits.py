"""Requests of those who come by public links: whether by an old or a new address, by WebDAV or with a browser.

======================================  =================================================================
``/s/TOKEN/…``                          pages; files; every other method of WebDAV
``/remote.php/dav/public-files/TOKEN``  as ownCloud has it: Basic with any of ``public``, the token, no name
``/public.php/dav/files/TOKEN``         the same, as newer Nextclouds have it
``/public.php/webdav``                  the token is the name of Basic, the password of the link the password
======================================  =================================================================

A link to a file shows a folder with that one file; at ``/public.php/webdav``
the file itself.  Nothing but the link decides: cookies of an account and its
credentials make no difference, so ``X-Requested-With`` is not asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Protocol

from davshare.dav import drop, fault
from davshare.dav.dispatch import Dav
from davshare.dav.exchange import Exchange
from davshare.errors import (
    BadRequest,
    BodyCut,
    DavshareError,
    Forbidden,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    Waits,
)
from davshare.files import linked
from davshare.files.context import Address, Asker, Connection
from davshare.files.linked import Link
from davshare.files.locate import Place
from davshare.files.service import Files
from davshare.files.view import Target
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.identity import basic
from davshare.identity.visitors import Visitors, Way, nobody
from davshare.model.access import Permission
from davshare.model.people import Actor
from davshare.sharing.uses import Uses

#: Sent with everything that a link shows.
HEADERS = (("Referrer-Policy", "no-referrer"), ("X-Robots-Tag", "noindex, nofollow"))
_METHODS = "OPTIONS, GET, HEAD, PUT, PATCH, DELETE, MKCOL, COPY, MOVE, PROPFIND, PROPPATCH, REPORT, LOCK, UNLOCK"
_KNOWN = frozenset(_METHODS.split(", "))
#: Methods whose bodies can take any time.
_SLOW = frozenset({"PUT", "PATCH"})
_CHALLENGE = ("WWW-Authenticate", 'Basic realm="davshare", charset="UTF-8"')


class Pages(Protocol):
    """What browsers see of links: folders, forms, and why there is nothing."""

    def respond(self, request: Request, token: str, below: tuple[str, ...], slash: bool) -> Response:
        """GET, HEAD and POST at ``/s/TOKEN/…`` where no file is, or somebody is not let in; any state of a link."""
        ...

    def knows(self, request: Request, link: Link) -> bool:
        """Whether a request is of a session that the page has let in by this link, with its present password.

        The session was counted as one use when it began.
        """
        ...


class _Page(Exception):
    """Pages answer this."""


class Visits:
    """The doors of public links, for one worker process.

    :param public_url: scheme and host under which people reach the server; empty: as each request says.
    """

    def __init__(self, files: Files, visitors: Visitors, public_url: str) -> None:
        self._files = files
        self._visitors = visitors
        self._public_url = public_url
        #: Counts; a page does so when a session begins.
        self.uses = Uses(files.db)
        self._dav = Dav(_browse)
        #: None: browsers see nothing but files.
        self.pages: Pages | None = None

    @staticmethod
    def lead(segments: tuple[str, ...]) -> bool:
        """Whether an address is one of these."""
        first = segments[0] if segments else ""
        if first == "index.php":
            return segments[1:2] == ("s",)
        return first in ("s", "public.php") or (first == "remote.php" and segments[1:3] == ("dav", "public-files"))

    def respond(self, request: Request, segments: tuple[str, ...], slash: bool, patient: bool) -> Response:
        """The answer.

        :raises Waits: only if ``patient`` is false: ask again, in a thread.
        :raises BodyCut: nobody is left to answer.
        """
        if segments[0] == "index.php":
            segments = segments[1:]
        try:
            response = self._respond(request, segments, slash, patient)
        except BodyCut:
            raise
        except DavshareError as error:
            response = fault.response(error, request.method)
            if isinstance(error, NotAuthenticated) and error.status == 401:
                response.headers.append(_CHALLENGE)
        named = {name for name, _ in response.headers}
        response.headers += [each for each in HEADERS if each[0] not in named]
        if "Cache-Control" not in named:
            response.headers.append(("Cache-Control", "private, no-cache"))
        return response

    def _respond(self, request: Request, segments: tuple[str, ...], slash: bool, patient: bool) -> Response:
        way, password = _way(request, segments)
        below = segments[len(way.base) :]
        browsed = segments[0] == "s" and request.method in ("GET", "HEAD", "POST") and self.pages is not None
        if browsed and (request.method == "POST" or not below):
            return self._page(request, way, below, slash, patient)
        if request.method not in _KNOWN:
            raise MethodNotAllowed(_METHODS)
        if "oc-chunked" in request.headers:
            raise BadRequest("By a link files come whole.")
        try:
            return self._dav_respond(request, way, password, Address(segments, slash), patient)
        except _Page:
            if not browsed:
                raise MethodNotAllowed(_METHODS, "A folder has no content; PROPFIND lists it.") from None
        except (NotAuthenticated, NotFound):
            if not browsed or "authorization" in request.headers:
                raise
        return self._page(request, way, below, slash, patient)

    def close(self) -> None:
        """The worker ends."""
        self.uses.close()

    def _page(self, request: Request, way: Way, below: tuple[str, ...], slash: bool, patient: bool) -> Response:
        if not patient:
            raise Waits
        assert self.pages is not None
        return self.pages.respond(request, way.token, below, slash)

    def _dav_respond(
        self, request: Request, way: Way, password: str | None, address: Address, patient: bool
    ) -> Response:
        knows = nobody if self.pages is None else lambda link: self.pages.knows(request, link)
        link, actor = self._visitors.admit(way, password, request.peer, patient, knows)
        if link.hide_download and request.method in ("GET", "HEAD"):
            self._demand_folder(actor, address)
            raise _Page
        if link.hide_download and "prefer" in request.headers:
            # No answer to another method gives the content either (RFC 8144).
            request = replace(request, headers={k: v for k, v in request.headers.items() if k != "prefer"})
        if way.base[0] == "s" and address.segments[2:] == ("download",) and not link.is_folder:
            address = Address((*way.base, link.item))
            request = replace(request, query="download")
        x = Exchange(self._files, request, actor, address, self._public_url, patient)
        if request.method in _SLOW:
            x.asker = replace(x.asker, check=partial(self._check, link, x.asker.check))
        if request.method in drop.METHODS and not actor.mask & Permission.READ:
            if not patient:
                raise Waits
            return drop.respond(x)
        response = self._dav.respond(x)
        if request.method == "GET" and response.status in (200, 206) and not knows(link):
            self._count(link, response, patient)
        return response

    def _check(self, link: Link, conditions: Callable[[Connection], None], connection: Connection) -> None:
        """The link may have ended while a body was on its way."""
        linked.demand_live(self._files.settings, connection, link.id)
        conditions(connection)

    def _demand_folder(self, actor: Actor, address: Address) -> None:
        """Return when no content is asked for: a page of a folder shows names only.

        :raises Forbidden: it is, and that is switched off for this link.
        """
        target = self._files.glimpse(Asker(actor), address)
        if isinstance(target, Place) and (target.node is None or not target.node.is_folder):
            raise Forbidden("Nothing can be downloaded by this link.")

    def _count(self, link: Link, response: Response, patient: bool) -> None:
        """One use more, before anything is sent.

        :raises NotFound: it was used as often as may be, while this was made ready.
        """
        counted = False
        try:
            if link.max_uses is not None and not patient:
                raise Waits
            counted = self.uses.note(link)
        finally:
            close = None if counted else getattr(response.body, "close", None)
            if close is not None:
                close()
        if not counted:
            raise NotFound


def _way(request: Request, segments: tuple[str, ...]) -> tuple[Way, str | None]:
    """How a request comes, and the password that it gives for the link, if it gives one.

    :raises NotAuthenticated: no link is named.
    :raises NotFound: there is no such address.
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    given = None
    if scheme.lower() == "basic":
        with suppress(NotAuthenticated):
            given = basic.parse(value.strip())
    match segments:
        case ("public.php", "webdav", *_):
            if given is None or not given.name:
                raise NotAuthenticated
            return Way(given.name, segments[:2], whole=True), given.password
        case ("remote.php", "dav", "public-files", token, *_) | ("public.php", "dav", "files", token, *_):
            base = segments[:4]
        case ("s", token, *_):
            base = segments[:2]
        case _:
            raise NotFound
    # The credentials of an account are those of somebody else here: as if nothing were given.
    ours = given is not None and given.name in ("", "public", token)
    return Way(token, base), given.password if ours and given is not None else None


def _browse(x: Exchange, target: Target) -> Response:
    raise _Page


__all__ = ["HEADERS", "Pages", "Visits"]
