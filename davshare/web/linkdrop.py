"""What visitors send by public links, and the receipt with which they can take it back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from davshare.errors import BadRequest, Forbidden, MethodNotAllowed, NotFound
from davshare.files.context import Address
from davshare.files.service import Files
from davshare.files.upload import Sent
from davshare.http import multipart
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.identity.signing import Signing
from davshare.model.access import Permission
from davshare.model.people import Actor
from davshare.sharing import deposits
from davshare.sharing.deposits import Deposit
from davshare.web import forms, linkpages, origin
from davshare.web.browse import readable_size
from davshare.web.linkpages import Head

#: The segment below a link at which its receipts are.
RECEIPTS = "receipts"
_JWS = "application/jose"


class Drop:
    """Uploads of visitors, for one worker process."""

    def __init__(self, files: Files, signing: Signing, public_url: str) -> None:
        self._files = files
        self._signing = signing
        self._public_url = public_url

    def form(self, request: Request, head: Head) -> Response:
        """The page of a link by which things come in only."""
        if linkpages.wants_json(request):
            told = {"title": head.title, "owner": head.owner, "note": head.note}
            return linkpages.told(request, 200, {**told, "may_upload": True, "may_download": False, "members": []})
        return linkpages.page(request, 200, "link_drop.html", head)

    def upload(
        self, request: Request, actor: Actor, head: Head, folder: Address, counted: Callable[[], bool]
    ) -> Response:
        """Store the files of a form, each as it arrives; what has arrived whole stays whatever comes after it.

        A field ``path`` before a file says what it is called and in which
        folders; ``receipt`` is that of files which were sent before.

        :param counted: asked once for each receipt, whether the link may be used once more.
        :raises Forbidden: nothing may be left here.
        :raises BadRequest: the form is malformed, or brings no file.
        """
        if not actor.mask & Permission.BIND:
            raise Forbidden("Nothing can be left here.")
        assert actor.visit is not None
        secret, path = "", ""
        left: list[Deposit] = []
        for part in multipart.parts(request.body, request.headers.get("content-type")):
            if part.filename is None:
                if part.name == "path":
                    path = part.text()
                elif part.name == "receipt" and not left:
                    secret = part.text().strip()
                continue
            if not part.filename and not path:
                continue  # an empty field of the form
            if not left and not (secret and deposits.has_room(self._files, actor.visit.link, secret)):
                secret = deposits.begin()
                if not counted():
                    raise NotFound
            if len(left) >= deposits.MOST:
                raise BadRequest("These are more files than one form can bring.")
            sent = Sent(None, part.read)
            left.append(deposits.leave(self._files, actor, folder, secret, path or part.filename, sent))
            path = ""
        if not left:
            raise BadRequest("Choose a file first.")
        where = f"{head.home}/{RECEIPTS}/{secret}"
        if linkpages.wants_json(request):
            told = {"receipt": where, "secret": secret, "files": [_told(each) for each in left]}
            return linkpages.told(request, 201, told)
        return linkpages.see_other(where)

    def receipt(self, request: Request, actor: Actor, head: Head, secret: str) -> Response:
        """What was left under one receipt, and the form with which it is taken back.

        :raises NotFound: there is no such receipt.
        """
        assert actor.visit is not None
        if request.method == "POST":
            fields = forms.read_all(request)
            wanted = None if fields.get("all") else {int(each) for each in fields.get("deposit", []) if _is_id(each)}
            deposits.withdraw(self._files, actor, secret, wanted)
            return linkpages.see_other(f"{head.home}/{RECEIPTS}/{secret}")
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("OPTIONS, GET, HEAD, POST")
        found = deposits.under(self._files, actor.visit.link, secret)
        left = [each for each in found if not each.is_folder]
        if request.query == "signed" or linkpages.wants_json(request):
            return self._signed(request, head, left)
        now = time.time()
        return linkpages.page(
            request,
            200,
            "link_receipt.html",
            head,
            rows=[_row(self._files, each, now) for each in left],
            here=f"{head.home}/{RECEIPTS}/{secret}",
            open=any(each.withdrawn is None and deposits.until(self._files, each) > now for each in left),
            until=linkpages.readable_time(min((deposits.until(self._files, each) for each in left), default=0)),
        )

    def _signed(self, request: Request, head: Head, left: list[Deposit]) -> Response:
        """The receipt as others can verify it: a JWS with the keys that the site publishes (RFC 7515)."""
        told = [_told(each) for each in left if each.withdrawn is None]
        claims = {
            "iss": origin.site(request, self._public_url),
            "iat": int(time.time()),
            "sub": "receipt",
            "title": head.title,
            "owner": head.owner,
            "files": told,
        }
        with self._files.db.write() as connection:
            signed = self._signing.sign(connection, claims)
        if linkpages.wants_json(request):
            return linkpages.told(request, 200, {"receipt": signed, "files": told})
        headers = [("Content-Type", _JWS), ("Content-Disposition", 'attachment; filename="receipt.jws"')]
        headers += linkpages.HEADERS
        if request.method == "HEAD":
            return Response(200, headers)
        return Response(200, headers, signed.encode())


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _told(deposit: Deposit) -> dict[str, Any]:
    assert deposit.sha256 is not None
    return {
        "name": deposit.path,
        "size": deposit.size,
        "sha256": deposit.sha256.hex(),
        "received": linkpages.iso(deposit.created),
    }


def _row(files: Files, deposit: Deposit, now: float) -> dict[str, Any]:
    return {
        "id": deposit.id,
        "name": deposit.path,
        "size": readable_size(deposit.size),
        "sha256": (deposit.sha256 or b"").hex(),
        "received": linkpages.readable_time(deposit.created),
        "withdrawn": deposit.withdrawn is not None,
        "open": deposit.withdrawn is None and deposits.until(files, deposit) > now,
    }
