"""Segment's operations."""
