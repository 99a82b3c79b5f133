"""When a profile came into an audience and left it, by the snapshots that are kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from app.services.platform.platform import Platform
from app.services.platform.stored_files import store_file
from app.services.reports.explanation import MemberRow, Membership, UnsearchedSnapshot
from app.services.reports.membership_history import membership_history
from app.services.reports.read_budget import ReadBudget
from app.snapshots.engine import Manifest
from app.storage.models import Audience, Snapshot
from tests.unit.snapshots.files import snapshot

AUDIENCE = Audience(space_id="spa", id="aud")
VERSIONS = [["ada"], ["ada", "bob"], ["bob"], ["bob"], ["ada"]]


class NoBytes(ReadBudget):
    """A budget that reaches nothing."""

    async def reaches(self, files: object) -> bool:
        return False


async def kept(local: Platform, folder: Path) -> list[Snapshot]:
    """One snapshot for each of VERSIONS, the newest first."""
    return [
        await _written(local, folder, number, members)
        for number, members in reversed(list(enumerate(VERSIONS, 1)))
    ]


async def _written(local: Platform, folder: Path, number: int, members: Iterable[str]) -> Snapshot:
    rows = [{"profile_id": name, "email": f"{name}@example.com", "age": 41} for name in members]
    (path,) = (await local.engine.run(snapshot, folder, rows)).base
    file = await store_file(local.objects, path, f"snapshots/{number}.parquet", len(rows))
    as_of = datetime(2026, 1, number, tzinfo=UTC)
    manifest = Manifest((file,)).to_json()
    return Snapshot(id=f"snp_{number}", version=number, as_of=as_of, manifest=manifest)


async def told(
    local: Platform, snapshots: list[Snapshot], profile: str, budget: type[ReadBudget] = ReadBudget
) -> Membership:
    (search,) = budget.shares(local.objects, 1)
    return await membership_history(local, AUDIENCE, snapshots, profile, search)


def turns(found: Membership) -> list[tuple[str, bool]]:
    return [(turn.snapshot_id, turn.member) for turn in found.history]


async def test_names_each_coming_and_leaving_newest_first(local: Platform, tmp_path: Path) -> None:
    found = await told(local, await kept(local, tmp_path), "ada")
    assert turns(found) == [("snp_5", True), ("snp_3", False), ("snp_1", True)]
    assert (found.member, found.snapshot_id) == (True, "snp_5")
    assert found.as_of == datetime(2026, 1, 5, tzinfo=UTC)
    assert found.row == MemberRow("ada", "ada", {"email": ["ada@example.com"]}, {"age": 41}, {})
    assert found.history_stopped_at is None


async def test_who_is_not_a_member_now_has_no_row(local: Platform, tmp_path: Path) -> None:
    found = await told(local, await kept(local, tmp_path), "bob")
    assert (found.member, found.row) == (False, None)
    assert turns(found) == [("snp_5", False), ("snp_2", True)]


async def test_without_a_snapshot_there_is_nothing(local: Platform) -> None:
    found = await told(local, [], "ada")
    assert (found.snapshot_id, found.member, found.history) == (None, False, [])


async def test_beyond_its_budget_it_says_where_it_stopped(local: Platform, tmp_path: Path) -> None:
    found = await told(local, await kept(local, tmp_path), "ada", NoBytes)
    assert found.history_stopped_at == UnsearchedSnapshot("snp_4", datetime(2026, 1, 4, tzinfo=UTC))
    assert turns(found) == [("snp_5", True)]
