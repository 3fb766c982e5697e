"""the first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

#: Names compare and sort by code point, whatever the database's own collation is.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "counter",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        comment="node: last node id given out; epoch: raised by a restore; commits: of files; "
        "generation: raised by "
        "every change of people, tokens, spaces, grants and settings",
    )
    op.create_table(
        "digest",
        sa.Column("node", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False, comment="node.stamp that the values belong to"),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("sha1", sa.LargeBinary(), nullable=True),
        sa.Column("md5", sa.LargeBinary(), nullable=True),
        sa.Column("adler32", sa.BigInteger(), nullable=True),
        sa.Column("crc32", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("node"),
    )
    op.create_table(
        "follower",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("space", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "space"),
    )
    op.create_table(
        "journal",
        sa.Column("space", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("node", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False, comment="model.journal.Kind"),
        sa.Column("deep", sa.SmallInteger(), nullable=False, comment="1: stands for everything below the node"),
        sa.Column("old_parent", sa.BigInteger(), nullable=True, comment="where a moved or deleted node was"),
        sa.Column("old_name", TEXT, nullable=True),
        sa.Column("actor", sa.BigInteger(), nullable=True, comment="principal; NULL: the server itself"),
        sa.Column("device", sa.BigInteger(), nullable=True, comment="app token"),
        sa.Column("version", sa.BigInteger(), nullable=True, comment="stamp of the replaced content"),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="seconds since 1970"),
        sa.PrimaryKeyConstraint("space", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "journal_left",
        "journal",
        ["node", "seq"],
        sqlite_where=sa.text("old_parent > 0"),
        postgresql_where=sa.text("old_parent > 0"),
    )
    op.create_index(
        "journal_from",
        "journal",
        ["old_parent", "seq"],
        sqlite_where=sa.text("old_parent > 0"),
        postgresql_where=sa.text("old_parent > 0"),
    )
    op.create_table(
        "lock",
        sa.Column("token", TEXT, nullable=False, comment="urn:uuid:..."),
        sa.Column("space", sa.BigInteger(), nullable=False),
        sa.Column("node", sa.BigInteger(), nullable=False),
        sa.Column("exclusive", sa.SmallInteger(), nullable=False),
        sa.Column("infinite", sa.SmallInteger(), nullable=False, comment="0: Depth 0"),
        sa.Column("creator", sa.BigInteger(), nullable=False, comment="principal"),
        sa.Column("owner", TEXT, nullable=False, comment="content of DAV:owner as it came"),
        sa.Column("timeout", sa.BigInteger(), nullable=False, comment="seconds that were granted"),
        sa.Column("expires", sa.BigInteger(), nullable=False, comment="seconds since 1970"),
        sa.PrimaryKeyConstraint("token"),
    )
    with op.batch_alter_table("lock", schema=None) as batch_op:
        batch_op.create_index("lock_node", ["node"], unique=False)
        batch_op.create_index("lock_space", ["space"], unique=False)

    op.create_table(
        "node",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("space", sa.BigInteger(), nullable=False),
        sa.Column("parent", sa.BigInteger(), nullable=False, comment="0 for the roots"),
        sa.Column("name", TEXT, nullable=False, comment="NFC form, the key of comparison"),
        sa.Column("spelling", TEXT, nullable=True, comment="the name as it came, when that is not NFC"),
        sa.Column("kind", sa.SmallInteger(), nullable=False, comment="0 file, 1 folder"),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="bytes; of a folder: of all below it"),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False, comment="nanoseconds since 1970"),
        sa.Column(
            "disk_ns",
            sa.BigInteger(),
            nullable=True,
            comment="the file's own time where it differs from mtime_ns",
        ),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False, comment="its last journal entry"),
        sa.Column("place_seq", sa.BigInteger(), nullable=False, comment="entry that gave it parent and name"),
        sa.Column("stamp", sa.BigInteger(), nullable=False, comment="last content change; of a folder: below it"),
        sa.Column("created", sa.BigInteger(), nullable=False, comment="seconds since 1970"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("node", schema=None) as batch_op:
        batch_op.create_index("node_place", ["parent", "name"], unique=True)

    op.create_table(
        "principal",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", TEXT, nullable=False, comment="user or group"),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("display_name", TEXT, server_default="", nullable=False),
        sa.Column("email", TEXT, server_default="", nullable=False),
        sa.Column("password", TEXT, nullable=True, comment="Argon2id; NULL: cannot sign in with a password"),
        sa.Column("admin", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("disabled", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("quota", sa.BigInteger(), nullable=True, comment="bytes for the home; NULL: no limit"),
        sa.Column("created", sa.BigInteger(), nullable=False, comment="seconds since 1970"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "property",
        sa.Column("node", sa.BigInteger(), nullable=False),
        sa.Column("namespace", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False, comment="the whole element"),
        sa.PrimaryKeyConstraint("node", "namespace", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "redo",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="from the counter commits, in order",
        ),
        sa.Column("space", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.LargeBinary(), nullable=False, comment="path below the space's root"),
        sa.Column("target", sa.LargeBinary(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False, comment="of what is to be moved"),
        sa.Column("stuck", sa.SmallInteger(), server_default="0", nullable=False, comment="1: the storage refused it"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "setting",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False, comment="JSON"),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "throttle",
        sa.Column("key", sa.LargeBinary(), nullable=False, comment="keyed hash of account and network"),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="seconds since 1970 of the last failure"),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "trash",
        sa.Column("node", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("space", sa.BigInteger(), nullable=False),
        sa.Column("parent", sa.BigInteger(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("actor", sa.BigInteger(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node"),
    )
    with op.batch_alter_table("trash", schema=None) as batch_op:
        batch_op.create_index("trash_at", ["at"], unique=False)

    op.create_table(
        "apptoken",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("label", TEXT, server_default="", nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of the secret"),
        sa.Column("mask", sa.BigInteger(), nullable=False, comment="permissions it can use at most"),
        sa.Column(
            "node",
            sa.BigInteger(),
            nullable=True,
            comment="reaches only this node and below; NULL: everything",
        ),
        sa.Column("scope", TEXT, server_default="", nullable=False, comment="as it was asked for"),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=True, comment="seconds since 1970; NULL: never"),
        sa.ForeignKeyConstraint(["user"], ["principal.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("hash"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("apptoken", schema=None) as batch_op:
        batch_op.create_index("apptoken_user", ["user"], unique=False)

    op.create_table(
        "grant",
        sa.Column("node", sa.BigInteger(), nullable=False),
        sa.Column("principal", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("allow", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=True, comment="seconds since 1970; NULL: never"),
        sa.ForeignKeyConstraint(["principal"], ["principal.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("node", "principal"),
    )
    with op.batch_alter_table("grant", schema=None) as batch_op:
        batch_op.create_index("grant_principal", ["principal"], unique=False)

    op.create_table(
        "member",
        sa.Column("group", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["group"], ["principal.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user"], ["principal.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("group", "user"),
    )
    with op.batch_alter_table("member", schema=None) as batch_op:
        batch_op.create_index("member_user", ["user"], unique=False)

    op.create_table(
        "space",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", TEXT, nullable=False, comment="home or space"),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("owner", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True, comment="of a home"),
        sa.Column("root", TEXT, nullable=False, comment="folder; relative to the data folder or absolute"),
        sa.Column("node", sa.BigInteger(), nullable=False, comment="its root node"),
        sa.Column("trash", sa.BigInteger(), nullable=False, comment="its hidden trash node"),
        sa.Column("head", sa.BigInteger(), nullable=False, comment="number of the last journal entry"),
        sa.Column("floor", sa.BigInteger(), nullable=False, comment="oldest sync token that can be answered"),
        sa.Column("quota", sa.BigInteger(), nullable=True, comment="bytes; NULL: no limit"),
        sa.Column("read_only", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("description", TEXT, server_default="", nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner"],
            ["principal.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "name"),
        sqlite_autoincrement=True,
    )
