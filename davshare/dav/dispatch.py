"""Which code answers which method."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from davshare.abreast import demand_time
from davshare.dav import (
    acl,
    answers,
    archive,
    bulk,
    get,
    lock,
    options,
    parts,
    patch,
    post,
    propfind,
    proppatch,
    put,
    report,
    tree,
    tus,
    uploads,
)
from davshare.dav.exchange import Exchange
from davshare.errors import (
    Conflict,
    DavshareError,
    MethodNotAllowed,
    NotFound,
    NotImplementedHere,
    PreconditionFailed,
    Waits,
)
from davshare.files import kept, methods, placing
from davshare.files.locate import Place
from davshare.files.view import Target
from davshare.http.responses import Response

#: How a door shows a folder to a browser: (exchange, folder or virtual collection) to an answer.
Browse = Callable[[Exchange, Target], Response]


def _put(x: Exchange) -> Response:
    """A file, or a part of one from ownCloud's oldest clients."""
    if "oc-chunked" in x.headers:
        demand_time()
        return parts.handle(x)
    return put.handle(x)


_WRITERS: dict[str, Callable[[Exchange], Response]] = {
    "PUT": _put,
    "PATCH": patch.handle,
    "POST": post.handle,
    "MKCOL": tree.mkcol,
    "DELETE": tree.delete,
    "COPY": tree.copy,
    "MOVE": tree.move,
    "PROPPATCH": proppatch.handle,
    "LOCK": lock.lock,
    "UNLOCK": lock.unlock,
    "REPORT": report.handle,
    "ACL": acl.handle,
}

#: Methods whose failed conditions are about the resource at the request's address (RFC 8144 section 3.2).
_REPRESENTED = frozenset({"PUT", "PATCH", "DELETE", "PROPPATCH"})


def _is_for_preview(x: Exchange) -> bool:
    """Whether an app of ownCloud's wants a small picture of a file: it would take the file itself for one."""
    return (
        x.request.method in ("GET", "HEAD")
        and "preview=1" in x.request.query.split("&")
        and x.address.segments[:1] == ("remote.php",)
    )


class Dav:
    """The WebDAV door."""

    def __init__(self, browse: Browse) -> None:
        self._browse = browse

    def respond(self, x: Exchange) -> Response:
        """The answer to a request of someone who has signed in.

        Where the index knows nothing, the disk is asked before the answer is no.

        :raises Waits: only if ``x.patient`` is false: ask again, in a thread.
        """
        if uploads.are_at(x.address):
            demand_time()
            return uploads.respond(x)
        if bulk.is_at(x.address):
            return bulk.respond(x)
        if tus.are_at(x.address):
            demand_time()
            return tus.respond(x)
        if _is_for_preview(x):
            raise NotFound
        if placing.pending(x.files, x.actor):
            if not x.patient:
                raise Waits
            placing.settle(x.files, x.actor)
        version = x.files.memory.version()
        try:
            return self._respond(x)
        except (NotFound, Conflict):
            if not x.patient:
                raise Waits from None
            if x.taken:
                raise
            demand_time()
            # What was learnt from the disk meanwhile, others may have learnt.
            if not x.learn() and x.files.memory.version() == version:
                raise
        return self._respond(x)

    def _respond(self, x: Exchange) -> Response:
        method = x.request.method
        if method in ("GET", "HEAD"):
            return self._get(x)
        if method == "PROPFIND":
            wanted = answers.key(x)
            found = None if wanted is None else answers.find(x, wanted)
            if found is not None:
                return found
            if not x.patient and (x.headers.get("depth") != "0" or x.header is not None):
                raise Waits
            return propfind.handle(x)
        if method == "OPTIONS":
            return options.handle()
        writer = _WRITERS.get(method)
        if writer is None:
            if method == "SEARCH":
                raise MethodNotAllowed(methods.ALL)
            raise NotImplementedHere
        if not x.patient:
            raise Waits
        try:
            return writer(x)
        except PreconditionFailed:
            if method in _REPRESENTED and x.prefers("return=representation"):
                with suppress(DavshareError):
                    return get.representation(x, x.address, 412)
            raise

    def _get(self, x: Exchange) -> Response:
        target = x.files.glimpse(x.asker, x.address)
        if not isinstance(target, Place):
            return self._browse(x, target)
        node = target.found()
        if node.is_folder and archive.is_asked(x):
            return archive.handle(x)
        if x.header is not None and not x.patient:
            raise Waits
        if x.conditional:
            with x.files.db.session() as connection:
                x.asker.check(connection)
        if node.is_folder:
            return self._browse(x, target)
        if x.actor.visit is None and get.is_plain(x.request):
            kept.keep(x.files, x.actor, x.request.path, x.address, target)
        return get.handle(x, target)
