"""Checks of the source text that keep the structure in order: ``python -m checks``, part of ``make check``."""
