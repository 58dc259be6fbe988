"""Money, the results of paid calls and the messages of unfinished jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ID = sa.BigInteger
NUMBERED = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Nothing that is there changes, but a request may have the token of its interaction."""
    op.add_column("asks", sa.Column("token", sa.LargeBinary))
    op.create_table(
        "steps",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_steps"),
        sa.ForeignKeyConstraint(["job_id"], ["asks.job_id"], name="fk_steps_job_id_asks", ondelete="CASCADE"),
    )
    op.create_index("ix_steps_job_id", "steps", ["job_id"])
    op.create_table(
        "posts",
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("part", sa.Text, nullable=False),
        sa.Column("begun_at", TIME, nullable=False),
        sa.Column("channel_id", ID),
        sa.Column("message_id", ID),
        sa.PrimaryKeyConstraint("job_id", "part", name="pk_posts"),
        sa.ForeignKeyConstraint(["job_id"], ["asks.job_id"], name="fk_posts_job_id_asks", ondelete="CASCADE"),
    )
    op.create_table(
        "bookings",
        sa.Column("booking_id", NUMBERED, nullable=False, autoincrement=True),
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("server_id", ID),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("until", TIME),
        sa.Column("reserved", ID, nullable=False),
        sa.Column("spent", ID, nullable=False),
        sa.PrimaryKeyConstraint("booking_id", name="pk_bookings"),
    )
    op.create_index("ix_bookings_job_id_state", "bookings", ["job_id", "state"])
    op.create_index("ix_bookings_at", "bookings", ["at"])
    op.create_index("ix_bookings_until", "bookings", ["until"])
    op.create_table(
        "spending",
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("reserved", ID, nullable=False),
        sa.Column("spent", ID, nullable=False),
        sa.Column("told_percent", ID, nullable=False),
        sa.PrimaryKeyConstraint("scope", "day", name="pk_spending"),
    )
