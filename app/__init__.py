"""Self-hosted audience activation service."""
