"""One database file under memory and jobs: tables, connections, migrations, faults."""
