"""Labels of settings."""

from __future__ import annotations

import pytest

from app.connectors import registry
from app.domain.setting_labels import labelled, setting_label
from app.services.accounts.setting_inputs import settings_inputs


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("api_key", "API key"),
        ("base_url", "Base URL"),
        ("baseUrl", "Base URL"),
        ("access_key_id", "Access key ID"),
        ("service_account_json", "Service account JSON"),
        ("url", "URL"),
        ("headers", "Headers"),
        ("", ""),
    ],
)
def test_a_label_is_the_name_as_people_read_it(name: str, label: str) -> None:
    assert setting_label(name) == label


@pytest.mark.parametrize("slug", [one.slug for one in registry.definitions()])
def test_the_inputs_of_each_destination_have_labels(slug: str) -> None:
    for one in settings_inputs(registry.get(slug)):
        assert one.label == setting_label(one.name)
        assert "_" not in one.label


def test_values_are_named_by_labels() -> None:
    assert labelled({"signing_secret": "s", "base_url": "u"}) == {
        "Signing secret": "s",
        "Base URL": "u",
    }
