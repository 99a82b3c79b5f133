from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from app.core.config import Settings


def test_a_lease_too_short_for_any_call_is_refused() -> None:
    with pytest.raises(ValidationError, match="raise ACTIVATIONS_LEASE") as refused:
        Settings(lease=timedelta(seconds=2), http_total_timeout=timedelta(seconds=3))
    (fault,) = refused.value.errors()
    assert fault["loc"] == ("lease",)
    assert "2 s is less than twice" in fault["msg"]
    Settings(lease=timedelta(seconds=6), http_total_timeout=timedelta(seconds=3))
