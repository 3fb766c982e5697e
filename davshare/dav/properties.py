"""Live properties (RFC 4918 section 15 and its neighbours), each a function of a node.

A property is a factory: told the :class:`Scope` of a listing once, it gives
the function that is called for every member, which returns the element's
content, or None where the property is not defined.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from time import gmtime, strftime

from davshare.dav.xml import DAV, MICROSOFT, OC, Name, empty, escape, href
from davshare.files import listing, lookup, methods
from davshare.files.context import Connection
from davshare.files.listing import Lock, Locks
from davshare.files.locate import Place
from davshare.files.service import Files
from davshare.http.conditions import http_date
from davshare.model import names
from davshare.model.access import Permission, Rights
from davshare.model.nodes import FOLDER, Node
from davshare.model.people import Actor

Value = Callable[[Node], str | None]

COLLECTION = "<d:collection/>"
SUPPORTED_LOCK = "".join(
    f"<d:lockentry><d:lockscope><d:{scope}/></d:lockscope><d:locktype><d:write/></d:locktype></d:lockentry>"
    for scope in ("exclusive", "shared")
)
REPORTS = "<d:supported-report><d:report><d:sync-collection/></d:report></d:supported-report>"
_PRIVILEGES = {
    Permission.READ: "read",
    Permission.WRITE_CONTENT: "write-content",
    Permission.BIND: "bind",
    Permission.UNBIND: "unbind",
    Permission.WRITE_PROPERTIES: "write-properties",
    Permission.UNLOCK: "unlock",
    Permission.READ_ACL: "read-acl",
    Permission.WRITE_ACL: "write-acl",
}


@dataclass(slots=True)
class Scope:
    """What the properties of one answer have in common.

    ``above`` are the nodes that hold the one that is being told; it changes
    while the answer goes down the tree.
    """

    files: Files
    connection: Connection
    actor: Actor
    place: Place
    locks: Locks
    above: tuple[Node, ...] = ()
    checksums: Mapping[int, Mapping[str, bytes]] = field(default_factory=dict)

    @property
    def limited(self) -> bool:
        """Whether the place may only be walked through: then nothing is told of what is in it."""
        return not self.place.rights & Permission.READ

    def rights(self, node: Node) -> Rights:
        """The asker's rights on the place's node, or on one below it."""
        sight = self.place.sight
        return self.place.rights if sight is None or node.id == self.place.chain[-1].id else sight.rights(node)


def creationdate(scope: Scope) -> Value:
    """When the resource came into being."""
    return lambda node: _iso(node.created)


@lru_cache(maxsize=4096)
def _iso(seconds: int) -> str:
    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(seconds))


def getlastmodified(scope: Scope) -> Value:
    """As in Last-Modified."""
    return lambda node: http_date(node.mtime_ns // 1_000_000_000)


def getetag(scope: Scope) -> Value:
    """Exactly the ETag header."""
    epoch = scope.files.epoch
    return lambda node: f'"{epoch:x}.{node.id:x}.{node.stamp:x}"'


def getcontentlength(scope: Scope) -> Value:
    """Bytes of a file."""
    return lambda node: None if node.kind == FOLDER else str(node.size)


def getcontenttype(scope: Scope) -> Value:
    """As in Content-Type."""
    return lambda node: None if node.kind == FOLDER else content_type(node.name)


def content_type(name: str) -> str:
    """The media type that a name suggests."""
    _, dot, suffix = name.rpartition(".")
    return _by_suffix(suffix.lower()) if dot and len(suffix) < 16 else "application/octet-stream"


@lru_cache(maxsize=1024)
def _by_suffix(suffix: str) -> str:
    kind, coding = mimetypes.guess_type(f"a.{suffix}", strict=False)
    if coding is not None or kind is None:
        return f"application/{coding}" if coding in ("gzip", "xz", "zstd") else "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def resourcetype(scope: Scope) -> Value:
    """Collection or nothing."""
    return lambda node: COLLECTION if node.kind == FOLDER else ""


def displayname(scope: Scope) -> Value:
    """The name, unless somebody set another one (then it is a dead property)."""
    return lambda node: escape(node.name or scope.place.segments[-1])


def supportedlock(scope: Scope) -> Value:
    """Exclusive and shared write locks."""
    return lambda node: SUPPORTED_LOCK


def lockdiscovery(scope: Scope) -> Value:
    """All locks that cover the resource, indirect ones too."""
    if not scope.locks:
        return lambda node: ""
    return lambda node: "".join(activelock(lock, scope.locks.root(lock)) for lock in scope.locks.on(scope.above, node))


def activelock(lock: Lock, root: str, left: int | None = None) -> str:
    """One lock (RFC 4918 section 14.1); ``left`` are the seconds that it still has, by default from now on."""
    from time import time

    left = max(0, lock.expires - int(time())) if left is None else left
    owner = f"<d:owner>{lock.owner}</d:owner>" if lock.owner else ""
    return (
        f"<d:activelock><d:locktype><d:write/></d:locktype>"
        f"<d:lockscope><d:{'exclusive' if lock.exclusive else 'shared'}/></d:lockscope>"
        f"<d:depth>{'infinity' if lock.infinite else '0'}</d:depth>{owner}"
        f"<d:timeout>Second-{left}</d:timeout>"
        f"<d:locktoken>{href(lock.token)}</d:locktoken><d:lockroot>{href(root)}</d:lockroot></d:activelock>"
    )


def quota_available(scope: Scope) -> Value:
    """RFC 4331 section 3: what this user can still store here."""
    free = str(listing.free_bytes(scope.files, scope.place))
    return lambda node: free if node.kind == FOLDER else None


def quota_used(scope: Scope) -> Value:
    """RFC 4331 section 4: bytes below a collection."""
    return lambda node: str(node.size) if node.kind == FOLDER else None


def current_user_principal(scope: Scope) -> Value:
    """RFC 5397."""
    mine = href(principal_url(scope.actor.name))
    return lambda node: mine


def principal_url(name: str) -> str:
    """The address of a user."""
    return f"/dav/principals/users/{names.quoted(name)}/"


def owner(scope: Scope) -> Value:
    """RFC 3744 section 5.1."""
    name = listing.owner_name(scope.connection, scope.place)
    told = "" if name is None else href(principal_url(name))
    return lambda node: told


def principal_collection_set(scope: Scope) -> Value:
    """RFC 3744 section 5.8."""
    told = href("/dav/principals/users/") + href("/dav/principals/groups/")
    return lambda node: told


def current_user_privilege_set(scope: Scope) -> Value:
    """RFC 3744 section 5.5."""
    if scope.place.sight is not None:
        return lambda node: privileges(scope.rights(node))
    told = privileges(scope.place.rights)
    return lambda node: told


@lru_cache(maxsize=256)
def privileges(rights: Rights) -> str:
    """Privilege elements for a set of permissions."""
    found = [name for permission, name in _PRIVILEGES.items() if permission & rights]
    if rights & Permission.WRITE == Permission.WRITE:
        found.append("write")
    if rights & Permission.READ:
        found.append("read-current-user-privilege-set")
    if rights == Permission.ALL:
        found.append("all")
    return "".join(f"<d:privilege><d:{name}/></d:privilege>" for name in found)


def supported_report_set(scope: Scope) -> Value:
    """RFC 3253 section 3.1.5."""
    return lambda node: REPORTS if node.kind == FOLDER else ""


def supported_method_set(scope: Scope) -> Value:
    """RFC 3253 section 3.1.3."""
    return lambda node: methods_told(methods.of(node, scope.place.space))


@lru_cache(maxsize=8)
def methods_told(names_: str) -> str:
    """Methods as elements."""
    return "".join(f'<d:supported-method name="{name}"/>' for name in names_.split(", "))


def supported_live_property_set(scope: Scope) -> Value:
    """RFC 3253 section 3.1.4."""
    told = live_told(tuple(LIVE))
    return lambda node: told


@lru_cache(maxsize=8)
def live_told(known: tuple[Name, ...]) -> str:
    """Live properties as elements."""
    return "".join(
        f"<d:supported-live-property><d:prop>{empty(name)}</d:prop></d:supported-live-property>" for name in known
    )


def add_member(scope: Scope) -> Value:
    """RFC 5995 section 3.2: where to POST new members; the collection itself."""

    def told(node: Node) -> str | None:
        if node.kind != FOLDER:
            return None
        return href(names.href((*scope.place.mount.base, *listing.way(scope.connection, node)), True))

    return told


def win32_last_modified(scope: Scope) -> Value:
    """The time of modification under the name by which Windows sets it."""
    return getlastmodified(scope)


def sync_token(scope: Scope) -> Value:
    """RFC 6578 section 4."""
    token = lookup.sync_token_of(scope.files, scope.connection, scope.place)
    return lambda node: token if node.kind == FOLDER else None


def resource_id(scope: Scope) -> Value:
    """RFC 5842 section 3.1: stays with MOVE, is new with COPY."""
    epoch = scope.files.epoch
    return lambda node: href(f"urn:davshare:node:{epoch:x}-{node.id:x}")


def iscollection(scope: Scope) -> Value:
    """As old Microsoft clients ask for it."""
    return lambda node: "1" if node.kind == FOLDER else "0"


def oc_id(scope: Scope) -> Value:
    """The lasting id, as text."""
    return lambda node: f"{node.id:08d}davshare"


def oc_fileid(scope: Scope) -> Value:
    """The lasting id, as a number."""
    return lambda node: str(node.id)


def oc_size(scope: Scope) -> Value:
    """Bytes, of folders too."""
    return lambda node: str(node.size)


def oc_checksums(scope: Scope) -> Value:
    """Known checksums in ownCloud's notation."""

    def told(node: Node) -> str | None:
        known = scope.checksums.get(node.id)
        if node.kind == FOLDER or not known:
            return None
        parts = [f"{n.upper()}:{known[n].hex()}" for n in ("sha1", "md5", "adler32", "sha256") if n in known]
        return f"<oc:checksum>{' '.join(parts)}</oc:checksum>" if parts else None

    return told


