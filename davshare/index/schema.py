"""The tables, for migrations and administration (SQLAlchemy Core).

The request path uses the fixed statements of the sibling modules; this is
where the columns and their meaning are written down.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    UniqueConstraint,
    text,
)

from davshare.index.columns import Id, String
from davshare.index.columns import metadata as metadata
from davshare.index.nodes import UNREAD
from davshare.index.schema_access import grant as grant
from davshare.index.schema_deposits import deposit as deposit
from davshare.index.schema_events import event as event
from davshare.index.schema_links import link as link
from davshare.index.schema_notices import mail as mail

_HAS_EMAIL = text("email <> ''")

counter = Table(
    "counter",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", BigInteger, nullable=False),
    comment="node: last node id given out; epoch: raised by a restore; commits: of files; generation: raised by "
    "every change of people, tokens, spaces, grants and settings",
)

setting = Table(
    "setting",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False, comment="JSON"),
)

principal = Table(
    "principal",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String, nullable=False, comment="user or group"),
    Column("name", String, nullable=False),
    Column("display_name", String, nullable=False, server_default=""),
    Column("email", String, nullable=False, server_default=""),
    Column("password", String, comment="Argon2id; NULL: cannot sign in with a password"),
    Column("admin", SmallInteger, nullable=False, server_default="0"),
    Column("disabled", SmallInteger, nullable=False, server_default="0"),
    Column("quota", BigInteger, comment="bytes for the home; NULL: no limit"),
    Column("created", BigInteger, nullable=False, comment="seconds since 1970"),
    Column(
        "guest", SmallInteger, nullable=False, server_default="0", comment="1: a read-only home, only what was granted"
    ),
    Column("second_factor", SmallInteger, nullable=False, server_default="0", comment="1: a password is not enough"),
    Column("totp", LargeBinary, comment="secret of the second factor, encrypted; NULL: none is set up"),
    Column("source", String, nullable=False, server_default="", comment="who keeps it: empty, ldap, oidc"),
    UniqueConstraint("kind", "name"),
    Index("principal_email", text("lower(email)"), sqlite_where=_HAS_EMAIL, postgresql_where=_HAS_EMAIL),
    sqlite_autoincrement=True,
)

identity = Table(
    "identity",
    metadata,
    Column("issuer", String, primary_key=True, comment="of OpenID Connect, or ldap"),
    Column("subject", String, primary_key=True),
    Column("principal", ForeignKey("principal.id", ondelete="CASCADE"), nullable=False),
    Index("identity_principal", "principal"),
)

member = Table(
    "member",
    metadata,
    Column("group", ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True),
    Column("user", ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True, comment="or a group in the group"),
    Column("source", String, nullable=False, server_default="", comment="who says so: empty, ldap, an issuer"),
    Index("member_user", "user"),
)

manager = Table(
    "manager",
    metadata,
    Column("group", ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True),
    Column("user", ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True),
    Index("manager_user", "user"),
)

session = Table(
    "session",
    metadata,
    Column("id", String, primary_key=True, comment="random; the jti of our own JWT"),
    Column("user", ForeignKey("principal.id", ondelete="CASCADE"), nullable=False),
    Column("label", String, nullable=False, server_default=""),
    Column("mask", BigInteger, nullable=False, comment="permissions it can use at most"),
    Column("node", BigInteger, comment="reaches only this node and below; NULL: everything"),
    Column("device", ForeignKey("apptoken.id", ondelete="CASCADE"), comment="app token that it was got with"),
    Column("issuer", String, nullable=False, server_default="", comment="of the OpenID provider that vouched"),
    Column("subject", String, nullable=False, server_default="", comment="sub there"),
    Column("sid", String, nullable=False, server_default="", comment="session there, for back-channel logout"),
    Column("created", BigInteger, nullable=False, comment="seconds since 1970"),
    Column("expires", BigInteger, nullable=False, comment="seconds since 1970"),
    Index("session_user", "user"),
    Index("session_issuer", "issuer", "subject"),
    Index(
        "session_device", "device", sqlite_where=text("device IS NOT NULL"), postgresql_where=text("device IS NOT NULL")
    ),
)

signing_key = Table(
    "signing_key",
    metadata,
    Column("kid", String, primary_key=True, comment="the key itself is derived from the site's key and this"),
    Column("created", BigInteger, nullable=False, comment="seconds since 1970; the newest signs"),
)

onetime = Table(
    "onetime",
    metadata,
    Column("hash", LargeBinary, primary_key=True, comment="SHA-256 of what comes back once"),
    Column("purpose", String, nullable=False, comment="reset, login, logout, code and others"),
    Column("user", ForeignKey("principal.id", ondelete="CASCADE")),
    Column("payload", String, nullable=False, server_default="", comment="JSON"),
    Column("expires", BigInteger, nullable=False, comment="seconds since 1970"),
    Index("onetime_expires", "expires"),
)

apptoken = Table(
    "apptoken",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user", ForeignKey("principal.id", ondelete="CASCADE"), nullable=False),
    Column("label", String, nullable=False, server_default=""),
    Column("hash", LargeBinary, nullable=False, unique=True, comment="SHA-256 of the secret"),
    Column("mask", BigInteger, nullable=False, comment="permissions it can use at most"),
    Column("node", BigInteger, comment="reaches only this node and below; NULL: everything"),
    Column("scope", String, nullable=False, server_default="", comment="as it was asked for"),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, comment="seconds since 1970; NULL: never"),
    Index("apptoken_user", "user"),
    sqlite_autoincrement=True,
)

seen = Table(
    "seen",
    metadata,
    Column("device", ForeignKey("apptoken.id", ondelete="CASCADE"), primary_key=True),
    Column("space", BigInteger, primary_key=True, comment="0: anywhere"),
    Column("seq", BigInteger, comment="last journal entry that it was told of; NULL: it never asked"),
    Column("at", BigInteger, nullable=False, comment="seconds since 1970"),
    Column("agent", String, nullable=False, server_default="", comment="User-Agent"),
    Column("peer", String, nullable=False, server_default="", comment="address"),
)

wipe = Table(
    "wipe",
    metadata,
    Column("hash", LargeBinary, primary_key=True, comment="SHA-256 of the app token that is to end"),
    Column("user", ForeignKey("principal.id", ondelete="CASCADE"), nullable=False),
    Column("label", String, nullable=False, server_default="", comment="of the device"),
    Column("asked", BigInteger, nullable=False, comment="seconds since 1970"),
    Column("done", BigInteger, comment="when the device said that it has wiped; NULL: not yet"),
    Index("wipe_user", "user"),
)

consent = Table(
    "consent",
    metadata,
    Column("device", ForeignKey("apptoken.id", ondelete="CASCADE"), primary_key=True, comment="what was granted"),
    Column("client", String, nullable=False, comment="the program that it was granted to, by its id"),
    Column("scope", String, nullable=False, comment="of OpenID Connect, separated by spaces"),
    Column("refresh", LargeBinary, comment="SHA-256 of the refresh token that is good now; NULL: there is none"),
    Column("signed_in", BigInteger, nullable=False, comment="seconds since 1970"),
)

throttle = Table(
    "throttle",
    metadata,
    Column("key", LargeBinary, primary_key=True, comment="keyed hash of account and network"),
    Column("failures", Integer, nullable=False),
    Column("at", BigInteger, nullable=False, comment="seconds since 1970 of the last failure"),
)

space = Table(
    "space",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String, nullable=False, comment="home, space, or snapshot: what frozen links show"),
    Column("name", String, nullable=False),
    Column("owner", ForeignKey("principal.id"), comment="of a home"),
    Column("root", String, nullable=False, comment="folder; relative to the data folder or absolute"),
    Column("node", BigInteger, nullable=False, comment="its root node"),
    Column("trash", BigInteger, nullable=False, comment="its hidden trash node"),
    Column("head", BigInteger, nullable=False, comment="number of the last journal entry"),
    Column("floor", BigInteger, nullable=False, comment="oldest sync token that can be answered"),
    Column("quota", BigInteger, comment="bytes; NULL: no limit"),
    Column("read_only", SmallInteger, nullable=False, server_default="0"),
    Column("description", String, nullable=False, server_default=""),
    Column("created", BigInteger, nullable=False),
    Column("portable", SmallInteger, nullable=False, server_default="0", comment="1: only names for every system"),
    Column("anchor", BigInteger, comment="inode of a root without a marker: nothing can be written there"),
    Column("vanished", BigInteger, nullable=False, server_default="0", comment="nodes gone from disk lately"),
    Column("vanished_at", BigInteger, nullable=False, server_default="0", comment="when the first of them went"),
    Column("population", BigInteger, nullable=False, server_default="0", comment="nodes there were before they went"),
    Column("held", BigInteger, nullable=False, server_default="0", comment="nodes gone from disk: a person judges"),
    UniqueConstraint("kind", "name"),
    Index("space_owner", "owner"),
    sqlite_autoincrement=True,
)

node = Table(
    "node",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("space", BigInteger, nullable=False),
    Column("parent", BigInteger, nullable=False, comment="0 for the roots"),
    Column("name", String, nullable=False, comment="NFC form, the key of comparison"),
    Column("spelling", String, comment="the name as it came, when that is not NFC"),
    Column("kind", SmallInteger, nullable=False, comment="0 file, 1 folder"),
    Column("size", BigInteger, nullable=False, comment="bytes; of a folder: of all below it"),
    Column("mtime_ns", BigInteger, nullable=False, comment="nanoseconds since 1970"),
    Column(
        "disk_ns",
        BigInteger,
        comment="the file's own time where it differs from mtime_ns; of a folder: its time on disk when its members"
        " were last compared, NULL: they have to be",
    ),
    Column("inode", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False, comment="its last journal entry"),
    Column("place_seq", BigInteger, nullable=False, comment="entry that gave it parent and name"),
    Column("stamp", BigInteger, nullable=False, comment="last content change; of a folder: below it"),
    Column("created", BigInteger, nullable=False, comment="seconds since 1970"),
    Column("birth_ns", BigInteger, comment="when the inode came into being; NULL: the filesystem does not say"),
    Index("node_place", "parent", "name", unique=True),
    Index("node_inode", "inode"),
    Index("node_unread", "space", sqlite_where=text(UNREAD), postgresql_where=text(UNREAD)),
)

digest = Table(
    "digest",
    metadata,
    Column("node", Id, primary_key=True, autoincrement=False),
    Column("stamp", BigInteger, nullable=False, comment="node.stamp that the values belong to"),
    Column("sha256", LargeBinary),
    Column("sha1", LargeBinary),
    Column("md5", LargeBinary),
    Column("adler32", BigInteger),
    Column("crc32", BigInteger),
)

journal = Table(
    "journal",
    metadata,
    Column("space", BigInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("node", BigInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False, comment="model.journal.Kind"),
    Column("deep", SmallInteger, nullable=False, comment="1: stands for everything below the node"),
    Column("old_parent", BigInteger, comment="where a moved or deleted node was"),
    Column("old_name", String),
    Column("actor", BigInteger, comment="principal; NULL: the server itself"),
    Column("device", BigInteger, comment="app token, or the link by which somebody came"),
    Column("version", BigInteger, comment="stamp of the replaced content; of ACCESS: whose (NULL: anybody's)"),
    Column("at", BigInteger, nullable=False, comment="seconds since 1970"),
    Index("journal_left", "node", "seq", sqlite_where=text("old_parent > 0"), postgresql_where=text("old_parent > 0")),
    Index("journal_access", "space", "seq", sqlite_where=text("kind = 6"), postgresql_where=text("kind = 6")),
    Index(
        "journal_from",
        "old_parent",
        "seq",
        sqlite_where=text("old_parent > 0"),
        postgresql_where=text("old_parent > 0"),
    ),
    sqlite_with_rowid=False,
)

redo = Table(
    "redo",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False, comment="from the counter commits, in order"),
    Column("space", BigInteger, nullable=False),
    Column("source", LargeBinary, nullable=False, comment="path below the space's root"),
    Column("target", LargeBinary, nullable=False),
    Column("inode", BigInteger, nullable=False, comment="of what is to be moved"),
    Column("stuck", SmallInteger, nullable=False, server_default="0", comment="1: the storage refused it"),
    Column("node", BigInteger, comment="the file whose content is noted, until it is on disk for good"),
    Column("stamp", BigInteger),
    Column("content", LargeBinary),
    Index("redo_inode", "inode"),
)

property_ = Table(
    "property",
    metadata,
    Column("node", BigInteger, primary_key=True),
    Column("namespace", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False, comment="the whole element"),
    sqlite_with_rowid=False,
)

lock = Table(
    "lock",
    metadata,
    Column("token", String, primary_key=True, comment="urn:uuid:..."),
    Column("space", BigInteger, nullable=False),
    Column("node", BigInteger, nullable=False),
    Column("exclusive", SmallInteger, nullable=False),
    Column("infinite", SmallInteger, nullable=False, comment="0: Depth 0"),
    Column("creator", BigInteger, nullable=False, comment="principal"),
    Column("owner", String, nullable=False, comment="content of DAV:owner as it came"),
    Column("timeout", BigInteger, nullable=False, comment="seconds that were granted"),
    Column("expires", BigInteger, nullable=False, comment="seconds since 1970"),
    Column("link", BigInteger, nullable=False, server_default="0", comment="by which its maker came; 0: by none"),
    Index("lock_space", "space"),
    Index("lock_node", "node"),
)

trash = Table(
    "trash",
    metadata,
    Column("node", Id, primary_key=True, autoincrement=False),
    Column("space", BigInteger, nullable=False),
    Column("parent", BigInteger, nullable=False),
    Column("name", String, nullable=False),
    Column("actor", BigInteger),
    Column("seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("trash_at", "at"),
)

upload = Table(
    "upload",
    metadata,
    Column("file", String, primary_key=True, comment="in the staging folder of the space; chunks are appended to it"),
    Column("user", ForeignKey("principal.id", ondelete="CASCADE"), nullable=False),
    Column("name", String, nullable=False, comment="chosen by the client"),
    Column("space", BigInteger, nullable=False),
    Column("total", BigInteger, comment="announced size in bytes; NULL: unknown"),
    Column("touched", BigInteger, nullable=False, comment="seconds since 1970"),
    Column("kind", String, nullable=False, server_default="chunks", comment="chunks, tus or old"),
    Column("payload", String, nullable=False, server_default="", comment="JSON: what was said when it was opened"),
    Column("answer", String, nullable=False, server_default="", comment="JSON: what was answered when it was complete"),
    Index("upload_user", "user", "name", unique=True),
    # Complete ones stay for days, and are nothing to those who count what is open.
    Index("upload_open", "space", sqlite_where=text("answer=''"), postgresql_where=text("answer=''")),
    Index("upload_opener", "user", sqlite_where=text("answer=''"), postgresql_where=text("answer=''")),
    Index("upload_touched", "touched"),
)

chunk = Table(
    "chunk",
    metadata,
    Column("upload", ForeignKey("upload.file", ondelete="CASCADE"), primary_key=True),
    Column("number", BigInteger, primary_key=True, comment="its place among the chunks"),
    Column("name", String, nullable=False, comment="the number as the client spells it"),
    Column("file", String, nullable=False, comment="the staged file that holds it: that of the upload, or its own"),
    Column("start", BigInteger, nullable=False, comment="offset in that file"),
    Column("size", BigInteger, nullable=False),
)

follower = Table(
    "follower",
    metadata,
    Column("name", String, primary_key=True),
    Column("space", BigInteger, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)

webhook = Table(
    "webhook",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user", ForeignKey("principal.id", ondelete="CASCADE"), nullable=False, comment="who sees what it tells"),
    Column("url", String, nullable=False),
    Column("secret", LargeBinary, nullable=False, comment="signs what is sent; encrypted"),
    Column("address", String, nullable=False, server_default="", comment="folder whose changes are told"),
    Column("token", String, nullable=False, comment="sync token up to which all was delivered"),
    Column("attempts", Integer, nullable=False, server_default="0", comment="that failed since the last success"),
    Column("next", BigInteger, nullable=False, comment="seconds since 1970: not before"),
    Column("status", String, nullable=False, server_default="", comment="what the last attempt met"),
    Column("paused", SmallInteger, nullable=False, server_default="0"),
    Column("created", BigInteger, nullable=False, comment="seconds since 1970"),
    Index("webhook_user", "user"),
    Index("webhook_next", "next"),
    sqlite_autoincrement=True,
)

lease = Table(
    "lease",
    metadata,
    Column("name", String, primary_key=True, comment="what only one process may do at a time"),
    Column("holder", String, nullable=False),
    Column("expires", BigInteger, nullable=False, comment="seconds since 1970"),
)
