"""The table of what visitors have left by public links (SQLAlchemy Core); see :mod:`davshare.index.schema`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, Table

from davshare.index.columns import Id, String, metadata

deposit = Table(
    "deposit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("link", ForeignKey("link.id", ondelete="CASCADE"), nullable=False),
    Column("batch", LargeBinary, nullable=False, comment="SHA-256 of the receipt's secret"),
    Column("node", BigInteger, nullable=False, comment="what it became, wherever that is"),
    Column("stamp", BigInteger, nullable=False, comment="the content that was left; others are not the visitor's"),
    Column("path", String, nullable=False, comment="as the visitor sent it; of folders with a slash at the end"),
    Column("name", String, nullable=False, comment="the last segment of what it became"),
    Column("size", BigInteger, nullable=False),
    Column("sha256", LargeBinary, comment="NULL for folders"),
    Column("created", BigInteger, nullable=False, comment="seconds since 1970"),
    Column(
        "withdrawn", BigInteger, comment="seconds since 1970; NULL: it is there, as far as the visitor is concerned"
    ),
    Index("deposit_batch", "batch"),
    Index("deposit_link", "link"),
    Index("deposit_created", "created"),
    sqlite_autoincrement=True,
)
