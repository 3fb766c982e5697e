"""The tables about who may what (SQLAlchemy Core); see :mod:`davshare.index.schema`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, ForeignKeyConstraint, Index, SmallInteger, Table, text

from davshare.index.columns import Id, String, metadata

grant = Table(
    "grant",
    metadata,
    Column("node", BigInteger, primary_key=True),
    Column("principal", ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True),
    Column("deny", SmallInteger, primary_key=True, comment="0: allows, 1: denies"),
    Column("rights", BigInteger, nullable=False, comment="model.access.Permission"),
    Column("expires", BigInteger, comment="seconds since 1970; NULL: never"),
    Index("grant_principal", "principal"),
    Index(
        "grant_expires",
        "expires",
        sqlite_where=text("expires IS NOT NULL"),
        postgresql_where=text("expires IS NOT NULL"),
    ),
)

share = Table(
    "share",
    metadata,
    Column("id", Id, primary_key=True),
    Column("node", BigInteger, nullable=False),
    Column("principal", BigInteger, nullable=False, comment="who receives it: user or group"),
    Column("deny", SmallInteger, nullable=False, server_default="0", comment="0: the grant that this is the face of"),
    Column("sharer", ForeignKey("principal.id", ondelete="CASCADE"), nullable=False, comment="the user who shared"),
    Column("note", String, nullable=False, server_default=""),
    Column("created", BigInteger, nullable=False, comment="seconds since 1970"),
    Column("accepted", SmallInteger, nullable=False, comment="1: for receivers who have not said anything"),
    ForeignKeyConstraint(
        ["node", "principal", "deny"], ["grant.node", "grant.principal", "grant.deny"], ondelete="CASCADE"
    ),
    Index("share_grant", "node", "principal", "deny", unique=True),
    Index("share_principal", "principal"),
    Index("share_sharer", "sharer"),
    sqlite_autoincrement=True,
)

receipt = Table(
    "receipt",
    metadata,
    Column("share", ForeignKey("share.id", ondelete="CASCADE"), primary_key=True),
    Column("user", ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True),
    Column("state", SmallInteger, nullable=False, comment="0 accepted, 1 pending, 2 declined"),
    Column("parent", BigInteger, comment="the folder in the user's home where it is seen; NULL: it has no place yet"),
    Column("name", String, comment="under which name"),
    Column("name_key", String, comment="the name in NFC"),
    Index("receipt_user", "user"),
)

user_setting = Table(
    "user_setting",
    metadata,
    Column("user", ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False, comment="JSON"),
    Index("user_setting_name", "name"),
)
