"""The table of public links (SQLAlchemy Core); see :mod:`davshare.index.schema`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, SmallInteger, Table

from davshare.index.columns import Id, String, metadata

link = Table(
    "link",
    metadata,
    Column("id", Id, primary_key=True, comment="greater than that of every share"),
    Column("node", BigInteger, nullable=False, comment="what it shows, wherever that is"),
    Column(
        "creator", ForeignKey("principal.id", ondelete="CASCADE"), nullable=False, comment="on whose rights it rests"
    ),
    Column("token_hash", LargeBinary, nullable=False, comment="SHA-256"),
    Column("token_sealed", LargeBinary, nullable=False, comment="encrypted: its maker sees it again"),
    Column("rights", BigInteger, nullable=False, comment="model.access.Permission"),
    Column("label", String, nullable=False, server_default=""),
    Column("note", String, nullable=False, server_default="", comment="for those who come by it"),
    Column("password", String, comment="hash; NULL: none"),
    Column("password_version", Integer, nullable=False, server_default="0", comment="sessions of older ones are over"),
    Column("created", BigInteger, nullable=False, comment="seconds since 1970"),
    Column("expires", BigInteger, comment="seconds since 1970; NULL: never"),
    Column("uses", BigInteger, nullable=False, server_default="0"),
    Column("max_uses", BigInteger, comment="NULL: any number"),
    Column("paused", SmallInteger, nullable=False, server_default="0"),
    Column("hide_download", SmallInteger, nullable=False, server_default="0", comment="1: pages offer no download"),
    Column("original", BigInteger, comment="what `node` is a copy of that does not change; NULL: it is no copy"),
    Column("frozen", BigInteger, comment="when that copy was made, in seconds since 1970"),
    Index("link_token", "token_hash", unique=True),
    Index("link_node", "node"),
    Index("link_original", "original"),
    Index("link_creator", "creator"),
    sqlite_autoincrement=True,
)
