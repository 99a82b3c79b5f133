"""The first plan in which a new rule for identifiers changes held keys waits, and an approval sends exactly that."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import text

from app.core import clock
from app.services.syncs import syncs
from tests.flow import ACTOR, Flow
from tests.integration.services.planning.test_old_holdings import ROWS, delivered, replace
from tests.stepping import Hand


def under_the_old_rule(table: pa.Table, ids: set[str]) -> pa.Table:
    """Write some ids with a blank at their end, as they were sent before ids were trimmed."""
    keys = [f"{key} " if key in ids else key for key in table["k"].to_pylist()]
    return table.set_column(table.column_names.index("k"), "k", pa.array(keys)).sort_by("k")


async def forget_rules(flow: Flow) -> None:
    """Let all syncs look as if the version before had planned them."""
    async with flow.platform.unit_of_work() as session:
        await session.execute(text("UPDATE sync SET spec = spec - 'keyRules' - 'ruleChanges'"))


async def test_the_plan_waits_with_counts(flow: Flow, tmp_path: Path) -> None:
    hand = Hand(flow)
    activation, before = await delivered(flow, hand)
    assert pc.sum(pc.equal(before["held"], "yes")).as_py() == len(ROWS)
    await replace(flow, activation, under_the_old_rule(before, {"p7", "p8", "p9"}), tmp_path)
    await forget_rules(flow)
    await flow.supply(ROWS[:-1])
    await hand.quiet()
    waiting = (await flow.syncs(activation))[-1]
    assert (waiting.state, waiting.entered, waiting.exited) == ("held", 3, 4)
    assert (waiting.spec or {})["ruleChanges"] == {"invalid": 0, "moved": 3}
    assert waiting.hold_reason is not None
    assert "3 move" in waiting.hold_reason
    async with flow.platform.unit_of_work() as session:
        await syncs.approve_sync(
            session, flow.space_id, activation, waiting.id, actor=ACTOR, now=clock.now()
        )
    await hand.quiet()
    done = (await flow.syncs(activation))[-1]
    assert (done.id, done.state, done.delivered) == (waiting.id, "complete", 7)
    assert flow.received(activation) == {row["profile_id"] for row in ROWS[:-1]}
    await flow.supply(ROWS)
    await hand.quiet()
    after = (await flow.syncs(activation))[-1]
    assert (after.state, after.entered, after.exited) == ("complete", 1, 0)
