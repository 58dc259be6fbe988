"""Files at which processes died."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

ID = sa.BigInteger
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Nothing that is there changes."""
    op.create_table(
        "opened_files",
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("times", ID, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "sha256", name="pk_opened_files"),
        sa.ForeignKeyConstraint(["job_id"], ["asks.job_id"], name="fk_opened_files_job_id_asks", ondelete="CASCADE"),
    )
    op.create_table(
        "quarantine",
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_quarantine"),
    )
    op.create_index("ix_quarantine_until", "quarantine", ["until"])
