"""The version of the service."""

from __future__ import annotations

VERSION = "0.1.0"  # that of the package; a test compares them
