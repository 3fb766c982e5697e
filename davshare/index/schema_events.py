"""The table of who shared what with whom, and other things that no journal of files tells (SQLAlchemy Core)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table

from davshare.index.columns import Id, String, metadata

event = Table(
    "event",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", BigInteger, nullable=False, comment="seconds since 1970"),
    Column("kind", String, nullable=False, comment="such as share.create"),
    Column("actor", BigInteger, comment="principal; NULL: the server itself, or an administrator at its console"),
    Column("actor_name", String, nullable=False, server_default="", comment="as it was then"),
    Column("device", BigInteger, comment="app token"),
    Column("peer", String, nullable=False, server_default="", comment="address that the request came from"),
    Column("agent", String, nullable=False, server_default="", comment="User-Agent"),
    Column("space", BigInteger),
    Column("node", BigInteger),
    Column("whom", BigInteger, comment="principal that it was done to"),
    Column("whom_name", String, nullable=False, server_default="", comment="as it was then, such as user:bob"),
    Column("detail", String, nullable=False, server_default="", comment="JSON"),
    Index("event_at", "at"),
    Index("event_space", "space"),
    sqlite_autoincrement=True,
)
