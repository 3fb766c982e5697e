"""MKCOL, DELETE, COPY and MOVE (RFC 4918 sections 9.3, 9.6, 9.8 and 9.9)."""

from __future__ import annotations

from contextlib import suppress

from davshare.dav import get, proppatch, put, xml
from davshare.dav.exchange import Exchange
from davshare.errors import BadRequest, DavshareError
from davshare.files import transfer, tree
from davshare.files.transfer import Order
from davshare.http.responses import Response
from davshare.model import names


def mkcol(x: Exchange) -> Response:
    """A new collection, with properties if the body names some (RFC 5689)."""
    mtime_ns = put.mtime(x.headers.get("x-oc-mtime"))
    body = x.request.body
    values: dict[xml.Name, str] = {}
    if body.length != 0 and (data := x.document()):
        with x.files.db.snapshot() as connection:
            tree.decide_new(x.files, connection, x.asker, x.address)
        outcome = proppatch.initial(x, data)
        if isinstance(outcome, Response):
            return outcome
        values = outcome
    made = tree.make_folder(x.files, x.asker, x.address, mtime_ns, values)
    headers = [
        ("ETag", made.etag),
        ("OC-FileId", f"{made.node.id:08d}davshare"),
        ("Location", names.href(x.address.segments, True)),
    ]
    if values and x.prefers("return=minimal"):
        headers += [("Preference-Applied", "return=minimal"), ("Vary", "Prefer, Brief")]
    return Response(201, headers)


def delete(x: Exchange) -> Response:
    """Remove a file, or a collection with everything in it."""
    depth = x.headers.get("depth", "infinity").strip().lower()
    if depth not in ("0", "1", "infinity"):
        raise BadRequest("The Depth header has a value that this method does not know.")
    tree.delete(x.files, x.asker, x.address, whole=depth == "infinity")
    return Response(204)


def copy(x: Exchange) -> Response:
    """A copy, of a collection with or without its members."""
    depth = x.depth("infinity", ("0", "infinity"))
    return _transfer(x, members=depth == "infinity", move=False)


def move(x: Exchange) -> Response:
    """A move; collections always go whole."""
    depth = x.depth("infinity", ("0", "infinity"))
    return _transfer(x, members=depth == "infinity", move=True)


def _transfer(x: Exchange, members: bool, move: bool) -> Response:
    overwrite = x.headers.get("overwrite", "T").strip().upper()
    if overwrite not in ("T", "F"):
        raise BadRequest("The Overwrite header is neither T nor F.")
    target = x.destination()
    done = transfer.transfer(x.files, x.asker, Order(x.address, target, overwrite == "T", members, move))
    if x.prefers("return=representation") and not done.node.is_folder:
        with suppress(DavshareError):  # it is done, whatever somebody else has done since
            return get.representation(x, target, 201 if done.created else 200)
    headers = [("ETag", done.etag), ("OC-ETag", done.etag), ("OC-FileId", f"{done.node.id:08d}davshare")]
    if done.created:
        headers.append(("Location", names.href(target.segments, done.node.is_folder)))
    return Response(201 if done.created else 204, headers)
