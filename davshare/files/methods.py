"""Which methods there are for what kind of resource (RFC 9110 section 10.2.1)."""

from __future__ import annotations

from davshare.model.nodes import Node, Space

FILE = "OPTIONS, GET, HEAD, PUT, PATCH, DELETE, COPY, MOVE, PROPFIND, PROPPATCH, REPORT, ACL, LOCK, UNLOCK"
FOLDER = "OPTIONS, GET, HEAD, POST, DELETE, COPY, MOVE, PROPFIND, PROPPATCH, REPORT, ACL, LOCK, UNLOCK"
#: In a space that is read-only; UNLOCK, because a lock may be older than that.
KEPT_FILE = "OPTIONS, GET, HEAD, COPY, PROPFIND, REPORT, UNLOCK"
KEPT_FOLDER = "OPTIONS, GET, HEAD, COPY, PROPFIND, REPORT, UNLOCK"
#: Collections that the server makes up.
VIRTUAL = "OPTIONS, GET, HEAD, PROPFIND, REPORT"
#: Where nothing is, or nothing may be known.
ALL = "OPTIONS, GET, HEAD, PUT, PATCH, POST, DELETE, MKCOL, COPY, MOVE, PROPFIND, PROPPATCH, REPORT, ACL, LOCK, UNLOCK"


def of(node: Node, space: Space) -> str:
    """The methods of a file or folder in a space."""
    if space.read_only:
        return KEPT_FOLDER if node.is_folder else KEPT_FILE
    return FOLDER if node.is_folder else FILE
