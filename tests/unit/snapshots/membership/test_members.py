"""Snapshots: what is written is read back, patches override, comparisons count."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from app.core.errors import Invalid
from app.domain.refused_keys import RefusedKeys, refusal_digest
from app.snapshots.engine import Comparison, Cursor, LocalManifest, Upload
from app.snapshots.membership import (
    check_patch,
    compact_members,
    compare_members,
    find_row,
    page_rows,
    write_delta,
    write_snapshot,
)
from tests.unit.snapshots.files import fresh, ndjson, snapshot


def patched(
    cursor: Cursor,
    folder: Path,
    base: LocalManifest,
    add: list[dict[str, object]] | None = None,
    remove: list[str] | None = None,
) -> LocalManifest:
    out = fresh(folder)
    rows = ndjson(folder, add) if add else None
    write_delta(cursor, rows, remove or [], base, out)
    return LocalManifest(base.base, (*base.deltas, out))


def ids(cursor: Cursor, manifest: LocalManifest) -> list[str]:
    return [row["member_id"] for row in page_rows(cursor, manifest, None, 100)]


class TestWriteSnapshot:
    def test_tells_identifiers_from_traits(self, cursor: Cursor, folder: Path) -> None:
        path, out = fresh(folder, ".csv"), fresh(folder)
        path.write_text(
            'profile_id,email,phone,age,score,born\nb,"[""old@x"",""new@x""]",,5,1.50,1990-01-31\na,x@x,+491,,,\n'
        )
        stats = write_snapshot(cursor, Upload(path, "csv"), out, linked=False)
        assert stats.rows == 2
        assert list(stats.identifiers) == ["email", "phone"]
        assert stats.traits == {"age": "BIGINT", "score": "DECIMAL(18,1)", "born": "DATE"}
        first, second = page_rows(cursor, LocalManifest((out,)), None, 10)
        assert first == {
            "member_id": "a",
            "profile_id": "a",
            "identifiers": {"email": ["x@x"], "phone": ["+491"]},
            "traits": {},
            "entities": {},
        }
        assert second["identifiers"] == {"email": ["old@x", "new@x"]}
        assert second["traits"] == {"age": 5, "score": 1.5, "born": "1990-01-31"}

    def test_linked_members_are_entities_with_a_profile(self, cursor: Cursor, folder: Path) -> None:
        out = fresh(folder)
        rows = [{"entity_id": "e2", "profile_id": "p"}, {"entity_id": "e1", "profile_id": "p"}]
        write_snapshot(cursor, Upload(ndjson(folder, rows), "ndjson"), out, linked=True)
        shown = page_rows(cursor, LocalManifest((out,)), None, 10)
        assert [(row["member_id"], row["profile_id"]) for row in shown] == [
            ("e1", "p"),
            ("e2", "p"),
        ]

    def test_linked_members_need_both_ids(self, cursor: Cursor, folder: Path) -> None:
        rows = [{"entity_id": "e2", "profile_id": "p"}, {"entity_id": "e1"}]
        upload = Upload(ndjson(folder, rows), "ndjson")
        with pytest.raises(Invalid) as caught:
            write_snapshot(cursor, upload, fresh(folder), linked=True)
        assert caught.value.data == {"row": 2, "column": "profile_id"}

    @pytest.mark.parametrize("columns", ["address,address.city", "a.b.c,a.b", "android,android.id"])
    def test_an_object_beside_one_of_its_members_is_refused(
        self, cursor: Cursor, folder: Path, columns: str
    ) -> None:
        path = fresh(folder, ".csv")
        path.write_text(f"profile_id,{columns}\na,b,c\n")
        with pytest.raises(Invalid, match="exclude each other"):
            write_snapshot(cursor, Upload(path, "csv"), fresh(folder), linked=False)

    def test_odd_names_and_values_come_back(self, cursor: Cursor, folder: Path) -> None:
        rows = [{"profile_id": 'it\'s "me"', 'a "b" c': "x'y", "t": {"z": 1, "a": [1.5, None]}}]
        shown = page_rows(cursor, snapshot(cursor, folder, rows), None, 10)
        assert shown[0]["traits"] == {'a "b" c': "x'y", "t": {"a": [1.5, None], "z": 1}}
        assert find_row(cursor, snapshot(cursor, folder, rows), 'it\'s "me"') == shown[0]


class TestPatch:
    def test_later_changes_override_earlier_ones(self, cursor: Cursor, folder: Path) -> None:
        base = snapshot(cursor, folder, [{"profile_id": member, "n": 1} for member in "abc"])
        one = patched(cursor, folder, base, [{"profile_id": "d", "n": 2}], ["a"])
        two = patched(cursor, folder, one, [{"profile_id": "a", "n": 3}], ["d"])
        assert ids(cursor, one) == ["b", "c", "d"]
        assert ids(cursor, two) == ["a", "b", "c"]
        member = find_row(cursor, two, "a")
        assert member is not None
        assert member["traits"] == {"n": 3}
        assert compare_members(cursor, base, one) == Comparison(1, 1, 3)
        assert compare_members(cursor, None, two) == Comparison(3, 0, 3)

    @pytest.mark.parametrize("name", ["tier", "TIER", "Tier"])
    def test_names_in_another_case_are_the_traits_of_the_membership(
        self, cursor: Cursor, folder: Path, name: str
    ) -> None:
        rows = [{"profile_id": member, "Tier": "gold", "Größe": 1, "Élan": 1} for member in "ab"]
        base = snapshot(cursor, folder, rows)
        after = patched(
            cursor, folder, base, [{"profile_id": "a", name: "silver", "GRÖSSE": 2, "élan": 2}]
        )
        shown = page_rows(cursor, after, None, 10)
        assert [row["traits"] for row in shown] == [
            {"GRÖSSE": 2, "Tier": "silver", "Élan": 2},
            {"Tier": "gold", "Größe": 1, "Élan": 1},
        ]

    def test_a_stored_change_in_another_case_is_read(self, cursor: Cursor, folder: Path) -> None:
        base = snapshot(cursor, folder, [{"profile_id": "a", "Tier": "gold"}])
        alone = patched(cursor, folder, LocalManifest(), [{"profile_id": "a", "tier": "silver"}])
        after = LocalManifest(base.base, alone.deltas)
        assert page_rows(cursor, after, None, 10)[0]["traits"] == {"Tier": "silver"}

    def test_an_exact_name_of_an_identifier_stays(self, cursor: Cursor, folder: Path) -> None:
        base = snapshot(cursor, folder, [{"profile_id": "a", "Email": "a@x.io"}])
        after = patched(cursor, folder, base, [{"profile_id": "a", "email": "b@x.io"}])
        shown = page_rows(cursor, after, None, 10)[0]
        assert (shown["identifiers"], shown["traits"]) == ({"email": ["b@x.io"]}, {})

    def test_a_member_whose_new_row_is_refused_leaves(self, cursor: Cursor, folder: Path) -> None:
        refused = RefusedKeys(b"k", frozenset({refusal_digest(b"k", "ada@x.io")}))
        base = snapshot(cursor, folder, [{"profile_id": one, "email": "b@x.io"} for one in "abc"])
        add = ndjson(folder, [{"profile_id": one, "email": "Ada@x.io"} for one in "bd"])
        out = fresh(folder)
        stats = write_delta(cursor, add, ["c"], base, out, refused=refused)
        after = LocalManifest(base.base, (out,))
        assert ids(cursor, after) == ["a"]  # as in an upload of all members
        assert (stats.refused, stats.exited, stats.members) == (2, 2, 1)
        assert "d" not in pq.read_table(out)["member_id"].to_pylist()

    def test_a_list_in_a_trait_that_was_always_empty(self, cursor: Cursor, folder: Path) -> None:
        base = snapshot(cursor, folder, [{"profile_id": one, "tags": None} for one in "ab"])
        after = patched(cursor, folder, base, [{"profile_id": "a", "tags": ["x", {"y": 1}]}])
        shown = page_rows(cursor, after, None, 10)
        assert [row["traits"] for row in shown] == [{"tags": ["x", {"y": 1}]}, {}]

    @pytest.mark.parametrize("value", [["u"], {"a": 1}])
    def test_lists_after_a_text_that_was_replaced(
        self, cursor: Cursor, folder: Path, value: object
    ) -> None:
        after = snapshot(cursor, folder, [{"profile_id": "a", "tags": None}])
        for member, tags in (("b", "hello"), ("b", None), ("c", value)):
            after = patched(cursor, folder, after, [{"profile_id": member, "tags": tags}])
        shown = page_rows(cursor, after, None, 10)
        assert [row["traits"] for row in shown] == [{}, {}, {"tags": value}]
        compact_members(cursor, after, out := fresh(folder))
        assert page_rows(cursor, LocalManifest((out,)), None, 10) == shown

    def test_an_identifier_in_another_spelling_stays_one_after_a_change_with_both(
        self, cursor: Cursor, folder: Path
    ) -> None:
        after = snapshot(cursor, folder, [{"profile_id": "a", "E-Mail": "a@x.io"}])
        both: dict[str, object] = {"profile_id": "b", "email": "b@x.io", "E-Mail": "w"}
        other: dict[str, object] = {"profile_id": "a", "E-Mail": "new@x.io"}
        for change in (both, other):
            after = patched(cursor, folder, after, [change])
        shown = page_rows(cursor, after, None, 10)
        assert [row["identifiers"] for row in shown] == [
            {"email": ["new@x.io"]},
            {"email": ["b@x.io"]},
        ]

    def test_an_exact_name_means_its_own_trait(self, cursor: Cursor, folder: Path) -> None:
        base = snapshot(cursor, folder, [{"profile_id": "a", "Größe": "s"}])
        alone = patched(cursor, folder, LocalManifest(), [{"profile_id": "b", "GRÖßE": "m"}])
        both = LocalManifest(base.base, alone.deltas)  # as earlier versions stored it
        after = patched(cursor, folder, both, [{"profile_id": "a", "Größe": "l"}])
        assert page_rows(cursor, after, None, 10)[0]["traits"] == {"Größe": "l"}

    @pytest.mark.parametrize("compacted", [False, True])
    def test_a_trait_beside_an_identifier_does_not_become_it(
        self, cursor: Cursor, folder: Path, compacted: bool
    ) -> None:
        rows = [{"profile_id": "a", "email": "a@x.io", "E-Mail": "bills@x.io"}]
        base = snapshot(cursor, folder, rows)
        if compacted:
            compact_members(cursor, base, out := fresh(folder))
            base = LocalManifest((out,))
        change: dict[str, object] = {"profile_id": "a", "E-Mail": "other@x.io"}
        check_patch(cursor, ndjson(folder, [change]), [], base, fresh(folder), linked=False)
        shown = page_rows(cursor, patched(cursor, folder, base, [change]), None, 10)[0]
        assert (shown["identifiers"], shown["traits"]) == ({}, {"E-Mail": "other@x.io"})
        alone = snapshot(cursor, folder, [{"profile_id": "a", "E-Mail": "a@x.io"}])
        shown = page_rows(cursor, patched(cursor, folder, alone, [change]), None, 10)[0]
        assert shown["identifiers"] == {"email": ["other@x.io"]}

    def test_traits_may_differ_at_the_ends_of_long_names(
        self, cursor: Cursor, folder: Path
    ) -> None:
        first, second = (f"{'x' * 300}{end}" for end in "ab")
        one = patched(cursor, folder, LocalManifest(), [{"profile_id": "p", first: 1}])
        two = patched(cursor, folder, one, [{"profile_id": "q", second: 2}])
        found = find_row(cursor, two, "q")
        assert found is not None
        assert found["traits"] == {second: 2}

    def test_counts_what_it_does(self, cursor: Cursor, folder: Path) -> None:
        base = snapshot(cursor, folder, [{"profile_id": member} for member in "abc"])
        rows = ndjson(folder, [{"profile_id": "a"}, {"profile_id": "x"}])
        stats = write_delta(cursor, rows, ["b", "nobody"], base, fresh(folder))
        assert (stats.entered, stats.exited, stats.members) == (1, 1, 3)

    def test_keeps_the_types_of_the_base(self, cursor: Cursor, folder: Path) -> None:
        path, out = fresh(folder, ".csv"), fresh(folder)
        path.write_text("profile_id,born,score\na,1990-01-31,1.25\n")
        write_snapshot(cursor, Upload(path, "csv"), out, linked=False)
        base = LocalManifest((out,))
        both = patched(
            cursor, folder, base, [{"profile_id": "b", "born": "2000-02-29", "score": 3}]
        )
        assert [row["traits"] for row in page_rows(cursor, both, None, 10)] == [
            {"born": "1990-01-31", "score": 1.25},
            {"born": "2000-02-29", "score": 3.0},
        ]
        with pytest.raises(Invalid, match="born holds DATE"):
            patched(cursor, folder, base, [{"profile_id": "b", "born": "soon"}])

    def test_refuses_one_id_twice(self, cursor: Cursor, folder: Path) -> None:
        base = snapshot(cursor, folder, [{"profile_id": "a"}])
        with pytest.raises(Invalid, match="in both add and remove"):
            patched(cursor, folder, base, [{"profile_id": "a"}], ["a"])

    def test_compaction_changes_nothing(self, cursor: Cursor, folder: Path) -> None:
        base = snapshot(cursor, folder, [{"profile_id": m, "email": f"{m}@x"} for m in "abcdef"])
        manifest = patched(cursor, folder, base, [{"profile_id": "x", "vip": True}], ["a", "d"])
        manifest = patched(cursor, folder, manifest, [{"profile_id": "a"}], ["b"])
        out = fresh(folder)
        assert compact_members(cursor, manifest, out).rows == 5
        whole = LocalManifest((out,))
        assert page_rows(cursor, whole, None, 100) == page_rows(cursor, manifest, None, 100)


class TestPage:
    def test_goes_through_all_in_order(self, cursor: Cursor, folder: Path) -> None:
        manifest = snapshot(
            cursor, folder, [{"profile_id": f"m{number:03}"} for number in range(25)]
        )
        seen: list[str] = []
        while found := page_rows(cursor, manifest, seen[-1] if seen else None, 10):
            seen += [row["member_id"] for row in found]
        assert seen == [f"m{number:03}" for number in range(25)]

    def test_finds_nobody_who_is_not_there(self, cursor: Cursor, folder: Path) -> None:
        assert find_row(cursor, snapshot(cursor, folder, [{"profile_id": "a"}]), "b") is None
        assert find_row(cursor, LocalManifest(), "b") is None
