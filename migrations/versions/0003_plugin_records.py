"""What plugins keep."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger
NUMBERED = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Nothing that is there changes."""
    op.create_table(
        "plugin_records",
        sa.Column("record_id", NUMBERED, nullable=False, autoincrement=True),
        sa.Column("plugin", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", ID, nullable=False),
        sa.Column("server_id", ID),
        sa.Column("channel_id", ID),
        sa.Column("person_id", ID),
        sa.Column("job_id", sa.Text),
        sa.Column("kept_at", TIME, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("record_id", name="pk_plugin_records"),
    )
    op.create_index(
        "ix_plugin_records_plugin_name_server_id_channel_id_kept_at",
        "plugin_records",
        ["plugin", "name", "server_id", "channel_id", "kept_at"],
    )
    op.create_index("ix_plugin_records_person_id", "plugin_records", ["person_id"])
    op.create_index("ix_plugin_records_job_id", "plugin_records", ["job_id"])
    op.create_index("ix_plugin_records_kept_at", "plugin_records", ["kept_at"])
