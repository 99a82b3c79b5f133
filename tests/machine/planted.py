"""Bugs that are planted into the product, one at a time, to check that histories find them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.domain.batch_states import BatchEnd
from app.domain.changes import ChangeKind, Disposition, Held
from app.domain.plan_rules import Decision, Row, decide, fold
from app.services.syncs import batch_outcomes
from app.services.syncs import settle as settling
from app.snapshots.holdings import fates
from app.snapshots.plans import decisions, plan_changes, wanted, wanted_rows
from app.snapshots.plans import plan as plans
from app.snapshots.plans.fingerprints import hash_sql
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.syncs import SyncRepository

Plant = Callable[[pytest.MonkeyPatch], None]


def maybe_is_read_as_yes(patch: pytest.MonkeyPatch) -> None:
    """Plan: changes without a response count as delivered."""

    def wrong(is_wanted: bool, held: Held, **given: Any) -> Decision:
        return decide(is_wanted, Held.YES if held is Held.MAYBE else held, **given)

    patch.setattr(decisions, "decide", wrong)


def a_key_stays_with_its_former_owner(patch: pytest.MonkeyPatch) -> None:
    """Plan: an address that now belongs to another profile is not entered for it."""

    def wrong(is_wanted: bool, held: Held, **given: Any) -> Decision:
        return decide(is_wanted, held, **{**given, "other_owner": False})

    patch.setattr(decisions, "decide", wrong)


def a_new_owner_needs_updates(patch: pytest.MonkeyPatch) -> None:
    """Plan: a new owner of a key is sent only as an update."""

    def wrong(is_wanted: bool, held: Held, **given: Any) -> Decision:
        owned = given["other_owner"] and ChangeKind.UPDATED in given["sends"]
        return decide(is_wanted, held, **{**given, "other_owner": owned})

    patch.setattr(decisions, "decide", wrong)


def exits_of_changed_keys_are_lost(patch: pytest.MonkeyPatch) -> None:
    """Plan: a member with a new address is not removed under the old one."""
    right = plans._decide

    def wrong(cursor: Any, spec: Any, sides: Any, *where: Any) -> None:
        right(cursor, spec, sides, *where)
        cursor.execute(
            f"""DELETE FROM decided WHERE code = 1 AND k IN (SELECT k FROM {sides.held} AS rows
            WHERE member_id IN (SELECT member_id FROM decided WHERE code = 2))"""
        )

    patch.setattr(plans, "_decide", wrong)


def a_shared_value_is_said_by_each(patch: pytest.MonkeyPatch) -> None:
    """Plan: an address that two profiles share is sent for both."""
    patch.setattr(plans, "_repeated", lambda cursor, sides, keys: 0)


def a_shared_value_leaves_with_who_brought_it(patch: pytest.MonkeyPatch) -> None:
    """Plan: an address is removed with its first profile although another profile has it too."""
    right = plans._decide

    def wrong(cursor: Any, spec: Any, sides: Any, *where: Any) -> None:
        right(cursor, spec, sides, *where)
        others = f"""SELECT k FROM {sides.held} AS rows WHERE held = 'yes' AND k IN (SELECT k FROM {sides.keys} AS keys)
            AND member_id NOT IN (SELECT member_id FROM {sides.keys} AS keys)"""
        cursor.execute(f"DELETE FROM decided WHERE k IN ({others})")
        cursor.execute(
            f"""INSERT INTO decided SELECT 0, 1, k, place, NULL, NULL, true FROM {sides.held} AS rows
            WHERE k IN ({others})"""
        )

    patch.setattr(plans, "_decide", wrong)


def arms_change_from_sync_to_sync(patch: pytest.MonkeyPatch) -> None:
    """Split: a member's arm depends on the sync."""
    right = wanted_rows.arm_sql
    patch.setattr(
        wanted_rows,
        "arm_sql",
        lambda spec, profile: right(
            replace(spec, split_seed=f"{spec.split_seed}{spec.sync_number}"), profile
        ),
    )


def control_is_sent(patch: pytest.MonkeyPatch) -> None:
    """Split: members of an arm that is not sent are sent like all others."""
    right = wanted._reason
    patch.setattr(wanted, "_reason", lambda spec, value: right(replace(spec, arms=()), value))


