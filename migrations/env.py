"""Runs migrations on the connection that bot.database.upgrade holds open."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
