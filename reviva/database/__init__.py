"""Everything between a query and a server: connections, the pool, statements, timing, migrations."""
