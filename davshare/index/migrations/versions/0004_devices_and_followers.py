"""When devices were seen, which are to be wiped and what they were granted, uploads of other kinds, and webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_OPEN = sa.text("answer=''")
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str, default: str | None = "") -> sa.Column:
    return sa.Column(name, _TEXT, server_default=default, nullable=False)


def _number(name: str, nullable: bool = False, **options: object) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=nullable, **options)


def _user() -> sa.Column:
    return sa.Column("user", sa.BigInteger(), sa.ForeignKey("principal.id", ondelete="CASCADE"), nullable=False)


def upgrade() -> None:
    device = sa.ForeignKey("apptoken.id", ondelete="CASCADE")
    op.create_table(
        "seen",
        sa.Column("device", sa.BigInteger(), device, primary_key=True),
        _number("space", primary_key=True),
        _number("seq", nullable=True),
        _number("at"),
        _text("agent"),
        _text("peer"),
    )
    op.create_table(
        "wipe",
        sa.Column("hash", sa.LargeBinary(), primary_key=True),
        _user(),
        _text("label"),
        _number("asked"),
        _number("done", nullable=True),
    )
    op.create_index("wipe_user", "wipe", ["user"])
    op.create_table(
        "consent",
        sa.Column("device", sa.BigInteger(), sa.ForeignKey("apptoken.id", ondelete="CASCADE"), primary_key=True),
        _text("client", None),
        _text("scope", None),
        sa.Column("refresh", sa.LargeBinary()),
        _number("signed_in"),
    )
    for column in (_text("kind", "chunks"), _text("payload"), _text("answer")):
        op.add_column("upload", column)
    op.drop_index("upload_space", "upload")
    op.create_index("upload_open", "upload", ["space"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index("upload_opener", "upload", ["user"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_table(
        "webhook",
        sa.Column("id", _ID, primary_key=True),
        _user(),
        _text("url", None),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        _text("address"),
        _text("token", None),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        _number("next"),
        _text("status"),
        sa.Column("paused", sa.SmallInteger(), server_default="0", nullable=False),
        _number("created"),
        sqlite_autoincrement=True,
    )
    op.create_index("webhook_user", "webhook", ["user"])
    op.create_index("webhook_next", "webhook", ["next"])
