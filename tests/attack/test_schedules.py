"""Cron expressions and schedules that are endless to search, odd, or of another program."""

from __future__ import annotations

import time
from typing import Any

from tests.attack.accounts import attack, figures
from tests.attack.service import Service, Workspace

CRON = (
    "* * * * *", "*/7 */5 * * *", "0 0 29 2 *", "0 0 31 2 *", "0 0 30 2 1", "0 0 31 4,6,9,11 *", "0 0 29 2 1#5", "59 23 31 12 6",
    "0-59/59 0-23/23 1-31/30 1-12/11 0-6/6", ",".join(map(str, range(60))) + " * * * *", ",".join(["1"] * 100) + " * * * *",
    "0-99999999 * * * *", "*/99999999 * * * *", "*/0 * * * *", "*/-1 * * * *", "1-0 * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *",
    "* * 32 * *", "* * * 13 *", "* * * * 8", "* * * * mon-sun", "* * * * fri-mon", "* * L * *", "* * L-3 * *", "* * 15W * *", "* * LW * *",
    "* * * * 5L", "* * * * 1#6", "* * ? * *", "H H * * *", "R * * * *", "R(1-5) * * * *", "0 r * * *", "@yearly", "@reboot", "@every 1s", "* * * *", "* * * * * *",
    "* * * * * * 2099", "", " ", "\t*\n*\r*\x0b*\x0c*", "* * * * *\0", "* * * * *; rm -rf /", "$(id) * * * *", "1.5 * * * *", "1e3 * * * *",
    "\u0661 * * * *", "\uff10 * * * *", "*" * 300 + " * * * *", "* " * 5000, "-1 * * * *", "+1 * * * *", "0x10 * * * *", "1,,2 * * * *", ", * * * *",
    "* * 1-31/31 2-2 *", "0 0 1 1 *", "*/59 0-0/1 31 1-12/2 *", "jan * * * *", "* * * jan-feb-mar *", "~ * * * *", "0 12 1W * *",
)  # fmt: skip
ZONES = ("../../etc/passwd", "/etc/localtime", "UTC\0", "Europe/../Europe/Berlin", "posixrules", "localtime", "", "a" * 5000, "Factory", "right/UTC", "posix/Europe/Berlin", "EST5EDT4,M3.2.0", "\u200bUTC", "con", "Europe")  # fmt: skip
SCHEDULES: tuple[dict[str, Any], ...] = (
    {"strategy": "PERIODIC", "config": {"interval": "1ms"}}, {"strategy": "PERIODIC", "config": {"interval": ["15m"]}},
    {"strategy": "PERIODIC", "config": {"interval": {"$gt": ""}}}, {"strategy": "SPECIFIC_DAYS", "config": {"days": [0] * 100_000, "hours": [0], "timezone": "UTC"}},
    {"strategy": "SPECIFIC_DAYS", "config": {"days": [1e308], "hours": [True], "timezone": "UTC"}}, {"strategy": "SPECIFIC_DAYS", "config": {"days": [], "hours": [], "timezone": "UTC"}},
    {"strategy": "SPECIFIC_DAYS", "config": {"days": [10**400], "hours": [-1], "timezone": "UTC"}}, {"strategy": "SPECIFIC_DAYS", "config": {"days": ["0"], "hours": ["* *"], "timezone": "UTC"}},
    {"strategy": "SPECIFIC_DAYS", "config": {"days": [0], "hours": [0], "timezone": "../../etc/passwd"}}, {"strategy": "__proto__", "config": {}},
)  # fmt: skip


def create_activation(owner: Workspace, **fields: Any) -> str:
    """Create an activation for downloads. Returns its path below the space."""
    audience = owner.create_audience()
    account = {"slug": "file-download", "name": owner.name(), "settings": {}}
    destination = owner.call("POST", "/destinations", json=account)["destination"]["id"]
    path = f"/audiences/{audience}/destination-connections"
    body = {"destination": {"id": destination, "type": "destination"}}
    connection = owner.call("POST", path, json=body)["connection"]["id"]
    made = owner.call(
        "POST",
        f"{path}/{connection}/activations",
        json={
            "performResync": True,
            "activationType": "Audience Membership Changed",
            "activationName": owner.name(),
            **fields,
        },
    )
    return f"/audiences/{audience}/activations/{made['activation']['id']}"


@attack
def test_no_expression_is_searched_for_long_or_stored_in_silence(service: Service) -> None:
    attacker = service.attacker
    path = create_activation(attacker) + "/delivery-options"
    frequencies: list[dict[str, Any]] = [{"type": "cron", "expression": text} for text in CRON]
    frequencies += [{"type": "cron", "expression": "0 6 * * *", "zone": zone} for zone in ZONES]
    frequencies += [{"type": "daily", "at": "06:30", "zone": zone} for zone in ZONES]
    frequencies += [
        {"type": "daily", "at": at} for at in ("24:00", "06:30:00", "6:30", "06:30\n", "٠٦:٣٠")
    ]
    frequencies += [{"type": "interval", "minutes": value} for value in (0, -1, 10**30, 1.5, True, "5", [1])]  # fmt: skip
    frequencies += [{"type": "once", "at": at} for at in ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00", "now", "2026-02-30T00:00:00Z", 5)]  # fmt: skip
    wrong, stored = [], []
    for frequency in frequencies:
        began = time.monotonic()
        answer = attacker.request("PATCH", path, json={"frequency": frequency})
        seconds = time.monotonic() - began
        stored += [frequency] if answer.status_code == 200 else []
        if answer.status_code not in (200, 400, 422) or seconds > 2:
            wrong.append((frequency, answer.status_code, round(seconds, 1)))
    figures(f"frequencies: {len(frequencies)}, {len(stored)} stored, {len(wrong)} wrong {wrong}")
    assert not wrong
    never = ("0 0 31 2 *", "@reboot", "R * * * *")
    assert not [f for f in stored if f.get("expression") in never or "zone" in f]


@attack
def test_no_schedule_of_an_audience_is_odd(service: Service) -> None:
    attacker = service.attacker
    audience = attacker.create_audience("SELECT '1' AS profile_id")
    statuses = [
        attacker.request("POST", f"/audiences/{audience}/schedules", json=body).status_code
        for body in SCHEDULES
    ]
    figures(f"schedules: {len(SCHEDULES)}: {statuses}")
    assert all(status in (400, 413, 422) for status in statuses), statuses
    assert attacker.compute("SELECT '1' AS profile_id")["status"] == "complete"
