"""Files of deliveries that come as columns equal those of the same deliveries one by one."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import orjson
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.connectors.base import Delivery, JsonColumns, JsonTexts
from app.connectors.destinations.file_export.arrow_values import arrow_values
from app.connectors.destinations.file_export.options import wanted_columns
from app.connectors.destinations.file_export.rows import make_columns
from app.core.exact_numbers import loads_exact
from app.domain.changes import ChangeKind
from tests.apart import examples
from tests.unit.connectors.create import create_call
from tests.unit.connectors.file_export.create import download

TYPES = {
    "plan": "text",
    "spent": "number",
    "orders": "integer",
    "vip": "boolean",
    "seen": "timestamp",
    "born": "date",
}
ORDINARY = [
    (
        "p1",
        "entered",
        '{"email":"a@example.com","user_id":"=1+1"}',
        '{"born":"1990-05-01","orders":3,"plan":"gold\\n\\"é\\"","seen":"2026-02-03T04:05:06.007Z","spent":12.5,"vip":true}',
    ),
    ("p2", "exited", None, None),
    ("p3", "updated", '{"user_id":""}', '{"email":"trait@example.com","spent":7,"plan":""}'),
]
Row = tuple[str, str, str | None, str | None]


class Columns(Sequence[Delivery]):
    """Deliveries with the ability of ``JsonColumns``."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Delivery: ...
    @overload
    def __getitem__(self, index: slice) -> Columns: ...
    def __getitem__(self, index: int | slice) -> Delivery | Columns:
        if isinstance(index, slice):
            return Columns(self._rows[index])
        key, kind, identifiers, traits = self._rows[index]
        return Delivery(
            kind=ChangeKind(kind),
            key_type="member",
            key=key,
            profile_id=f"of-{key}",
            identifiers=orjson.loads(identifiers or "{}"),
            traits=loads_exact(traits or "{}"),
        )

    def json_columns(self) -> JsonTexts:
        keys, kinds, identifiers, traits = (
            pa.array([row[place] for row in self._rows], pa.string()) for place in range(4)
        )
        profiles = pa.array([f"of-{row[0]}" for row in self._rows], pa.string())
        return JsonTexts(kinds, keys, profiles, identifiers, traits)


#: All fields that are read as columns, and an identifier, a trait and a name that is neither.
CHOSEN = {
    field: f"the {field}"
    for field in (
        "message_id", "member_id", "profile_id", "action", "audience_action", "occurred_at", "timestamp", "audience_id", "audience_key",
        "audience_name", "space_id", "activation_id", "sync_id", "seq", "identifiers.email", "traits.spent", "user_id", "other",
    )
}  # fmt: skip


async def files(
    rows: Sequence[Row],
    types: dict[str, str] | None,
    chosen: dict[str, str] | None = None,
    **form: Any,
) -> list[Any]:
    """Write the file of the rows from columns, and from single deliveries. Returns both, each with its manifest."""
    constants = {"columns": chosen} if chosen else {}
    call = create_call(kind=None, count=1, rows=len(rows), trait_types=types, constants=constants)
    found = []
    for deliveries in (Columns(rows), list(Columns(rows))):
        with tempfile.TemporaryDirectory() as folder:
            exports, receipts = await download(Path(folder), call, deliveries, **form)
            found.append((exports.files, receipts.rejected))
    return found


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("contents", ["delta", "snapshot"])
@pytest.mark.parametrize("chosen", [None, CHOSEN])
async def test_ordinary_values_are_read_as_columns(
    form: str, contents: str, chosen: dict[str, str] | None
) -> None:
    columns, single = await files(ORDINARY, TYPES, chosen, format=form, contents=contents)
    assert columns == single
    call = create_call(trait_types=TYPES, constants={"columns": chosen} if chosen else {})
    wanted = make_columns(call, wanted_columns(call), snapshot=contents == "snapshot")
    assert arrow_values(wanted, Columns(ORDINARY).json_columns()) is not None
    assert isinstance(Columns(ORDINARY), JsonColumns)


async def test_a_name_of_two_types_is_read_one_by_one() -> None:
    types, chosen = {"email": "integer"}, {"identifiers.email": "address", "traits.email": "number"}
    rows = [("p1", "entered", '{"email":"a@example.com"}', '{"email":7}')]
    columns, single = await files(rows, types, chosen, format="csv")
    assert columns == single
    call = create_call(trait_types=types, constants={"columns": chosen})
    wanted = make_columns(call, wanted_columns(call), snapshot=False)
    assert arrow_values(wanted, Columns(rows).json_columns()) is None


SOME_TEXT = st.text(max_size=8) | st.sampled_from(
    ["2026-01-02", "1", "true", "=A1", "2026-01-02T03:04:05.678901Z"]
)
VALUE = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | SOME_TEXT
    | st.lists(SOME_TEXT, max_size=2)
    | st.dictionaries(SOME_TEXT, st.integers(0, 9), max_size=2)
)  # fmt: skip


def as_text(value: dict[str, Any]) -> str | None:
    """JSON as the engine writes it: without members that are null, and null for no member."""
    members = {name: one for name, one in value.items() if one is not None}
    return (
        orjson.dumps(
            members,
            default=str,
            option=orjson.OPT_PASSTHROUGH_DATETIME,
        ).decode()
        if members
        else None
    )


def small(value: Any) -> Any:
    """A number that the writer of this test can write."""
    return (
        value % 2**63
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63
        else value
    )


ROW = st.tuples(
    st.sampled_from(["entered", "exited", "updated"]),
    st.dictionaries(st.sampled_from(["email", "user_id", "phone"]), SOME_TEXT | st.lists(SOME_TEXT, max_size=2)),
    st.dictionaries(st.sampled_from([*TYPES, "email", "other"]), VALUE.map(small)),
)  # fmt: skip


@pytest.mark.more_in_walks
@settings(
    max_examples=examples(50, 150), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(
    rows=st.lists(ROW, min_size=1, max_size=4),
    form=st.sampled_from(["csv", "parquet"]),
    types=st.sampled_from([TYPES, {}, {**TYPES, "plan": "json"}, {"spent": "decimal(18,2)"}]),
)
async def test_any_values_make_equal_files(rows: Any, form: str, types: dict[str, str]) -> None:
    made = [
        (f"p{number}", kind, as_text(identifiers), as_text(traits))
        for number, (kind, identifiers, traits) in enumerate(rows)
    ]
    columns, single = await files(made, types, format=form)
    assert columns == single
