"""PostgreSQL as a source of datasets, and as the place where a definition may run."""
