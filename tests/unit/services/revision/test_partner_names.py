"""Names of places as the partner knows them: equal names are one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from app.connectors import registry
from app.services.revision.partner_names import partner_places
from tests.unit.services.revision.definitions import create_revision

MAPPED = "destinationMapping"
LIST = {"connectionSettings": {"list_id": "AbCdEf"}}
ARMS = [{"name": "A", "weight": 1}, {"name": "B", "weight": 1}]


def names(slug: str, made_lists: Mapping[str, str] | None = None, **config: Any) -> list[list[str]]:
    found = partner_places(
        registry.get(slug),
        create_revision(**config),
        activation_id="act_1",
        connection_id="ii_1",
        audience_key="vip",
        made_lists=made_lists or {},
    )
    return [list(each) for each in found.values()]


@pytest.mark.parametrize(
    ("slug", "config", "expected"),
    [
        ("braze", {}, [["attribute:audience_vip"]]),
        ("braze", {"connectionSettings": {"attribute_name": "audience_vip"}}, [["attribute:audience_vip"]]),
        ("braze", {"split": ARMS}, [["attribute:audience_vip_A"], ["attribute:audience_vip_B"]]),
        ("braze", {"connectionSettings": {"segment_id": "gggggggg"}}, [["attribute:audience_vip", "group:gggggggg"]]),
        ("braze", {MAPPED: {"actionId": "braze-set-subscription-group"}, "connectionSettings": {"segment_id": "gggggggg"}}, [["group:gggggggg"]]),
        ("braze", {MAPPED: {"actionId": "braze-track-event"}}, [[]]),
        ("klaviyo", LIST, [["list:AbCdEf"]]),
        ("klaviyo", {"list": {"id": "AbCdEf"}}, [["list:AbCdEf"]]),
        ("klaviyo", {MAPPED: {"actionId": "klaviyo-upsert-profile"}, **LIST}, [[]]),
        ("klaviyo", {MAPPED: {"actionId": "klaviyo-upsert-profile", "settings": {"list_id": "AbCdEf"}}}, [["list:AbCdEf"]]),
        ("klaviyo", {}, [["made:ii_1:list"]]),
        ("klaviyo", {"split": ARMS}, [["made:ii_1:act_1:A"], ["made:ii_1:act_1:B"]]),
        ("talon-one", {"connectionSettings": {"audience_id": 7}}, [["audience:7"]]),
        ("webhook", {}, []),
        ("download", {}, []),
    ],
)  # fmt: skip
def test_names(slug: str, config: dict[str, Any], expected: list[list[str]]) -> None:
    assert names(slug, **config) == expected


def test_a_list_that_was_created_has_the_name_of_the_same_list_if_settings_name_it() -> None:
    assert names("klaviyo", {"list": "AbCdEf"}) == names("klaviyo", **LIST)
