"""PostgreSQL: the truth about everything but members."""
