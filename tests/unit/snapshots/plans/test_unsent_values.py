"""Values of identifiers that are not sent, with the reason."""

from __future__ import annotations

from pathlib import Path

from app.domain.unsent_values import UnsentReason
from app.snapshots.engine import Cursor, KeyField
from app.snapshots.plans import UnsentValue, read_unsent
from tests.unit.snapshots.files import create_spec, snapshot

FIELDS = (
    KeyField("email", "last", "email"),
    KeyField("phone", "last", "phone"),
    KeyField("user_id", "last", "text"),
)


def test_each_value_has_its_reason(cursor: Cursor, tmp_path: Path) -> None:
    members = snapshot(
        cursor,
        tmp_path,
        [
            {
                "profile_id": "1",
                "email": ["ann@x.com"],
                "phone": ["0170 1234567"],
                "user_id": ["null"],
            },
            {"profile_id": "2", "email": ["ann@"], "phone": ["call me"], "user_id": ["u2"]},
            {"profile_id": "3", "email": ["c@x.com"], "phone": ["+491701234567"], "user_id": [""]},
            {"profile_id": "4", "email": ["never"], "phone": ["asked"], "user_id": []},
        ],
    )
    spec = create_spec(key="identifiers", fields=FIELDS)
    found = read_unsent(cursor, spec, [members], ["1", "2", "3"])
    assert found == {
        "1": [
            UnsentValue("phone", "0170 1234567", UnsentReason.PHONE_WITHOUT_COUNTRY),
            UnsentValue("user_id", "null", UnsentReason.NOT_AN_ID),
        ],
        "2": [
            UnsentValue("email", "ann@", UnsentReason.NOT_AN_ADDRESS),
            UnsentValue("phone", "call me", UnsentReason.NOT_A_NUMBER),
        ],
        "3": [],
    }
    german = create_spec(key="identifiers", fields=FIELDS, phone_country="DE")
    assert read_unsent(cursor, german, [members], ["1"]) == {
        "1": [UnsentValue("user_id", "null", UnsentReason.NOT_AN_ID)]
    }
