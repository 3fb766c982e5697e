"""Shares and what became of them; the permission to share belongs to those who may change access."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _number(name: str, **options: object) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=False, **options)


def _principal(name: str, **options: bool) -> sa.Column:
    key = sa.ForeignKey("principal.id", ondelete="CASCADE")
    return sa.Column(name, sa.BigInteger(), key, nullable=False, **options)


def _links() -> None:
    """Public links.  Their ids begin above those of shares, so that nothing takes one for the other."""
    first = 1_000_000_000
    op.create_table(
        "link",
        sa.Column("id", _ID, primary_key=True),
        _number("node"),
        _principal("creator"),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("token_sealed", sa.LargeBinary(), nullable=False),
        _number("rights"),
        sa.Column("label", _TEXT, server_default="", nullable=False),
        sa.Column("note", _TEXT, server_default="", nullable=False),
        sa.Column("password", _TEXT),
        sa.Column("password_version", sa.Integer(), server_default="0", nullable=False),
        _number("created"),
        sa.Column("expires", sa.BigInteger()),
        _number("uses", server_default="0"),
        sa.Column("max_uses", sa.BigInteger()),
        sa.Column("paused", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("hide_download", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("original", sa.BigInteger()),
        sa.Column("frozen", sa.BigInteger()),
        sqlite_autoincrement=True,
    )
    op.create_index("link_token", "link", ["token_hash"], unique=True)
    op.create_index("link_node", "link", ["node"])
    op.create_index("link_original", "link", ["original"])
    op.create_index("link_creator", "link", ["creator"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"INSERT INTO sqlite_sequence (name, seq) VALUES ('link', {first})")
    else:
        op.execute(f"SELECT setval(pg_get_serial_sequence('link', 'id'), {first})")
    op.add_column("lock", _number("link", server_default="0"))


def _deposits() -> None:
    """What visitors have left by public links."""
    op.create_table(
        "deposit",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("link", sa.BigInteger(), sa.ForeignKey("link.id", ondelete="CASCADE"), nullable=False),
        sa.Column("batch", sa.LargeBinary(), nullable=False),
        _number("node"),
        _number("stamp"),
        sa.Column("path", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        _number("size"),
        sa.Column("sha256", sa.LargeBinary()),
        _number("created"),
        sa.Column("withdrawn", sa.BigInteger()),
        sqlite_autoincrement=True,
    )
    op.create_index("deposit_batch", "deposit", ["batch"])
    op.create_index("deposit_link", "deposit", ["link"])
    op.create_index("deposit_created", "deposit", ["created"])


def upgrade() -> None:
    op.create_table(
        "share",
        sa.Column("id", _ID, primary_key=True),
        _number("node"),
        _number("principal"),
        sa.Column("deny", sa.SmallInteger(), server_default="0", nullable=False),
        _principal("sharer"),
        sa.Column("note", _TEXT, server_default="", nullable=False),
        _number("created"),
        sa.Column("accepted", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["node", "principal", "deny"], ["grant.node", "grant.principal", "grant.deny"], ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("share_grant", "share", ["node", "principal", "deny"], unique=True)
    op.create_index("share_principal", "share", ["principal"])
    op.create_index("share_sharer", "share", ["sharer"])
    op.create_table(
        "receipt",
        sa.Column("share", sa.BigInteger(), sa.ForeignKey("share.id", ondelete="CASCADE"), primary_key=True),
        _principal("user", primary_key=True),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("parent", sa.BigInteger()),
        sa.Column("name", _TEXT),
        sa.Column("name_key", _TEXT),
    )
    op.create_index("receipt_user", "receipt", ["user"])
    _settings()
    # Everything is one permission more than before.
    op.execute('UPDATE "grant" SET rights=511 WHERE rights=255')
    for table in ("apptoken", "session"):
        op.execute(f"UPDATE {table} SET mask=511 WHERE mask=255")
    _links()
    _deposits()
    _mail()
    _notices()
    _events()


def _text(name: str, default: str | None = None, **options: bool) -> sa.Column:
    return sa.Column(name, _TEXT, server_default=default, nullable=False, **options)


def _mail() -> None:
    """What is to be sent by mail."""
    op.create_table(
        "mail",
        sa.Column("id", _ID, primary_key=True),
        _text("recipient"),
        _text("name", ""),
        _text("subject"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        _text("message"),
        _number("created"),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        _number("next"),
        _text("status", ""),
        sa.Column("given_up", sa.SmallInteger(), server_default="0", nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("mail_next", "mail", ["given_up", "next"])
    op.create_index("mail_recipient", "mail", ["recipient"])


def _notices() -> None:
    """What people are told, what was told already, and how they want it."""
    op.create_table(
        "notification",
        sa.Column("id", _ID, primary_key=True),
        _principal("user"),
        _text("kind"),
        sa.Column("node", sa.BigInteger()),
        _text("subject"),
        _number("at"),
        sa.Column("read", sa.SmallInteger(), server_default="0", nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("notification_user", "notification", ["user", "id"])
    op.create_table("reminder", sa.Column("mark", _TEXT, primary_key=True), sa.Column("expires", sa.BigInteger()))


def _events() -> None:
    """Who shared what with whom, and other things that no journal of files tells."""
    op.create_table(
        "event",
        sa.Column("id", _ID, primary_key=True),
        _number("at"),
        _text("kind"),
        sa.Column("actor", sa.BigInteger()),
        _text("actor_name", ""),
        sa.Column("device", sa.BigInteger()),
        _text("peer", ""),
        _text("agent", ""),
        sa.Column("space", sa.BigInteger()),
        sa.Column("node", sa.BigInteger()),
        sa.Column("whom", sa.BigInteger()),
        _text("whom_name", ""),
        _text("detail", ""),
        sqlite_autoincrement=True,
    )
    op.create_index("event_at", "event", ["at"])
    op.create_index("event_space", "event", ["space"])


def _settings() -> None:
    """What is set for single people; names by which other servers know settings, too."""
    op.create_table(
        "user_setting",
        _principal("user", primary_key=True),
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("value", _TEXT, nullable=False),
    )
    op.create_index("user_setting_name", "user_setting", ["name"])
    for old, new in (("lock.default_seconds", "locks.default_timeout"), ("lock.max_seconds", "locks.max_timeout")):
        op.execute(sa.text("UPDATE setting SET name=:new WHERE name=:old").bindparams(old=old, new=new))
