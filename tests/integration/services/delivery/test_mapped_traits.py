"""Traits that only a mapping names: the plan carries them, and their changes are updates."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.services.platform.platform import Platform
from app.storage.models import Sync
from tests.flow import Flow, installation
from tests.stepping import Hand

PLAIN = {"@path": "$.traits.first_name"}
MAPPED: dict[str, Any] = {
    "hello": {"@template": "Hi {{traits.first_name}}"},
    "loud": {"@liquid": "{{ traits.last_name | upcase }}"},
    "items": {"@arrayPath": ["$.traits.products", {"id": {"@path": "$.sku"}}]},
}


def mapping(data: Any) -> dict[str, Any]:
    return {
        "destinationMapping": {"actionId": "webhook-send", "settings": {"data": data}},
        "updates": True,
    }


async def synced(flow: Flow, activation: str, *rows: dict[str, Any]) -> Sync:
    """Supply members, and return the last sync when nothing is open any more."""
    hand = Hand(flow)
    await flow.supply(rows)
    await hand.quiet()
    return (await flow.syncs(activation))[-1]


def sent(flow: Flow) -> list[dict[str, Any]]:
    """The items of the messages."""
    bodies = [json.loads(r["body"]) for r in flow.sandbox.recorder.listed("webhook", 100)]
    return [item for b in bodies for kind in ("entered", "updated") for item in b["data"][kind]]


@pytest.mark.parametrize("more", [{}, {"plain": PLAIN}])
async def test_every_directive_receives_them(platform: Platform, more: dict[str, Any]) -> None:
    async with installation(platform) as flow:
        activation = await flow.activate(resync=True, **mapping(MAPPED | more))
        ann = {"profile_id": "p1", "email": "ann@example.com", "first_name": "Ann", "last_name": "Lee", "other": 1,
               "products": [{"sku": "a"}, {"sku": "b"}]}  # fmt: skip
        await synced(flow, activation, ann)
        assert sent(flow)[-1]["data"] == {
            "hello": "Hi Ann",
            "loud": "LEE",
            "items": [{"id": "a"}, {"id": "b"}],
        } | dict.fromkeys(more, "Ann")
        assert (await synced(flow, activation, ann | {"other": 2})).updated == 0
        assert (await synced(flow, activation, ann | {"first_name": "Bo"})).updated == 1
        assert sent(flow)[-1]["data"]["hello"] == "Hi Bo"


async def test_a_column_name_with_dots_is_read_as_a_nested_object(platform: Platform) -> None:
    data = {
        "a": {"@path": "$.traits['address.city']"},
        "b": {"@path": "$.traits.address.city"},
        "c": {"@path": "$.traits['E-Mail']"},
        "d": {"@template": "{{properties.address.city}}"},
        "e": {"@liquid": "{{ context.traits.address.city }}"},
        "f": {"@path": "$.traits.address"},
    }
    async with installation(platform) as flow:
        activation = await flow.activate(resync=True, **mapping(data))
        ann = {"profile_id": "p1", "email": "ann@example.com", "address.city": "Rome", "E-Mail": "x"}  # fmt: skip
        await synced(flow, activation, ann)
        rome = dict.fromkeys("abde", "Rome") | {"c": "x", "f": {"city": "Rome"}}
        assert sent(flow)[-1]["data"] == rome
        assert (await synced(flow, activation, ann | {"address.city": "Bern"})).updated == 1
        assert sent(flow)[-1]["data"]["f"] == {"city": "Bern"}


async def test_numbers_keep_every_digit(platform: Platform) -> None:
    """A column with an integer that JSON readers cannot hold is text, so its JSON has quotes. A decimal keeps its scale."""
    data = {
        "template": {"@template": "{{traits.card}}"},
        "liquid": {"@liquid": "{{ traits.card }}"},
        "json": {"@json": {"mode": "encode", "value": {"@path": "$.traits.card"}}},
        "path": {"@path": "$.traits.card"},
        "price": {"@template": "{{traits.price}}"},
    }
    async with installation(platform) as flow:
        activation = await flow.activate(resync=True, **mapping(data))
        card = {"profile_id": "p1", "email": "ann@example.com", "card": 9007199254740993,
                "price": 19.1}  # fmt: skip
        await synced(
            flow,
            activation,
            card | {"profile_id": "p0", "email": "bo@example.com", "price": 1.25},
            card,
        )
        digits = "9007199254740993"
        assert sent(flow)[-1]["data"] == {
            "template": digits,
            "liquid": digits,
            "json": f'"{digits}"',
            "path": digits,
            "price": "19.10",
        }
