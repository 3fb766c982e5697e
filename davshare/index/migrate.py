"""Schema migrations (Alembic)."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection as Engaged
from sqlalchemy import text

from davshare.index.database import REVISION, Database


def upgrade(database: Database) -> None:
    """Make the tables, or bring them up to :data:`~davshare.index.database.REVISION`.

    :raises Unavailable: the database does not answer.
    """
    engine = database.engine()
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("PRAGMA journal_mode=WAL"))
            connection.commit()
        with connection.begin():
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
            config.attributes["connection"] = connection
            command.upgrade(config, REVISION)
            _seed(connection)
    engine.dispose()


def _seed(connection: Engaged) -> None:
    for name, value in (("node", 0), ("epoch", 1), ("generation", 1), ("commits", 0)):
        connection.execute(
            text("INSERT INTO counter (name, value) VALUES (:name, :value) ON CONFLICT DO NOTHING"),
            {"name": name, "value": value},
        )
