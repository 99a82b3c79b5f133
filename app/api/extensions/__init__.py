"""Our own operations."""
