"""Destinations: code that speaks the partners' APIs."""
