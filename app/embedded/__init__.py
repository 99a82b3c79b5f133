"""PostgreSQL and Redis for the one-command start, and their guard."""
