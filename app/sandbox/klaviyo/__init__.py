"""Emulator of Klaviyo's list and profile API."""

from app.sandbox.klaviyo.emulator import ALL_SCOPES, DEFAULT_KEY, KlaviyoEmulator

__all__ = ["ALL_SCOPES", "DEFAULT_KEY", "KlaviyoEmulator"]
