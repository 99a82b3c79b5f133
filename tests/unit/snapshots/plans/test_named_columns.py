"""Traits that personalization and mappings name are found in any spelling; identifiers outside the list are read, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.snapshots.engine import Cursor, KeyField
from tests.apart import rest_in_walks
from tests.unit.snapshots.plans.test_plan import delivered, planned

ROW = {
    "profile_id": "p1",
    "First Name": "Ann",
    "Plan": "gold",
    "homeCity": "Bern",
    "Address": {"city": "Graz"},
    "Zip": "8010",
    "zip ": "8020",
    "email": ["old@x.io", "Ann@X.io"],
    "phone": "+44 (0)20 7946 0018",
    "user_id": "NULL",
}
BY_EMAIL: dict[str, Any] = {
    "key": "identifiers",
    "fields": (KeyField("email", "last", "email", map_to="email"),),
}


@pytest.mark.parametrize(
    ("named", "sent"),
    [
        (["first_name"], {"first_name": "Ann"}),
        (["firstName", "FIRST-NAME"], {"firstName": "Ann", "FIRST-NAME": "Ann"}),
        (["plan"], {"plan": "gold"}),
        (["Plan"], {"Plan": "gold"}),
        (["home_city"], {"home_city": "Bern"}),
        (["address.city"], {"address": {"city": "Graz"}}),
        (["zip_"], {}),  # two columns
        (["phone"], {"phone": "+442079460018"}),
        (["Phone"], {"Phone": "+442079460018"}),
        (["user_id"], {}),  # absent
        (["email"], {}),  # part of the identity
        (["unknown"], {}),
    ],
)
@pytest.mark.parametrize("key", rest_in_walks([BY_EMAIL, {}]))
def test_names(
    cursor: Cursor,
    tmp_path: Path,
    key: dict[str, Any],
    named: list[str],
    sent: dict[str, Any],
) -> None:
    if not key and named[0] in {"phone", "user_id"}:
        sent = {}  # all identifiers are part of the identity
    stats, changes, _ = planned(cursor, tmp_path, [ROW], traits=(), reads=named, named=named, **key)
    assert stats.entered == 1
    assert dict(changes[0].traits) == sent


@pytest.mark.walk
def test_a_change_is_an_update(cursor: Cursor, tmp_path: Path) -> None:
    spec = {**BY_EMAIL, "traits": ("first_name", "phone"), "named": ("first_name", "phone")}
    stats, _, plan = planned(cursor, tmp_path, [ROW], **spec)
    held = delivered(cursor, tmp_path, plan, stats, **spec)
    assert planned(cursor, tmp_path, [ROW], held, **spec)[0].changes == 0
    for change in ({"First Name": "Eva"}, {"phone": "+49 170 1234567"}):
        assert planned(cursor, tmp_path, [{**ROW, **change}], held, **spec)[0].updated == 1
