"""The pages of public links: what visitors see who have no account, with or without script.

A link says by itself who may come in; the only cookie is that of somebody who
has shown its password, and is good for that link and password only.
"""

from __future__ import annotations

import time
from urllib.parse import parse_qs

from davshare.errors import (
    DavshareError,
    Forbidden,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    TooManyAttempts,
)
from davshare.files import archive, linked, manifest
from davshare.files.context import Address, Asker, Connection
from davshare.files.linked import Link, State
from davshare.files.locate import Place
from davshare.files.service import Files
from davshare.http import archives, multipart, origins
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.identity.linksessions import SECONDS, LinkSessions
from davshare.identity.signing import Signing
from davshare.identity.visitors import Visitors
from davshare.model import names
from davshare.model.access import Permission
from davshare.model.people import Actor
from davshare.sharing.uses import Uses
from davshare.web import forms, linkfolder, linkpages, origin
from davshare.web.linkdrop import RECEIPTS, Drop
from davshare.web.linkpages import Head

_ALLOWED = "OPTIONS, GET, HEAD, POST"
#: Why a link shows nothing any more, in words for people; others are as if they had never been.
_WHY = {
    State.PAUSED: ("This link is paused", "Whoever has sent it to you can let it go on."),
    State.EXPIRED: ("This link has expired", "It was made to end at a certain time, and that has passed."),
    State.EXHAUSTED: ("This link has been used up", "It was made to be used a certain number of times."),
}


