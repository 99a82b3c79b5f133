"""Emulator of Talon.One's integration and management APIs."""

from app.sandbox.talon_one.emulator import (
    DEFAULT_KEY,
    DEFAULT_MANAGEMENT_KEY,
    TalonOneEmulator,
)

__all__ = ["DEFAULT_KEY", "DEFAULT_MANAGEMENT_KEY", "TalonOneEmulator"]
