"""Faults of the engine: which of them pass, and which say that the disk is full."""

from __future__ import annotations

import errno
import os

import duckdb

from app.core.errors import Invalid


class TooMuchMemory(Invalid):
    """An upload that needs more memory than the engine has. It is read once more with less (``Upload.frugal``)."""


def is_lasting_fault(error: Exception) -> bool:
    """Return whether the engine fails again with the same input. A full disk, little memory and an interrupt can pass."""
    can_pass = duckdb.OperationalError | duckdb.InterruptException
    return isinstance(error, duckdb.Error) and not isinstance(error, can_pass)


def is_full(error: Exception) -> bool:
    """Return whether the engine, or Arrow, could not write because the disk is full."""
    text = str(error)
    return os.strerror(errno.ENOSPC) in text or os.strerror(errno.EDQUOT) in text
