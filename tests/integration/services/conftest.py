"""Fixtures of several groups of tests."""

from __future__ import annotations

from tests.integration.services.delivery.many_calls import single

__all__ = ["single"]
