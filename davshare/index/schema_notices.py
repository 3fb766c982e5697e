"""The tables about what people are told (SQLAlchemy Core); see :mod:`davshare.index.schema`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, SmallInteger, Table

from davshare.index.columns import Id, String, metadata

mail = Table(
    "mail",
    metadata,
    Column("id", Id, primary_key=True),
    Column("recipient", String, nullable=False, comment="e-mail address"),
    Column("name", String, nullable=False, server_default="", comment="who that is"),
    Column("subject", String, nullable=False),
    Column("body", LargeBinary, nullable=False, comment="plain text; encrypted: there may be secret links in it"),
    Column("message", String, nullable=False, comment="Message-ID, the same in every attempt"),
    Column("created", BigInteger, nullable=False, comment="seconds since 1970"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next", BigInteger, nullable=False, comment="seconds since 1970: not before"),
    Column("status", String, nullable=False, server_default="", comment="what the last attempt met"),
    Column("given_up", SmallInteger, nullable=False, server_default="0"),
    Index("mail_next", "given_up", "next"),
    Index("mail_recipient", "recipient"),
    sqlite_autoincrement=True,
)

notification = Table(
    "notification",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user", ForeignKey("principal.id", ondelete="CASCADE"), nullable=False, comment="who is told"),
    Column("kind", String, nullable=False, comment="notices.kinds.Kind"),
    Column("node", BigInteger, comment="what it is about; NULL: no file or folder"),
    Column("subject", String, nullable=False, comment="JSON: ids and names, never that of the node"),
    Column("at", BigInteger, nullable=False, comment="seconds since 1970"),
    Column("read", SmallInteger, nullable=False, server_default="0"),
    Index("notification_user", "user", "id"),
    sqlite_autoincrement=True,
)

reminder = Table(
    "reminder",
    metadata,
    Column("mark", String, primary_key=True, comment="what was told already, and is not told again"),
    Column("expires", BigInteger, comment="seconds since 1970, then it is forgotten; NULL: while it is so"),
)
