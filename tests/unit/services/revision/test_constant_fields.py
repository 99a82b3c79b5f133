"""What is the same for all members is checked when it is saved, by the destinations' own rules."""

from __future__ import annotations

from typing import Any

import pytest

from app.connectors import registry
from app.core.errors import Invalid
from app.services.revision.checks import check_mapping

WEBHOOK = ("webhook", "webhook-send")
BRAZE = ("braze", "braze-update-user-profile")
KLAVIYO = ("klaviyo", "klaviyo-add-profile-to-list")
TALON_ONE = ("talon-one", "talon-one-update-customer-profiles-audiences")
FILE = ("file-download", "file-download-sync-audience-to-file")


def check(where: tuple[str, str], settings: dict[str, Any]) -> None:
    slug, action = where
    mapping = {"actionId": action, "settings": settings}
    check_mapping(registry.get(slug).definition, mapping)


@pytest.mark.parametrize(
    ("where", "settings", "pointer", "words"),
    [
        (BRAZE, {"batch_size": "abc"}, "batch_size", "must be a whole number"),
        (BRAZE, {"batch_size": 76}, "batch_size", "must be 75 or less"),
        (BRAZE, {"enable_batching": "yes"}, "enable_batching", "must be true or false"),
        (
            BRAZE,
            {"attribute_value_on_exit": "no"},
            "attribute_value_on_exit",
            "must be one of false, null, false, not",
        ),
        (BRAZE, {"attribute_name": "external_id"}, "attribute_name", "choose another name"),
        (TALON_ONE, {"batch_size": [1]}, "batch_size", "must be a whole number"),
        (TALON_ONE, {"batch_size": 0}, "batch_size", "1 or more"),
        (WEBHOOK, {"method": "DELETE"}, "method", "must be one of POST, PUT, PATCH"),
        (WEBHOOK, {"headers": "x"}, "headers", "must be an object"),
        (WEBHOOK, {"headers": {"X/Y": 1}}, "headers/X~1Y", "must be text"),
        (WEBHOOK, {"headers": {"Host": "x"}}, "headers", "the header Host is set by the service"),
        (WEBHOOK, {"url": "not a url"}, "url", "must be a full URL"),
        (WEBHOOK, {"batch_size": True}, "batch_size", "must be a whole number"),
        (WEBHOOK, {"batch_size": 100.5}, "batch_size", "must be a whole number"),
        (WEBHOOK, {"batch_size": ""}, "batch_size", "must be a whole number"),
        (BRAZE, {"batch_size": 76.0}, "batch_size", "must be 75 or less"),
        (WEBHOOK, {"batch_keys": "url"}, "batch_keys", "must be a list"),
        (KLAVIYO, {"list_id": {"a": 1}}, "list_id", "must be text"),
        (KLAVIYO, {"list_id": "short"}, "list_id", "exactly 6 letters and digits"),
        (KLAVIYO, {"batch_size": 10_001}, "batch_size", "10000 or less"),
        (FILE, {"columns": {"email": 5}}, "columns/email", "must be text"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_pointer(
    where: tuple[str, str], settings: dict[str, Any], pointer: str, words: str
) -> None:
    with pytest.raises(Invalid) as caught:
        check(where, settings)
    (problem,) = caught.value.problems
    assert problem.field == f"/destinationMapping/settings/{pointer}"
    assert words in problem.message


def test_what_fits_passes_and_null_stands_for_unset() -> None:
    check(BRAZE, {"batch_size": 75, "attribute_name": "is_vip", "attribute_value_on_exit": "null"})
    check(BRAZE, {"attribute_value_on_exit": None})
    check(BRAZE, {"attribute_value_on_exit": False})
    more = {"url": "https://hooks.example.com/in?a=1", "headers": {"X-Team": "crm"}}
    check(WEBHOOK, {**more, "method": "PATCH", "batch_size": 0})
    check(WEBHOOK, {"url": None, "method": None, "headers": None, "batch_size": None})
    check(KLAVIYO, {"list_id": "Xy12Zz", "batch_keys": ["list_id"], "batch_size": 500})
    check(FILE, {"columns": {"email": "E-mail"}})


def test_an_empty_text_stands_for_unset() -> None:
    check(KLAVIYO, {"list_id": ""})
    check(WEBHOOK, {"url": "", "method": ""})
    check(BRAZE, {"attribute_name": "", "attribute_value_on_exit": ""})


@pytest.mark.parametrize("where", [WEBHOOK, BRAZE, KLAVIYO, TALON_ONE])
def test_a_whole_number_may_be_written_with_a_point(where: tuple[str, str]) -> None:
    check(where, {"batch_size": 75.0})


@pytest.mark.parametrize("where", [BRAZE, KLAVIYO, TALON_ONE])
def test_a_whole_number_with_a_point_counts_rows(where: tuple[str, str]) -> None:
    rows = registry.rows_per_call(registry.get(where[0]), None, {}, {"batch_size": 200.0})
    assert isinstance(rows, int)


def test_every_default_of_a_constant_fits() -> None:
    for definition in registry.definitions():
        for action in definition.actions:
            defaults = {
                field.key: list(field.default) if field.multiple else field.default
                for field in action.fields
                if field.constant and field.default is not None
            }
            check((definition.slug, action.id), defaults)