class LinkPages:
    """The pages of one worker process.

    :param secret: the site's key.
    """

    def __init__(self, files: Files, visitors: Visitors, uses: Uses, secret: bytes, public_url: str) -> None:
        self._files = files
        self._visitors = visitors
        self._uses = uses
        self._public_url = public_url
        self._sessions = LinkSessions(secret)
        self._drop = Drop(files, Signing(secret), public_url)

    def knows(self, request: Request, link: Link) -> bool:
        """Whether a request is of a browser that has shown the present password of a link."""
        return link.password is not None and self._sessions.knows(link, origin.link_session(request))

    def respond(self, request: Request, token: str, below: tuple[str, ...], slash: bool) -> Response:
        """GET, HEAD and POST at ``/s/TOKEN/…``, whatever has become of the link."""
        if request.path.startswith("/index.php/"):
            query = f"?{request.query}" if request.query else ""
            return linkpages.see_other(names.href(("s", token, *below), slash and bool(below)) + query)
        try:
            if request.method not in ("GET", "HEAD", "POST"):
                raise MethodNotAllowed(_ALLOWED)
            return self._respond(request, token, below)
        except DavshareError as error:
            return self._refused(request, error)

    def _refused(self, request: Request, error: DavshareError) -> Response:
        if linkpages.wants_json(request):
            response = linkpages.problem(request, error.status, error.message)
        else:
            missing = isinstance(error, NotFound)
            title = "There is nothing here" if missing else "This does not work"
            text = "The address is wrong, or the link was removed." if missing else error.message
            response = linkpages.page(request, error.status, "link_ended.html", None, title=title, text=text)
        response.headers += error.headers
        response.close = response.close or error.close
        return response

    def _respond(self, request: Request, token: str, below: tuple[str, ...]) -> Response:
        link, standing = self._visitors.find(token, request.peer, lambda link: self.knows(request, link))
        base = ("s", token)
        head = _head(link, base)
        if not standing.is_live:
            return _ended(request, standing.state)
        if request.method == "POST":
            self._demand_own(request)
        if link.password is not None and not self.knows(request, link):
            return self._password(request, link, head)
        actor = linked.visitor(link, standing, base)
        if below[:1] == (RECEIPTS,) and len(below) == 2:
            return self._drop.receipt(request, actor, head, below[1])
        if below and not actor.mask & Permission.READ:
            raise NotFound  # whether that is there or not
        if request.method == "POST":
            return self._upload(request, link, actor, head, Address((*base, *below), True))
        if not actor.mask & Permission.READ:
            return self._drop.form(request, head)
        return self._show(request, link, actor, head, base, below)

    def _demand_own(self, request: Request) -> None:
        """Return when a form does not come from a page of another site.

        These pages send no origin along; without one there is no cookie either, unless it is a page of ours.

        :raises Forbidden: it does.
        """
        said = request.headers.get("sec-fetch-site", "same-origin").strip().lower()
        sender = request.headers.get("origin", "null").strip()
        ours = sender == "null" or origins.same(sender, origin.site(request, self._public_url))
        if said not in ("same-origin", "none") or not ours:
            raise Forbidden("This request does not come from a page of this site.")

    # -- the password --------------------------------------------------------------------

    def _password(self, request: Request, link: Link, head: Head) -> Response:
        """The form, or what became of it.  What the link is called is told afterwards only."""
        hidden = head._replace(title="", owner="", note="", ends="", frozen=None)
        if request.method != "POST":
            if linkpages.wants_json(request):
                return linkpages.problem(request, 403, "This link needs a password.", "password")
            return linkpages.page(request, 403, "link_password.html", hidden, wrong="")
        password = forms.read(request).get("password", "")
        try:
            self._visitors.prove(link, password, request.peer)
        except TooManyAttempts as error:
            return linkpages.page(request, 429, "link_password.html", hidden, wrong=error.message)
        except NotAuthenticated:
            return linkpages.page(request, 403, "link_password.html", hidden, wrong="This is not the password.")
        if not self._uses.note(link):
            return _ended(request, State.EXHAUSTED)
        cookie = origin.link_cookie(request, head.home, self._sessions.begin(link), SECONDS)
        return linkpages.see_other(names.href(names.split(request.path)[0], request.path.endswith("/")), cookie)

    # -- what there is -------------------------------------------------------------------

    def _show(
        self, request: Request, link: Link, actor: Actor, head: Head, base: tuple[str, ...], below: tuple[str, ...]
    ) -> Response:
        address = Address((*base, *below), True)
        with self._files.db.snapshot() as connection:
            target = self._files.target(connection, Asker(actor), address)
        if isinstance(target, Place):
            if target.node is not None and target.node.is_folder:
                kind, wanted = archives.wanted(request.query)
                if kind or request.headers.get("accept", "").strip().lower() == "application/zip":
                    return self._download(request, link, actor, address, kind, wanted)
                after = parse_qs(request.query).get("after", [""])[0]
                return linkfolder.respond(self._files, request, actor, target, head, after, link.hide_download)
            if below == ("download",):
                return self._old_download(request, link, actor, base)
            raise NotFound
        if below:
            raise NotFound
        return self._file(request, link, actor, head)

    def _file(self, request: Request, link: Link, actor: Actor, head: Head) -> Response:
        """The page of a link to a file."""
        with self._files.db.snapshot() as connection:
            place = self._files.place(connection, Asker(actor), Address((*names.split(head.home)[0], link.item)))
            node = place.found()
            member = manifest.known(connection, place)
        kind, _ = archives.wanted(request.query)
        if kind in ("sha256", "json") and link.frozen is not None and member is not None:
            return self._counted(
                request, link, archives.list_response(kind, request.method, iter([member]), head.title)
            )
        facts = linkfolder.file_facts(node)
        if linkpages.wants_json(request):
            told = {"title": head.title, "owner": head.owner, "note": head.note, "may_download": not link.hide_download}
            told |= {"name": node.name, "size": node.size, "modified": linkpages.iso(node.mtime_ns // 1_000_000_000)}
            if link.frozen is not None and member is not None:
                told |= {"frozen": linkpages.iso(link.frozen), "sha256": member.sha256.hex()}
            told["href"] = None if link.hide_download else place.href
            return linkpages.told(request, 200, told)
        return linkpages.page(request, 200, "link_file.html", head, closed=link.hide_download, href=place.href, **facts)

    def _old_download(self, request: Request, link: Link, actor: Actor, base: tuple[str, ...]) -> Response:
        """``/s/TOKEN/download?path=/FOLDER&files=NAME``, as Nextcloud has it."""
        _, wanted = archives.wanted(request.query)
        path = parse_qs(request.query).get("path", ["/"])[0]
        below, _ = names.split(names.href([part for part in path.split("/") if part], True))
        return self._download(request, link, actor, Address((*base, *below), True), "zip", wanted)

    def _download(
        self, request: Request, link: Link, actor: Actor, address: Address, kind: str, wanted: list[str] | None
    ) -> Response:
        """A ZIP archive, or the checksums of what is in it."""
        if link.hide_download:
            raise Forbidden("Nothing can be downloaded here.")

        def locate(connection: Connection) -> Place:
            return self._files.place(connection, Asker(actor), address)

        title = address.segments[-1] if len(address.segments) > 2 else link.label or link.item or "files"
        if kind in ("sha256", "json"):
            found = archive.collect(self._files, locate, wanted, "sha256")
            response = archives.list_response(kind, request.method, manifest.entries(found), title)
        else:
            found = archive.complete(self._files, locate, wanted, "crc32")
            response = archives.zip_response(
                request.method, request.headers, found.entries, title, self._files.epoch, found.open
            )
        return self._counted(request, link, response)

    def _counted(self, request: Request, link: Link, response: Response) -> Response:
        """An answer that gives what is shown, or tells what is in it: one use more."""
        gives = request.method == "GET" and response.status in (200, 206)
        if gives and not self.knows(request, link) and not self._uses.note(link):
            raise NotFound
        return response

    def _upload(self, request: Request, link: Link, actor: Actor, head: Head, folder: Address) -> Response:
        if not multipart.is_one(request.headers.get("content-type")):
            raise MethodNotAllowed(_ALLOWED, "Nothing but files can be sent here.")

        def counted() -> bool:
            return self.knows(request, link) or self._uses.note(link)

        return self._drop.upload(request, actor, head, folder, counted)


def _head(link: Link, base: tuple[str, ...]) -> Head:
    owner = link.creator_display_name or link.creator_name
    title = link.label or link.item or f"Files of {owner}"
    ends = linkpages.ends_in(link.expires, time.time())
    return Head(title, owner, link.note, ends, names.href(base, False), link.frozen)


def _ended(request: Request, state: State) -> Response:
    if state not in _WHY:
        raise NotFound
    title, text = _WHY[state]
    if linkpages.wants_json(request):
        return linkpages.problem(request, 410, f"{title}.", str(state))
    return linkpages.page(request, 410, "link_ended.html", None, title=title, text=text)
