"""The first tables: what is known of clips, turns and our messages for them, settings of places, accepted asks."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """On an empty database."""
    op.create_table(
        "clips",
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("kept_at", TIME, nullable=False),
        sa.Column("facts", sa.Text),
        sa.PrimaryKeyConstraint("sha256", name="pk_clips"),
    )
    op.create_index("ix_clips_kept_at", "clips", ["kept_at"])

    op.create_table(
        "findings",
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("half", sa.Text, nullable=False),
        sa.Column("recipe", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("fresh_until", TIME),
        sa.PrimaryKeyConstraint("sha256", "half", "recipe", name="pk_findings"),
        sa.ForeignKeyConstraint(["sha256"], ["clips.sha256"], name="fk_findings_sha256", ondelete="CASCADE"),
    )
    op.create_index("ix_findings_fresh_until", "findings", ["fresh_until"])

    op.create_table(
        "digests",
        sa.Column("attachment_id", ID, nullable=False, autoincrement=False),
        sa.Column("channel_id", ID, nullable=False),
        sa.Column("message_id", ID, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("attachment_id", name="pk_digests"),
        sa.ForeignKeyConstraint(["sha256"], ["clips.sha256"], name="fk_digests_sha256", ondelete="CASCADE"),
    )
    op.create_index("ix_digests_channel_id", "digests", ["channel_id"])
    op.create_index("ix_digests_message_id", "digests", ["message_id"])
    op.create_index("ix_digests_sha256", "digests", ["sha256"])

    op.create_table(
        "turns",
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("server_id", ID),
        sa.Column("channel_id", ID, nullable=False),
        sa.Column("asker_id", ID, nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("follows", sa.Text),
        sa.Column("source_channel_id", ID),
        sa.Column("source_message_id", ID),
        sa.Column("was_heard", sa.Boolean, nullable=False),
        sa.Column("notices", sa.Text, nullable=False),
        sa.Column("usages", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_turns"),
    )
    op.create_index("ix_turns_server_id_channel_id_asked_at", "turns", ["server_id", "channel_id", "asked_at"])
    op.create_index("ix_turns_asked_at", "turns", ["asked_at"])
    op.create_index("ix_turns_follows", "turns", ["follows"])
    op.create_index("ix_turns_source_message_id", "turns", ["source_message_id"])

    op.create_table(
        "turn_clips",
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("channel_id", ID, nullable=False),
        sa.Column("message_id", ID, nullable=False),
        sa.Column("attachment_id", ID, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("is_voice_message", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "position", name="pk_turn_clips"),
        sa.ForeignKeyConstraint(["job_id"], ["turns.job_id"], name="fk_turn_clips_job_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["sha256"], ["clips.sha256"], name="fk_turn_clips_sha256"),
    )
    op.create_index("ix_turn_clips_message_id", "turn_clips", ["message_id"])
    op.create_index("ix_turn_clips_sha256", "turn_clips", ["sha256"])

    op.create_table(
        "replies",
        sa.Column("message_id", ID, nullable=False, autoincrement=False),
        sa.Column("channel_id", ID, nullable=False),
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("kept_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("message_id", name="pk_replies"),
    )
    op.create_index("ix_replies_job_id", "replies", ["job_id"])
    op.create_index("ix_replies_kept_at", "replies", ["kept_at"])

    op.create_table(
        "place_settings",
        sa.Column("server_id", ID, nullable=False, autoincrement=False),
        sa.Column("channel_id", ID, nullable=False, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("server_id", "channel_id", "name", name="pk_place_settings"),
    )

    op.create_table(
        "asks",
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("server_id", ID),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("source_message_id", ID),
        sa.Column("ask", sa.Text),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("shown_channel_id", ID),
        sa.Column("shown_message_id", ID),
        sa.Column("reply_channel_id", ID),
        sa.Column("reply_message_id", ID),
        sa.Column("finished_at", TIME),
        sa.PrimaryKeyConstraint("job_id", name="pk_asks"),
        sa.UniqueConstraint("source_message_id", name="uq_asks_source_message_id"),
    )
    op.create_index("ix_asks_finished_at", "asks", ["finished_at"])
    op.create_index("ix_asks_server_id", "asks", ["server_id"])
