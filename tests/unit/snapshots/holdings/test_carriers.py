"""Which rows of a place carry an identifier, and the identity that is kept of what a partner accepted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.domain.batch_states import BatchEnd
from app.snapshots.engine import BatchOutcome, Cursor, KeyField, LocalManifest
from app.snapshots.holdings import (
    PlaceFiles,
    find_carriers,
    find_shared,
    find_shared_ids,
    fold_outcome,
    page_holdings,
)
from app.snapshots.plans import write_plan
from tests.unit.snapshots.files import create_spec, fresh, snapshot

FIELDS = (KeyField("email", "last", "email"), KeyField("user_id", "last", "text", map_to="external_id"), KeyField("phone", "all"))  # fmt: skip
SPEC: dict[str, Any] = {"key": "identifiers", "fields": FIELDS}


def person(name: str, **more: Any) -> dict[str, Any]:
    return {"profile_id": name, "email": f"{name}@x.io", **more}


def planned(cursor: Cursor, folder: Path, rows: Any, held: LocalManifest) -> Path:
    out = fresh(folder)
    write_plan(cursor, create_spec(**SPEC), [snapshot(cursor, folder, rows)], held, out)
    return out


def held_after(
    cursor: Cursor, folder: Path, rows: list[dict[str, Any]], **receipts: Any
) -> LocalManifest:
    """The holdings after the members were delivered in one batch."""
    plan, out = planned(cursor, folder, rows, LocalManifest()), fresh(folder)
    batch = BatchOutcome(1, 0, len(rows), BatchEnd.RECORDED, **receipts)
    fold_outcome(cursor, plan, LocalManifest(), [batch], create_spec(**SPEC), out)
    return LocalManifest((out,))


@pytest.mark.walk
def test_held_and_entering_rows_carry_what_their_keys_and_identities_name(
    cursor: Cursor, folder: Path
) -> None:
    both = [person("a", user_id="u1"), person("b", user_id="o'x", phone=["+1", "+2"])]
    held = held_after(cursor, folder, both)
    entering = [person("c", user_id="u1"), person("b", user_id="o'x", phone=["+1", "+2"])]
    plan = planned(cursor, folder, entering, held)
    found = find_carriers(
        cursor, [PlaceFiles(held, plan, None)],
        [("external_id", "u1"), ("email", "a@x.io"), ("phone", "+1"), ("external_id", "o'x"), ("email", "z@x.io")],
    )  # fmt: skip
    assert found == {
        ("external_id", "u1"): [("email", "a@x.io"), ("email", "c@x.io")],
        ("email", "a@x.io"): [("email", "a@x.io")],
        ("phone", "+1"): [("email", "b@x.io")],
        ("external_id", "o'x"): [("email", "b@x.io")],
    }
    elsewhere = PlaceFiles(held, plan, "elsewhere")
    assert find_carriers(cursor, [elsewhere], [("external_id", "u1")]) == {}
    shared = [
        elsewhere,
        PlaceFiles(held, None, None),
    ]  # of another activation that shares the place
    assert find_carriers(cursor, shared, [("external_id", "u1")]) == {
        ("external_id", "u1"): [("email", "a@x.io")]
    }


def test_of_many_rows_three_are_returned_and_the_key_first(cursor: Cursor, folder: Path) -> None:
    many = [person(f"m{n}", phone="+7") for n in range(9)]
    held = held_after(cursor, folder, [*many, {"profile_id": "z", "phone": "+7"}])
    plan = planned(cursor, folder, many, held)
    found = find_carriers(cursor, [PlaceFiles(held, plan, None)], [("phone", "+7")])[
        ("phone", "+7")
    ]
    assert found[0] == ("phone", "+7")
    assert len(found) == 3


def test_of_a_member_the_accepted_identity_is_kept(cursor: Cursor, folder: Path) -> None:
    held = held_after(
        cursor, folder, [person("a", user_id="u1"), person("b", user_id="u2")],
        notes={1: ("duplicate_profile", "u2 is another's")}, identities={1: {"email": "b@x.io"}},
    )  # fmt: skip
    assert [row["identity"] for row in page_holdings(cursor, held, None, 9)] == [
        {"email": "a@x.io", "external_id": "u1"},
        {"email": "b@x.io"},
    ]


def test_an_identifier_is_shared_if_two_rows_carry_it_and_one_of_them_beside_its_key(
    cursor: Cursor, folder: Path
) -> None:
    held = held_after(
        cursor, folder,
        [person("a", user_id="u1"), person("b", user_id="u2", phone="+1"), {"profile_id": "z", "user_id": "u3"}],
    )  # fmt: skip
    # b and z leave; c has the id of a, d the number of b, and e the id that is the key of z.
    entering = [person("a", user_id="u1"), person("c", user_id="u1"), person("d", phone="+1"), person("e", user_id="u3")]  # fmt: skip
    plan = planned(cursor, folder, entering, held)
    names = ("external_id", "phone")

    def shared(*files: PlaceFiles, **more: Any) -> list[Any]:
        return sorted(find_shared(cursor, files, names, 9, **more))

    both = [("external_id", "u1"), ("external_id", "u3"), ("phone", "+1")]
    assert shared(PlaceFiles(held, plan, None)) == both
    assert shared(PlaceFiles(held, plan, None), among=both[1:]) == both[1:]
    assert shared(PlaceFiles(held, plan, None, exits_first=True)) == both[:1]
    assert shared(PlaceFiles(held, None, None)) == []
    # Two activations that share the place have one row each, with one key: it is one profile.
    assert shared(PlaceFiles(held, None, None), PlaceFiles(held, None, None)) == []


def test_a_partners_id_is_shared_if_two_held_rows_have_it(cursor: Cursor, folder: Path) -> None:
    members = [person("a"), person("b"), person("c")]
    held = held_after(cursor, folder, members, partner_ids={0: "P1", 1: "P1", 2: "P2"})
    files = [PlaceFiles(held, None, None)]
    assert find_shared_ids(cursor, files, ["P1", "P2", "P3"]) == ["P1"]
    assert find_shared_ids(cursor, files * 2, ["P2"]) == []
