"""PUT and MKCOL by those who may add things to a folder and know nothing of it."""

from __future__ import annotations

from davshare.dav import put
from davshare.dav.exchange import Exchange
from davshare.errors import NotFound, UnsupportedMediaType
from davshare.files import drop
from davshare.http.responses import Response

#: Methods that :func:`respond` answers.
METHODS = frozenset({"PUT", "MKCOL"})


def respond(x: Exchange) -> Response:
    """Take a file or make a folder; 201 whether there is something of that name or not.

    Nothing is replaced, so the conditions of the request are true whatever
    they are about, and no address is told: it might be another name.  Nor are
    ids and tags, by whose numbers one sees whether a folder had to be made.
    """
    visit = x.actor.visit
    base = () if visit is None else visit.base
    way = x.address.segments[len(base) :]
    if not way:
        raise NotFound
    if x.request.method == "PUT":
        sent = put.content(x)
        drop.put(x.files, x.actor, base, way, sent)
        return Response(201, put.accepted(sent))
    if x.request.body.length != 0:
        raise UnsupportedMediaType
    drop.make_folder(x.files, x.actor, base, way)
    return Response(201)
