"""Opening the parts that a process works with."""

from __future__ import annotations

import pytest

from app.core.config import Settings
from app.services.platform.platform import NotConfigured, open_platform


async def test_without_a_database_the_message_says_what_to_set() -> None:
    with pytest.raises(NotConfigured, match="DATABASE_URL"):
        await open_platform(Settings(database_url=None))
