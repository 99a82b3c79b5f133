"""Emulator of Braze's user and subscription API."""

from app.sandbox.braze.emulator import DEFAULT_KEY, BrazeEmulator
from app.sandbox.braze.state import DEFAULT_GROUP

__all__ = ["DEFAULT_GROUP", "DEFAULT_KEY", "BrazeEmulator"]
