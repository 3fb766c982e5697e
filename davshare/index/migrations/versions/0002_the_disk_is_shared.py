"""Identity of inodes, folders to compare, removals that wait, leases."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_UNREAD = sa.text("kind = 1 AND disk_ns IS NULL")


def upgrade() -> None:
    for column in (
        sa.Column("portable", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("anchor", sa.BigInteger(), nullable=True),
        sa.Column("vanished", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("vanished_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("population", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("held", sa.BigInteger(), server_default="0", nullable=False),
    ):
        op.add_column("space", column)
    op.add_column("node", sa.Column("birth_ns", sa.BigInteger(), nullable=True))
    # Nobody compares what is in the trash with the disk.
    op.execute(
        "UPDATE node SET disk_ns=-1 WHERE kind=1 AND id IN (WITH RECURSIVE down(id) AS (SELECT trash FROM space"
        " UNION ALL SELECT node.id FROM node JOIN down ON node.parent=down.id) SELECT id FROM down)"
    )
    op.create_index("node_inode", "node", ["inode"])
    op.create_index("node_unread", "node", ["space"], sqlite_where=_UNREAD, postgresql_where=_UNREAD)
    op.create_table(
        "lease",
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("holder", _TEXT, nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
