"""The inputs of a form for settings."""

from __future__ import annotations

import pytest

from app.connectors import registry
from app.core.errors import Invalid
from app.services.accounts import settings_inputs, settings_of_inputs


def test_inputs_follow_the_model_of_each_destination() -> None:
    kinds = {
        definition.slug: {
            one.name: (one.kind, one.is_required)
            for one in settings_inputs(registry.get(definition.slug))
        }
        for definition in registry.definitions()
    }
    assert kinds["klaviyo"]["api_key"] == ("secret", True)
    assert kinds["braze"]["app_id"] == ("text", False)
    assert kinds["webhook"]["secret"] == ("secret", False), "the service generates it"
    assert kinds["webhook"]["headers"] == ("object", False)
    assert kinds["webhook"]["batch_size"] == ("number", False)
    assert kinds["webhook"]["method"] == ("choice", False)
    assert "previous_secret_expires_at" not in kinds["webhook"], "the service sets it"
    assert kinds["file-download"]["formula_guard"] == ("boolean", False)


def test_filled_inputs_become_settings() -> None:
    inputs = settings_inputs(registry.get("webhook"))
    filled = {"batch_size": "7", "headers": '{"A": "b"}', "method": "PUT", "url": ""}
    assert settings_of_inputs(inputs, filled) == {
        "batch_size": 7,
        "headers": {"A": "b"},
        "method": "PUT",
    }
    with pytest.raises(Invalid) as caught:
        settings_of_inputs(inputs, {"batch_size": "many", "headers": "{"})
    assert [one.field for one in caught.value.problems] == [
        "settings.headers",
        "settings.batch_size",
    ]
