"""The published schemas of options accept what the service accepts, and refuse what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.errors import Problem
from app.domain import options, schedules
from app.domain.frequency import parse_frequency
from tests.contract.documents import Published

DOCUMENT = Published("activations.json")
ARMS = [{"name": "A", "weight": 1}, {"name": "B", "weight": 0.5, "sent": False}]

FITTING: list[tuple[str, Any]] = [
    ("frequency", {"type": "on_run"}),
    ("frequency", {"type": "once"}),
    ("frequency", {"type": "once", "at": "2026-02-01T06:30:00Z"}),
    ("frequency", {"type": "daily", "at": "06:30"}),
    ("frequency", {"type": "daily", "at": "23:59", "zone": None}),
    ("frequency", {"type": "interval", "minutes": 1}),
    ("frequency", {"type": "interval", "minutes": 527_040}),
    ("frequency", {"type": "cron", "expression": "30 6 * * 1-5", "zone": "Europe/Berlin"}),
    ("brake", {}),
    ("brake", {"enabled": False, "maxRemovalPercent": 12.5, "minRemovals": 1, "holdEmptyFrom": 1}),
    ("brake", {"minRemovals": None}),
    ("notifications", {}),
    ("notifications", {"emails": [], "on": [], "destinationId": None}),
    ("notifications", {"emails": ["ada@example.com"], "on": ["failed", "held", "error", "finished"]}),
    ("split", {"arms": ARMS}),
    ("split", {"arms": [{**ARMS[0], "list": {"id": "L1"}}, ARMS[1]], "property": "group"}),
    ("list", {"id": "L1"}),
    ("mode", "append"),
    ("consent", "newsletter"),
    ("audiences", ["aud_1"]),
    ("includedAttribute", True),
    ("includedAttribute", "spring"),
]  # fmt: skip
FAULTY: list[tuple[str, Any]] = [
    ("frequency", "daily"),
    ("frequency", {}),
    ("frequency", {"type": "weekly"}),
    ("frequency", {"type": "on_run", "at": "06:30"}),
    ("frequency", {"type": "daily"}),
    ("frequency", {"type": "daily", "at": "24:00"}),
    ("frequency", {"type": "daily", "at": "6:30"}),
    ("frequency", {"type": "daily", "at": "06:30", "timezone": "UTC"}),
    ("frequency", {"type": "interval", "minutes": 0}),
    ("frequency", {"type": "interval", "minutes": 527_041}),
    ("frequency", {"type": "interval", "minutes": "60"}),
    ("frequency", {"type": "cron", "zone": "UTC"}),
    ("brake", {"maxRemovalPercent": 101}),
    ("brake", {"minRemovals": 0}),
    ("brake", {"holdEmptyFrom": 1.5}),
    ("brake", {"enabled": "yes"}),
    ("brake", {"limit": 3}),
    ("notifications", {"on": ["started"]}),
    ("notifications", {"emails": "ada@example.com"}),
    ("notifications", {"webhook": "x"}),
    ("split", {}),
    ("split", {"arms": ARMS[:1]}),
    ("split", {"arms": ARMS * 11}),
    ("split", {"arms": [{"name": "A", "weight": 0}, ARMS[1]]}),
    ("split", {"arms": [{"name": "", "weight": 1}, ARMS[1]]}),
    ("split", {"arms": [{"name": "  ", "weight": 1}, ARMS[1]]}),
    ("split", {"arms": [{"name": "A", "weight": 1, "share": 2}, ARMS[1]]}),
    ("split", {"arms": [{"name": "A", "weight": 1, "sent": None}, ARMS[1]]}),
    ("split", {"arms": ARMS, "holdout": 10}),
    ("list", {}),
    ("list", {"id": "L1", "name": "x"}),
    ("mode", "replace"),
    ("consent", ""),
    ("audiences", ["aud_1"] * 21),
    ("audiences", "aud_1"),
    ("includedAttribute", 1),
]
PARSERS = {
    "frequency": parse_frequency,
    "brake": options.parse_brake,
    "notifications": options.parse_notifications,
    "split": options.parse_split,
    "list": options.parse_list,
    "mode": options.parse_mode,
    "consent": options.parse_consent,
    "audiences": options.parse_audiences,
    "includedAttribute": options.parse_included,
}
SCHEDULES: list[tuple[str, Any, bool]] = [
    ("PERIODIC", {"interval": "1h"}, True),
    ("PERIODIC", {"interval": "2d"}, False),
    ("PERIODIC", {}, False),
    ("SPECIFIC_DAYS", {"days": [0, 6], "hours": [0, 23], "timezone": "UTC"}, True),
    ("SPECIFIC_DAYS", {"days": [7], "hours": [6], "timezone": "UTC"}, False),
    ("SPECIFIC_DAYS", {"days": [1], "hours": [24], "timezone": "UTC"}, False),
    ("SPECIFIC_DAYS", {"days": [], "hours": [6], "timezone": "UTC"}, False),
    ("SPECIFIC_DAYS", {"days": [1], "hours": [6]}, False),
]


def refused(option: str, value: Any) -> bool:
    """Whether the service refuses the value of a delivery option."""
    parse: Any = PARSERS[option]
    parsed = parse(value)
    return isinstance(parsed, list) and any(isinstance(one, Problem) for one in parsed)


def faults(schema: str, value: Any) -> list[str]:
    return DOCUMENT.faults({"$ref": f"#/components/schemas/{schema}"}, value)


@pytest.mark.parametrize(("option", "value"), FITTING)
def test_what_fits(option: str, value: Any) -> None:
    assert not refused(option, value)
    assert faults("DeliveryOptionsPatch", {option: value}) == []


@pytest.mark.parametrize(("option", "value"), FAULTY)
def test_what_does_not_fit(option: str, value: Any) -> None:
    assert refused(option, value)
    assert faults("DeliveryOptionsPatch", {option: value})


@pytest.mark.parametrize(("strategy", "config", "fits"), SCHEDULES)
def test_schedules(strategy: str, config: Any, fits: bool) -> None:
    assert (schedules.problems_of(strategy, config) == []) is fits
    sent = {"strategy": strategy, "config": config}
    assert (faults("AddAudienceScheduleToAudienceInput", sent) == []) is fits


@pytest.mark.parametrize(
    ("slug", "settings", "fits"),
    [
        ("webhook", {"url": "https://hooks.example.com/in"}, True),
        ("webhook", {"url": "https://hooks.example.com/in", "secret": None}, True),
        ("webhook", {"api_key": "pk_1"}, False),
        ("klaviyo", {"api_key": "pk_1"}, True),
        ("klaviyo", {"url": "https://hooks.example.com/in"}, False),
        ("klaviyo", {}, False),
        ("file-download", {}, True),
        ("file-download", {"retention_days": 366}, False),
        ("s3", {"bucket": "audiences", "format": "parquet"}, True),
        ("nobody", {}, False),
    ],
)
def test_settings_by_slug(slug: str, settings: dict[str, Any], fits: bool) -> None:
    sent = {"slug": slug, "name": "An account", "settings": settings}
    assert (faults("OwnDestinationInput", sent) == []) is fits
