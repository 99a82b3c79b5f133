"""The one-command start: embedded PostgreSQL and Redis, their guard, and the supervisor of API and worker."""
