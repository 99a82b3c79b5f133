"""Talon.One: membership in audiences of the promotion engine."""
