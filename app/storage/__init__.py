"""PostgreSQL: the record of everything except members, whose rows are in files."""
