"""Live properties (RFC 4918 section 15 and its neighbours), each a function of a node.

A property is a factory: told the :class:`Scope` of a listing once, it gives
the function that is called for every member, which returns the element's
content, or None where the property is not defined.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from functools import lru_cache
from time import gmtime, strftime

from davshare.dav.acl_properties import acl, acl_restrictions, inherited_acl_set, supported_privilege_set
from davshare.dav.scope import Scope, Value, principal_url, privileges
from davshare.dav.xml import DAV, MICROSOFT, NC, OC, Name, empty, escape, href
from davshare.files import guard, listing, methods
from davshare.files.context import Connection
from davshare.files.listing import Lock
from davshare.files.locate import Place
from davshare.files.locking import is_of
from davshare.files.reshares import SHARING
from davshare.files.service import Files
from davshare.http.conditions import http_date
from davshare.model.access import Permission, Rights
from davshare.model.nodes import FOLDER, Node
from davshare.model.people import Actor
from davshare.sharing.kinds import Kinds

COLLECTION = "<d:collection/>"
#: Reports that there are on files as well.
FILE_REPORTS = "<d:supported-report><d:report><d:acl-principal-prop-set/></d:report></d:supported-report>"
SUPPORTED_LOCK = "".join(
    f"<d:lockentry><d:lockscope><d:{scope}/></d:lockscope><d:locktype><d:write/></d:locktype></d:lockentry>"
    for scope in ("exclusive", "shared")
)
REPORTS = "".join(
    f"<d:supported-report><d:report><d:{name}/></d:report></d:supported-report>"
    for name in ("sync-collection", "acl-principal-prop-set", "principal-match", "principal-property-search",
                 "principal-search-property-set")
)  # fmt: skip


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
    epoch, mounts = scope.files.epoch, scope.place.mounts
    if mounts is not None:
        return lambda node: mounts.etag(epoch, node)
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
    actor, locks = scope.actor, scope.locks

    def told(node: Node) -> str:
        # Who comes by a link is not told who has the locks of others.
        found = [(lock, actor.visit is None or is_of(lock, actor)) for lock in locks.on(scope.above, node)]
        return "".join(activelock(lock if mine else lock._replace(owner=""), locks.root(lock)) for lock, mine in found)

    return told


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


def owner(scope: Scope) -> Value:
    """RFC 3744 section 5.1."""
    name = scope.owner
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


def supported_report_set(scope: Scope) -> Value:
    """RFC 3253 section 3.1.5."""
    return lambda node: REPORTS if node.kind == FOLDER else FILE_REPORTS


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
        return href(scope.place.href_of(listing.chain(scope.connection, node)))

    return told


def win32_last_modified(scope: Scope) -> Value:
    """The time of modification under the name by which Windows sets it."""
    return getlastmodified(scope)


def sync_token(scope: Scope) -> Value:
    """RFC 6578 section 4."""
    if scope.place.mounts is not None:
        return lambda node: scope.sync_token_of(node) if node.kind == FOLDER else None
    token = scope.sync_token
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


def oc_permissions(scope: Scope) -> Value:
    """What the asker may do, in the letters of ownCloud's and Nextcloud's clients.

    G read; W overwrite a file; C and K make files and folders in a folder;
    D, N and V delete, rename and move, which is a right on the folder that
    holds it: of what was received that is the receiver's.  S and M: it was
    received, or is in something that was.  R: may be shared.
    """
    place, top = scope.place, scope.place.chain[-1]
    held, received = rights_on_folder(scope.connection, scope.actor, place), place.mount.received is not None
    sharing = scope.files.settings.get("sharing.enabled")

    def told(node: Node) -> str:
        rights = scope.rights(node) if sharing and node.parent else scope.rights(node) & ~SHARING
        above = held if node.id == top.id else scope.rights_above(node)
        return letters(rights, above, node.kind == FOLDER, received)

    return told


def letters_of(files: Files, connection: Connection, actor: Actor, place: Place) -> str:
    """The same letters for a file at a place."""
    rights = place.rights if files.settings.get("sharing.enabled") else place.rights & ~SHARING
    return letters(rights, rights_on_folder(connection, actor, place), False, place.mount.received is not None)


def rights_on_folder(connection: Connection, actor: Actor, place: Place) -> Rights:
    """What the asker may do with the folder that holds a place."""
    if place.is_root:
        return Permission.NONE if place.mount.outer is None else place.mount.outer.rights
    return guard.rights(connection, actor, place.space, place.chain[:-1])


@lru_cache(maxsize=512)
def letters(rights: Rights, above: Rights, folder: bool, received: bool = False) -> str:
    """The letters for rights on something, and on the folder that holds it."""
    found = "SM" if received else ""
    found += "R" if rights & SHARING else ""
    found += "G" if rights & Permission.READ else ""
    if above & Permission.UNBIND:
        found += "DNV" if above & Permission.BIND else "D"
    if folder:
        return found + ("CK" if rights & Permission.BIND else "")
    return found + ("W" if rights & Permission.WRITE_CONTENT else "")


def oc_data_fingerprint(scope: Scope) -> Value:
    """Of a root: changes when the index was restored or made anew.

    Then clients keep what they have and the server has lost, instead of
    believing that it was deleted or is older by intention.
    """
    epoch = f"{scope.files.epoch:x}"
    return lambda node: None if node.parent else epoch


def oc_share_types(scope: Scope) -> Value:
    """Whether it is shared with users (0) or groups (1), for those who shared it or may see who has access."""
    kinds = scope.known.kinds if scope.known is not None else None
    kinds, top = kinds or Kinds(scope.connection, scope.actor), scope.place.chain[-1].id

    def told(node: Node) -> str:
        found = kinds.of(node, scope.rights(node), node.id == top)
        return "".join(f"<oc:share-type>{number}</oc:share-type>" for number in found)

    return told


def oc_owner_id(scope: Scope) -> Value:
    """The account in whose home it is; project spaces belong to nobody."""
    name = scope.owner
    told = None if name is None else escape(name)
    return lambda node: told


def oc_owner_display_name(scope: Scope) -> Value:
    """The name of that account that others see."""
    name = scope.owner_display_name
    told = None if name is None else escape(name)
    return lambda node: told


def nc_has_preview(scope: Scope) -> Value:
    """Whether there is a picture of it: never."""
    return lambda node: "false"


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
    (DAV, "supported-privilege-set"): supported_privilege_set,
    (DAV, "acl"): acl,
    (DAV, "acl-restrictions"): acl_restrictions,
    (DAV, "inherited-acl-set"): inherited_acl_set,
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
    (OC, "permissions"): oc_permissions,
    (OC, "data-fingerprint"): oc_data_fingerprint,
    (OC, "share-types"): oc_share_types,
    (OC, "owner-id"): oc_owner_id,
    (OC, "owner-display-name"): oc_owner_display_name,
    (NC, "has-preview"): nc_has_preview,
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
        "supported-live-property-set", "sync-token", "supported-privilege-set", "acl-restrictions",
    )
)  # fmt: skip
#: All that is told of a folder that the asker may only walk through: what a client needs that
#: keeps a copy of what can be read below it.
WAY = frozenset(
    (DAV, name)
    for name in (
        "resourcetype", "displayname", "current-user-principal", "current-user-privilege-set", "iscollection",
        "principal-collection-set", "supported-method-set", "supported-privilege-set", "acl-restrictions", "getetag",
        "resource-id",
    )
) | {(OC, "id"), (OC, "fileid")}  # fmt: skip
#: Properties that one member has and the next may not have, or not for the asker.
VARYING = frozenset({(OC, "checksums"), (OC, "data-fingerprint"), (DAV, "acl")})
