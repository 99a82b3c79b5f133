"""Membership files and the embedded engine that reads and writes them."""
