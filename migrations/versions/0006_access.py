"""Who is kept out, and what holds for the whole bot."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ID = sa.BigInteger
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Nothing that is there changes."""
    op.create_table(
        "blocks",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject_id", ID, nullable=False, autoincrement=False),
        sa.Column("since", TIME, nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject_id", name="pk_blocks"),
    )
    op.create_table(
        "standing",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_standing"),
    )
