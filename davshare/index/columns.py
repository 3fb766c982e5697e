"""What the descriptions of all tables share."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData, Text

metadata = MetaData()
#: SQLite gives rowid speed only to INTEGER PRIMARY KEY; PostgreSQL needs 64 bits.
Id = BigInteger().with_variant(Integer, "sqlite")
#: Names compare and sort by code point, whatever the database's own collation is.
String = Text().with_variant(Text(collation="C"), "postgresql")
