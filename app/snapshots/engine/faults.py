"""Faults of the engine: which of them pass, and which say that the disk is full."""

from __future__ import annotations

import duckdb

from app.core.errors import Invalid


class TooMuchMemory(Invalid):
    """An upload that needs more memory than the engine has. It is read once more with less (``Upload.frugal``)."""


def is_lasting_fault(error: Exception) -> bool:
    """Return whether the engine fails again with the same input. A full disk, little memory and an interrupt can pass."""
    can_pass = duckdb.OperationalError | duckdb.InterruptException
    return isinstance(error, duckdb.Error) and not isinstance(error, can_pass)
