"""The values of settings are checked as their published schema says: a text is no number."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.connectors import registry
from app.core.errors import Invalid
from app.services.accounts.settings import complete_settings

URL = "https://hooks.example.com/in"


def complete(slug: str, settings: dict[str, Any], previous: dict[str, Any] | None = None) -> Any:
    done, _ = complete_settings(
        registry.get(slug),
        settings,
        previous=previous,
        now=datetime(2026, 1, 31, tzinfo=UTC),
        workspace_id="ws_1",
        permits_roles=False,
    )
    return done


@pytest.mark.parametrize(
    ("slug", "settings", "fields"),
    [
        ("webhook", {"url": URL, "batch_size": "500"}, ["settings.batch_size"]),
        ("webhook", {"url": URL, "batch_size": True}, ["settings.batch_size"]),
        ("webhook", {"batch_size": "500"}, ["settings.batch_size", "settings.url"]),
        ("file-download", {"retention_days": "7"}, ["settings.retention_days"]),
        ("file-download", {"byte_order_mark": 1}, ["settings.byte_order_mark"]),
        ("file-download", {"formula_guard": "yes"}, ["settings.formula_guard"]),
    ],
)
def test_values_are_not_converted(slug: str, settings: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        complete(slug, settings)
    assert sorted(str(problem.field) for problem in refused.value.problems) == fields


def test_a_stored_value_is_converted() -> None:
    """Earlier versions stored what was sent; a change of another setting must not fail for it."""
    stored = complete("webhook", {"url": URL}) | {"batch_size": "500"}
    assert complete("webhook", {"method": "PUT"}, stored)["batch_size"] == "500"


def test_a_time_is_sent_as_text() -> None:
    expires = "2026-02-01T12:00:00+00:00"
    done = complete("webhook", {"url": URL, "previous_secret_expires_at": expires})
    assert done["previous_secret_expires_at"] == expires
