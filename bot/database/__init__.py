"""The database under memory and jobs, SQLite or PostgreSQL: tables, connections, migrations, faults, backup, check."""