#: Every live property.
LIVE: dict[Name, Callable[[Scope], Value]] = {
    (DAV, "creationdate"): creationdate,
    (DAV, "displayname"): displayname,
    (DAV, "getcontentlength"): getcontentlength,
    (DAV, "getcontenttype"): getcontenttype,
    (DAV, "getetag"): getetag,
    (DAV, "getlastmodified"): getlastmodified,
    (DAV, "lockdiscovery"): lockdiscovery,
    (DAV, "resourcetype"): resourcetype,
    (DAV, "supportedlock"): supportedlock,
    (DAV, "quota-available-bytes"): quota_available,
    (DAV, "quota-used-bytes"): quota_used,
    (DAV, "current-user-principal"): current_user_principal,
    (DAV, "owner"): owner,
    (DAV, "principal-collection-set"): principal_collection_set,
    (DAV, "current-user-privilege-set"): current_user_privilege_set,
    (DAV, "supported-report-set"): supported_report_set,
    (DAV, "supported-method-set"): supported_method_set,
    (DAV, "supported-live-property-set"): supported_live_property_set,
    (DAV, "sync-token"): sync_token,
    (DAV, "add-member"): add_member,
    (DAV, "resource-id"): resource_id,
    (DAV, "iscollection"): iscollection,
    (OC, "id"): oc_id,
    (OC, "fileid"): oc_fileid,
    (OC, "size"): oc_size,
    (OC, "checksums"): oc_checksums,
    (MICROSOFT, "Win32LastModifiedTime"): win32_last_modified,
}
#: What allprop gives (RFC 4918 section 9.1): the properties of that RFC and no costly ones.
ALLPROP = tuple(name for name in list(LIVE)[:9])
#: Live properties whose value clients may set all the same; it is kept as a dead one then.
SETTABLE = frozenset({(DAV, "displayname")})
#: Properties whose value is the same for all files, and for all folders, of an answer.
BY_KIND = frozenset(
    (DAV, name)
    for name in (
        "resourcetype", "supportedlock", "quota-available-bytes", "current-user-principal", "owner", "iscollection",
        "principal-collection-set", "current-user-privilege-set", "supported-report-set", "supported-method-set",
        "supported-live-property-set", "sync-token",
    )
)  # fmt: skip
#: All that is told of a folder that the asker may only walk through.
WAY = frozenset(
    (DAV, name)
    for name in (
        "resourcetype", "displayname", "current-user-principal", "current-user-privilege-set", "iscollection",
        "principal-collection-set", "supported-method-set",
    )
)  # fmt: skip
#: Properties that one file has and the next may not have.
VARYING = frozenset({(OC, "checksums")})
