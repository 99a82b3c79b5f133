"""PostgreSQL as a source of datasets, and as a database in which a definition runs."""
