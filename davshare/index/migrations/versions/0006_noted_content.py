"""The content of small files is noted until it is on disk for good."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("redo", sa.Column("node", sa.BigInteger()))
    op.add_column("redo", sa.Column("stamp", sa.BigInteger()))
    op.add_column("redo", sa.Column("content", sa.LargeBinary()))
    op.create_index("redo_inode", "redo", ["inode"])
