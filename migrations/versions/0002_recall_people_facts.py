"""What can be found again: passages with a full-text index, vectors; summaries and facts; whose words are where."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger
NUMBERED = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Rows that are there stay; whose they are is not known of all."""
    _add("digests", sa.Column("author_id", ID, nullable=False, server_default="0"), index=True)
    _add("turn_clips", sa.Column("author_id", ID, nullable=False, server_default="0"), index=True)
    _add("turns", sa.Column("asker_name", sa.Text, nullable=False, server_default=""))
    _add("turns", sa.Column("used_at", TIME))
    _add("turns", sa.Column("is_summarised", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index("ix_turns_asker_id", "turns", ["asker_id"])
    _add("asks", sa.Column("channel_id", ID))
    _add("asks", sa.Column("asker_id", ID), index=True)

    op.create_table(
        "turn_people",
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("person_id", ID, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("job_id", "person_id", name="pk_turn_people"),
        sa.ForeignKeyConstraint(["job_id"], ["turns.job_id"], name="fk_turn_people_job_id", ondelete="CASCADE"),
    )
    op.create_index("ix_turn_people_person_id", "turn_people", ["person_id"])

    op.create_table(
        "facts",
        sa.Column("fact_id", NUMBERED, nullable=False, autoincrement=True),
        sa.Column("server_id", ID),
        sa.Column("channel_id", ID, nullable=False),
        sa.Column("author_id", ID, nullable=False),
        sa.Column("said_at", TIME, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("fact_id", name="pk_facts"),
    )
    op.create_index("ix_facts_author_id", "facts", ["author_id"])
    op.create_index("ix_facts_said_at", "facts", ["said_at"])
    op.create_index("ix_facts_server_id_channel_id", "facts", ["server_id", "channel_id"])

    op.create_table(
        "summaries",
        sa.Column("summary_id", NUMBERED, nullable=False, autoincrement=True),
        sa.Column("server_id", ID),
        sa.Column("channel_id", ID, nullable=False),
        sa.Column("from_at", TIME, nullable=False),
        sa.Column("through_at", TIME, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("summary_id", name="pk_summaries"),
    )
    op.create_index(
        "ix_summaries_server_id_channel_id_through_at", "summaries", ["server_id", "channel_id", "through_at"]
    )
    op.create_index("ix_summaries_through_at", "summaries", ["through_at"])

    op.create_table(
        "summary_marks",
        sa.Column("summary_id", NUMBERED, nullable=False, autoincrement=False),
        sa.Column("mark", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("summary_id", "mark", name="pk_summary_marks"),
        sa.ForeignKeyConstraint(
            ["summary_id"], ["summaries.summary_id"], name="fk_summary_marks_summary_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_summary_marks_mark", "summary_marks", ["mark"])

    op.create_table(
        "passages",
        sa.Column("passage_id", NUMBERED, nullable=False, autoincrement=True),
        sa.Column("job_id", sa.Text),
        sa.Column("summary_id", NUMBERED),
        sa.Column("sha256", sa.Text),
        sa.Column("half", sa.Text),
        sa.Column("kind", sa.Text),
        sa.Column("start_seconds", sa.Double),
        sa.Column("end_seconds", sa.Double),
        sa.Column("speaker", sa.Text),
        sa.Column("shown", sa.Text),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("passage_id", name="pk_passages"),
        sa.ForeignKeyConstraint(["job_id"], ["turns.job_id"], name="fk_passages_job_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["summary_id"], ["summaries.summary_id"], name="fk_passages_summary_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["sha256"], ["clips.sha256"], name="fk_passages_sha256", ondelete="CASCADE"),
    )
    op.create_index("ix_passages_job_id", "passages", ["job_id"])
    op.create_index("ix_passages_summary_id", "passages", ["summary_id"])
    op.create_index("ix_passages_sha256", "passages", ["sha256"])
    op.create_index("ix_passages_place", "passages", ["place"])

    op.create_table(
        "vectors",
        sa.Column("passage_id", NUMBERED, nullable=False, autoincrement=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("passage_id", "model", name="pk_vectors"),
        sa.ForeignKeyConstraint(
            ["passage_id"], ["passages.passage_id"], name="fk_vectors_passage_id", ondelete="CASCADE"
        ),
    )

    op.create_table(
        "consents",
        sa.Column("person_id", ID, nullable=False, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("is_given", sa.Boolean, nullable=False),
        sa.Column("chosen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("person_id", "kind", name="pk_consents"),
    )

    if op.get_context().dialect.name == "sqlite":
        _index_for_sqlite()
    else:
        _index_for_postgresql()


def _add(table: str, column: sa.Column, *, index: bool = False) -> None:
    """A column that old rows fill with its default, which new rows do not get."""
    with op.batch_alter_table(table) as batch:
        batch.add_column(column)
    if column.server_default is not None:
        with op.batch_alter_table(table) as batch:
            batch.alter_column(column.name, server_default=None)
    if index:
        op.create_index(f"ix_{table}_{column.name}", table, [column.name])


def _index_for_sqlite() -> None:
    """FTS5 over the search words, which are split already; triggers keep it equal to the table.

    The commands are those of https://www.sqlite.org/fts5.html#external_content_tables.
    """
    op.execute(
        "CREATE VIRTUAL TABLE passages_fts USING fts5(place, words, content='passages', content_rowid='passage_id', "
        "tokenize='unicode61 remove_diacritics 0')"
    )
    taken = (
        "INSERT INTO passages_fts(passages_fts, rowid, place, words) "
        "VALUES('delete', old.passage_id, old.place, old.words);"
    )
    given = "INSERT INTO passages_fts(rowid, place, words) VALUES(new.passage_id, new.place, new.words);"
    op.execute(f"CREATE TRIGGER passages_added AFTER INSERT ON passages BEGIN {given} END")
    op.execute(f"CREATE TRIGGER passages_removed AFTER DELETE ON passages BEGIN {taken} END")
    op.execute(f"CREATE TRIGGER passages_changed AFTER UPDATE OF place, words ON passages BEGIN {taken} {given} END")


def _index_for_postgresql() -> None:
    op.execute(
        "ALTER TABLE passages ADD COLUMN search tsvector "
        "GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, words)) STORED"
    )
    op.execute("CREATE INDEX ix_passages_search ON passages USING gin (search)")
