"""The files of a snapshot: from an upload, or from changes of the snapshot before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.core.objects import StoreAway
from app.services.audiences.definition_rows import Reading
from app.services.audiences.write_snapshot import Computed, Work, compute_snapshot
from app.services.platform.platform import Platform
from app.services.platform.stored_files import fetch_manifest, store_file
from app.snapshots.engine import Comparison, Manifest
from app.snapshots.membership import find_row
from app.storage.models import Audience, MemberPatch, Run, Snapshot

AUDIENCE = Audience(space_id="spa", id="aud", audience_type="USERS", query="")


def member(number: int, **traits: Any) -> dict[str, Any]:
    return {"profile_id": f"p{number}", "email": f"p{number}@example.com", **traits}


def current(computed: Computed) -> Snapshot:
    """A computed snapshot as the current one of its audience."""
    return Snapshot(
        id="snp",
        manifest=computed.manifest.to_json(),
        traits=dict(computed.stats.traits),
        identifiers=list(computed.stats.identifiers),
    )


async def uploaded(
    local: Platform, folder: Path, numbers: Sequence[int], previous: Snapshot | None = None
) -> Computed:
    path = folder / "upload.ndjson"
    path.write_bytes(b"\n".join(orjson.dumps(member(number, age=number)) for number in numbers))
    file = await store_file(local.objects, path, "uploads/one.ndjson", 0)
    supplied = {"file": file.to_json(), "format": "ndjson", "encoding": None}
    run = Run(space_id="spa", audience_id="aud", id="run_1", kind="upload", input=supplied)
    return await compute_snapshot(local, Work(run, AUDIENCE, previous, [], Reading()))


async def patched(
    local: Platform, previous: Snapshot | None, *patches: tuple[list[dict[str, Any]], list[str]]
) -> Computed:
    run = Run(space_id="spa", audience_id="aud", id="run_2", kind="patch")
    rows = [MemberPatch(add=add, remove=remove) for add, remove in patches]
    return await compute_snapshot(local, Work(run, AUDIENCE, previous, rows, Reading()))


async def members(local: Platform, manifest: Manifest, numbers: range) -> set[int]:
    files = await fetch_manifest(local.objects, manifest)
    found = set()
    for number in numbers:
        if await local.engine.run(find_row, files, f"p{number}") is not None:
            found.add(number)
    return found


async def test_an_upload_becomes_one_base(local: Platform, tmp_path: Path) -> None:
    found = await uploaded(local, tmp_path, range(4))
    assert (len(found.manifest.base), found.manifest.deltas) == (1, ())
    assert found.manifest.base[0].key.startswith("spaces/spa/audiences/aud/snapshots/run_1/base-")
    assert (found.stats.rows, list(found.stats.identifiers)) == (4, ["email"])
    assert found.comparison == Comparison(entered=4, exited=0, members=4)


async def test_it_is_compared_with_the_snapshot_before(local: Platform, tmp_path: Path) -> None:
    before = current(await uploaded(local, tmp_path, range(4)))
    found = await uploaded(local, tmp_path, range(3, 9), before)
    assert found.comparison == Comparison(entered=5, exited=3, members=6)


async def test_a_change_is_a_delta_over_the_snapshot_before(
    local: Platform, tmp_path: Path
) -> None:
    before = current(await uploaded(local, tmp_path, range(4)))
    found = await patched(local, before, ([member(7, city="Rome")], ["p1", "p99"]))
    assert (len(found.manifest.base), len(found.manifest.deltas)) == (1, 1)
    assert await members(local, found.manifest, range(9)) == {0, 2, 3, 7}
    assert found.comparison == Comparison(entered=1, exited=1, members=4)
    assert set(found.stats.traits) == {"age", "city"}


async def test_the_last_change_of_a_member_counts(local: Platform, tmp_path: Path) -> None:
    before = current(await uploaded(local, tmp_path, [0]))
    found = await patched(
        local, before, ([member(1)], []), ([member(2)], ["p1", "p0"]), ([member(0)], ["p2"])
    )
    assert await members(local, found.manifest, range(4)) == {0}


async def test_many_deltas_become_one_base(local: Platform, tmp_path: Path) -> None:
    before = current(await uploaded(local, tmp_path, range(4)))
    manifest = Manifest.from_json(before.manifest)
    first = await patched(local, before, ([member(5)], []))
    many = Manifest(manifest.base, first.manifest.deltas * 16)
    before.manifest = many.to_json()
    found = await patched(local, before, ([member(6)], ["p0"]))
    assert (len(found.manifest.base), found.manifest.deltas) == (1, ())
    assert await members(local, found.manifest, range(9)) == {1, 2, 3, 5, 6}


async def test_scratch_files_are_removed(local: Platform, tmp_path: Path) -> None:
    computed = await uploaded(local, tmp_path, range(4))
    await patched(local, current(computed), ([member(5)], ["p0"]))
    assert [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()] == []


async def test_a_base_that_cannot_be_stored_leaves_no_scratch_file(
    local: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is tried again and again: each try would leave a whole membership."""
    before = current(await uploaded(local, tmp_path, range(4)))
    manifest = Manifest.from_json(before.manifest)
    first = await patched(local, before, ([member(5)], []))
    before.manifest = Manifest(manifest.base, first.manifest.deltas * 16).to_json()
    put = local.objects.put

    async def full(path: Path, key: str) -> tuple[str, int]:
        if "/base-" in key:
            raise StoreAway("the bucket is full")
        return await put(path, key)

    monkeypatch.setattr(local.objects, "put", full)
    with pytest.raises(StoreAway):
        await patched(local, before, ([member(6)], ["p0"]))
    assert [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()] == []


