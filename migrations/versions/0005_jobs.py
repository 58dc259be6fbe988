"""Work between processes."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Nothing that is there changes."""
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("consent", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("priority", ID, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", ID, nullable=False),
        sa.Column("run_at", TIME, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("lease_until", TIME),
        sa.Column("is_cancelled", sa.Boolean, nullable=False),
        sa.Column("revision", ID, nullable=False),
        sa.Column("progress", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("result", sa.Text),
        sa.Column("data", sa.LargeBinary),
        sa.Column("error", sa.Text),
        sa.Column("finished_at", TIME),
        sa.PrimaryKeyConstraint("job_id", name="pk_jobs"),
        sa.ForeignKeyConstraint(["job_id"], ["asks.job_id"], name="fk_jobs_job_id_asks", ondelete="CASCADE"),
    )
    op.create_index("ix_jobs_state_priority_run_at", "jobs", ["state", "priority", "run_at"])
    op.create_index("ix_jobs_finished_at", "jobs", ["finished_at"])
