"""Holdings that version 1 stored are rewritten before the next plan, which sends only what has changed."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.services.platform import Platform, fetch_manifest, store_file
from app.snapshots.engine import FileFormat, Manifest, format_metadata
from app.snapshots.holdings import is_old
from app.storage.models import Activation
from tests.flow import Flow
from tests.stepping import Hand

ROWS = [{"profile_id": f"p{number}"} for number in range(200)]


async def stored(flow: Flow, activation: str) -> Manifest:
    async with flow.platform.unit_of_work() as session:
        row = await session.get(Activation, (flow.space_id, activation))
        assert row is not None
        return Manifest.from_json(row.holdings)


async def replace(flow: Flow, activation: str, table: pa.Table, folder: Path) -> None:
    path = folder / "replaced.parquet"
    pq.write_table(table, path)
    file = await store_file(flow.platform.objects, path, f"test/{activation}.parquet", len(table))
    async with flow.platform.unit_of_work() as session:
        row = await session.get(Activation, (flow.space_id, activation))
        assert row is not None
        row.holdings = Manifest((file,)).to_json()


async def table_of(platform: Platform, manifest: Manifest) -> pa.Table:
    local = await fetch_manifest(platform.objects, manifest)
    return pa.concat_tables([pq.read_table(path) for path in (*local.base, *local.deltas)])


async def delivered(flow: Flow, hand: Hand) -> tuple[str, pa.Table]:
    """Deliver the rows. Returns the activation and its holdings."""
    activation = await flow.activate(resync=True)
    await flow.supply(ROWS)
    await hand.quiet()
    return activation, await table_of(flow.platform, await stored(flow, activation))


def as_version_one(table: pa.Table) -> pa.Table:
    """Name the arm in each key, without metadata. Here the arm of all profiles is A."""
    keys = [f"{key}\x1fmember\x1fA" for key in table["k"].to_pylist()]
    arms = pa.array(["A"] * len(table), pa.string())
    types = pa.array(["member"] * len(table), pa.string())
    changed = {"k": pa.array(keys), "key_type": types, "place": arms}
    names = ["arm" if name == "place" else name for name in table.column_names]
    columns = [changed.get(name, table[name]) for name in table.column_names]
    return pa.table(dict(zip(names, columns, strict=True)))


async def test_only_changes_are_sent_and_the_holdings_are_rewritten(
    flow: Flow, tmp_path: Path
) -> None:
    hand = Hand(flow)
    activation, before = await delivered(flow, hand)
    await replace(flow, activation, as_version_one(before), tmp_path)
    await flow.supply(ROWS[5:])
    await hand.quiet()
    last = (await flow.syncs(activation))[-1]
    assert (last.state, last.entered, last.exited) == ("complete", 0, 5)
    assert flow.received(activation) == {f"p{number}" for number in range(5, 200)}
    local = await fetch_manifest(flow.platform.objects, await stored(flow, activation))
    assert not is_old(local)


@pytest.mark.walk
async def test_a_file_of_a_later_version_is_named_and_nothing_is_sent(
    flow: Flow, tmp_path: Path
) -> None:
    hand = Hand(flow)
    activation, before = await delivered(flow, hand)
    later = before.replace_schema_metadata(dict(format_metadata(FileFormat.HOLDINGS, 99)))
    await replace(flow, activation, later, tmp_path)
    await flow.supply(ROWS[5:])
    await hand.once()
    await hand.once()
    last = (await flow.syncs(activation))[-1]
    assert last.state == "new"
    assert last.error is not None
    assert "holdings, version 99" in last.error["message"]
    assert flow.received(activation) == {f"p{number}" for number in range(200)}
