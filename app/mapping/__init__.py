"""Mapping directives."""
