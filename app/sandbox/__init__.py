"""Emulators of the partners' APIs: a separate program."""
