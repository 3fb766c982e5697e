"""Guests, managers, nested groups, other sources of accounts, sessions, and grants that deny."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_OF_ONE = sa.text("device IS NOT NULL")
_SOME_TIME = sa.text("expires IS NOT NULL")


def _principal(name: str, **options: object) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), sa.ForeignKey("principal.id", ondelete="CASCADE"), **options)


def _text(name: str) -> sa.Column:
    return sa.Column(name, _TEXT, server_default="", nullable=False)


def upgrade() -> None:
    for column in (
        sa.Column("guest", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("second_factor", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("totp", sa.LargeBinary(), nullable=True),
        _text("source"),
    ):
        op.add_column("principal", column)
    has_email = sa.text("email <> ''")
    op.create_index(
        "principal_email", "principal", [sa.text("lower(email)")], sqlite_where=has_email, postgresql_where=has_email
    )
    op.add_column("member", _text("source"))
    op.create_table(
        "identity",
        sa.Column("issuer", _TEXT, primary_key=True),
        sa.Column("subject", _TEXT, primary_key=True),
        _principal("principal", nullable=False),
    )
    op.create_index("identity_principal", "identity", ["principal"])
    op.create_table("manager", _principal("group", primary_key=True), _principal("user", primary_key=True))
    op.create_index("manager_user", "manager", ["user"])
    op.create_index("space_owner", "space", ["owner"])
    op.create_table(
        "session",
        sa.Column("id", _TEXT, primary_key=True),
        _principal("user", nullable=False),
        _text("label"),
        sa.Column("mask", sa.BigInteger(), nullable=False),
        sa.Column("node", sa.BigInteger(), nullable=True),
        sa.Column("device", sa.BigInteger(), sa.ForeignKey("apptoken.id", ondelete="CASCADE"), nullable=True),
        _text("issuer"),
        _text("subject"),
        _text("sid"),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
    )
    op.create_index("session_user", "session", ["user"])
    op.create_index("session_issuer", "session", ["issuer", "subject"])
    op.create_index("session_device", "session", ["device"], sqlite_where=_OF_ONE, postgresql_where=_OF_ONE)
    op.create_table(
        "signing_key",
        sa.Column("kid", _TEXT, primary_key=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "onetime",
        sa.Column("hash", sa.LargeBinary(), primary_key=True),
        sa.Column("purpose", _TEXT, nullable=False),
        _principal("user"),
        _text("payload"),
        sa.Column("expires", sa.BigInteger(), nullable=False),
    )
    op.create_index("onetime_expires", "onetime", ["expires"])
    of_access = sa.text("kind = 6")
    op.create_index("journal_access", "journal", ["space", "seq"], sqlite_where=of_access, postgresql_where=of_access)
    _grants()
    _uploads()


def _uploads() -> None:
    op.create_table(
        "upload",
        sa.Column("file", _TEXT, primary_key=True),
        _principal("user", nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("space", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("touched", sa.BigInteger(), nullable=False),
    )
    op.create_index("upload_user", "upload", ["user", "name"], unique=True)
    op.create_index("upload_space", "upload", ["space"])
    op.create_index("upload_touched", "upload", ["touched"])
    op.create_table(
        "chunk",
        sa.Column("upload", _TEXT, sa.ForeignKey("upload.file", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.BigInteger(), primary_key=True),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("file", _TEXT, nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
    )


def _grants() -> None:
    op.create_table(
        "grant_new",
        sa.Column("node", sa.BigInteger(), primary_key=True),
        _principal("principal", primary_key=True),
        sa.Column("deny", sa.SmallInteger(), primary_key=True),
        sa.Column("rights", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=True),
    )
    op.execute(
        "INSERT INTO grant_new (node, principal, deny, rights, expires)"
        ' SELECT node, principal, 0, allow, expires FROM "grant"'
    )
    op.drop_table("grant")
    op.rename_table("grant_new", "grant")
    op.create_index("grant_principal", "grant", ["principal"])
    op.create_index("grant_expires", "grant", ["expires"], sqlite_where=_SOME_TIME, postgresql_where=_SOME_TIME)