def arms_are_not_told(patch: pytest.MonkeyPatch) -> None:
    """Split: a member that changes arms on one list keeps the property of the old arm."""
    right = hash_sql
    patch.setattr(
        wanted,
        "hash_sql",
        lambda spec, whole, fields: right(replace(spec, tells_arms=False), whole, fields),
    )


def exits_go_by_todays_identity(patch: pytest.MonkeyPatch) -> None:
    """Identity: a member that leaves is removed by its current identifiers, not by those that were sent."""
    right = plan_changes._changes

    def wrong(sides: Any, chosen: str, span: Any) -> str:
        query = right(sides, chosen, span)
        now = f"(SELECT min(x.k) FROM {sides.keys} AS x WHERE x.member_id = h.member_id)"
        told = query.replace(
            "c.k AS k,", f"CASE WHEN c.code = 1 THEN coalesce({now}, c.k) ELSE c.k END AS k,", 1
        )
        assert told != query
        return told

    patch.setattr(plan_changes, "_changes", wrong)


def attempted_is_folded_as_not_attempted(patch: pytest.MonkeyPatch) -> None:
    """Settle: changes that were sent without a response are forgotten when the sync is closed."""
    right = batch_outcomes.outcomes_of

    def wrong(batches: Any) -> Any:
        return [
            replace(one, state=BatchEnd.UNTOUCHED) if one.state is BatchEnd.ATTEMPTED else one
            for one in right(batches)
        ]

    patch.setattr(settling, "outcomes_of", wrong)


def refused_is_folded_as_held(patch: pytest.MonkeyPatch) -> None:
    """Settle: refused members count as held."""

    def wrong(kind: ChangeKind, disposition: Disposition, **given: Any) -> Row:
        refused = disposition is Disposition.REJECTED
        return fold(kind, Disposition.DELIVERED if refused else disposition, **given)

    patch.setattr(fates, "fold", wrong)


def a_test_update_is_folded_as_held(patch: pytest.MonkeyPatch) -> None:
    """Settle: a member that a test send has updated counts as held."""

    def wrong(kind: ChangeKind, disposition: Disposition, **given: Any) -> Row:
        return fold(kind, disposition, **{**given, "held": Held.YES})

    patch.setattr(fates, "fold", wrong)


def what_was_cancelled_is_not_folded(patch: pytest.MonkeyPatch) -> None:
    """Settle: the sent changes of a cancelled sync are forgotten."""
    right = settling._fold

    async def wrong(platform: Any, work: Any) -> Any:
        folded = await right(platform, work)
        return replace(folded, holdings=work.holdings) if work.sync.closing else folded

    patch.setattr(settling, "_fold", wrong)


def late_workers_are_let_write(patch: pytest.MonkeyPatch) -> None:
    """Fence: a worker may write its plan although another worker has the sync's lease."""
    right = SyncRepository.fenced

    async def wrong(self: Any, space_id: str, sync_id: str, token: int, **values: Any) -> bool:
        now = await self.get(space_id, sync_id)
        return await right(self, space_id, sync_id, now.lease_token, **values)

    patch.setattr(SyncRepository, "fenced", wrong)


def unknown_attempts_are_not_remembered(patch: pytest.MonkeyPatch) -> None:
    """Record: a batch without a definite response is retried like one that was refused before processing."""
    right = BatchRepository.put_back

    async def wrong(self: Any, batch: Any, **given: Any) -> bool:
        return await right(self, batch, **{**given, "ambiguous": False})

    patch.setattr(BatchRepository, "put_back", wrong)


PLANTS: list[Plant] = [
    maybe_is_read_as_yes,
    a_key_stays_with_its_former_owner,
    a_new_owner_needs_updates,
    exits_of_changed_keys_are_lost,
    a_shared_value_is_said_by_each,
    a_shared_value_leaves_with_who_brought_it,
    arms_change_from_sync_to_sync,
    control_is_sent,
    arms_are_not_told,
    exits_go_by_todays_identity,
    attempted_is_folded_as_not_attempted,
    refused_is_folded_as_held,
    a_test_update_is_folded_as_held,
    what_was_cancelled_is_not_folded,
    late_workers_are_let_write,
    unknown_attempts_are_not_remembered,
]