async def test_an_upload_that_cannot_be_read_leaves_no_scratch_file(
    local: Platform, tmp_path: Path
) -> None:
    path = tmp_path / "upload.ndjson"
    path.write_text("not JSON")
    file = await store_file(local.objects, path, "uploads/one.ndjson", 0)
    supplied = {"file": file.to_json(), "format": "ndjson", "encoding": None}
    run = Run(space_id="spa", audience_id="aud", id="run_1", kind="upload", input=supplied)
    with pytest.raises(Exception, match="JSON"):
        await compute_snapshot(local, Work(run, AUDIENCE, None, [], Reading()))
    assert [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()] == []


async def test_changes_that_spell_a_trait_in_several_cases_are_applied_together(
    local: Platform, tmp_path: Path
) -> None:
    before = current(await uploaded(local, tmp_path, range(3)))
    changes: list[tuple[list[dict[str, Any]], list[str]]] = [
        ([member(0, AGE=0)], []),
        ([member(1, Age=1)], []),
        ([member(5, City="Rome")], []),
        ([member(6, CITY="Bern")], []),
    ]
    found = await patched(local, before, *changes)
    files = await fetch_manifest(local.objects, found.manifest)
    rows = [await local.engine.run(find_row, files, f"p{number}") for number in (0, 1, 2, 5, 6)]
    assert [row and row["traits"] for row in rows] == [
        {"age": 0}, {"age": 1}, {"age": 2}, {"City": "Rome"}, {"City": "Bern"},
    ]  # fmt: skip


async def test_a_trait_beside_an_identifier_stays_one_if_changes_are_combined(
    local: Platform, tmp_path: Path
) -> None:
    path = tmp_path / "upload.ndjson"
    path.write_bytes(orjson.dumps({**member(0), "E-Mail": "bills@example.com"}))
    file = await store_file(local.objects, path, "uploads/one.ndjson", 0)
    supplied = {"file": file.to_json(), "format": "ndjson", "encoding": None}
    run = Run(space_id="spa", audience_id="aud", id="run_1", kind="upload", input=supplied)
    before = current(await compute_snapshot(local, Work(run, AUDIENCE, None, [], Reading())))
    second = [{"profile_id": "p2", "E-Mail": "bills@example.com"}]
    found = await patched(local, before, ([member(1)], []), (second, []))
    row = await local.engine.run(
        find_row, await fetch_manifest(local.objects, found.manifest), "p2"
    )
    assert row is not None
    assert (row["identifiers"], row["traits"]) == ({}, {"E-Mail": "bills@example.com"})
