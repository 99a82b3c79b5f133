"""When holdings agree with a plan, and when a specification is the same one."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.changes import ChangeKind, Disposition, Mode
from app.snapshots.engine import Arm, FoldStats
from app.snapshots.plans import agrees, digest_of
from tests.unit.snapshots.files import create_spec

SPEC = create_spec(traits=("plan",))


def folded(*found: Disposition, **changes: Any) -> FoldStats:
    return FoldStats(len(found), dict.fromkeys(found, 1), 1, 0, **changes)


class TestAgrees:
    @pytest.mark.parametrize("left", [Disposition.DELIVERED, Disposition.SILENT])
    def test_what_is_delivered_leaves_nothing_open(self, left: Disposition) -> None:
        assert agrees(SPEC, {}, folded(left))
        assert agrees(SPEC, {}, folded())

    @pytest.mark.parametrize(
        "left",
        [
            Disposition.REJECTED,
            Disposition.SKIPPED,
            Disposition.UNKNOWN,
            Disposition.PENDING,
        ],
    )
    def test_anything_else_does(self, left: Disposition) -> None:
        assert not agrees(SPEC, {}, folded(Disposition.DELIVERED, left))

    def test_members_that_were_left_out_do(self) -> None:
        assert not agrees(SPEC, {"refused_before": 1}, folded(Disposition.DELIVERED))

    @pytest.mark.parametrize(
        "changes",
        [{"unconfirmed": frozenset({1})}, {"renamed": frozenset({1})}, {"renamed_before": 1}],
    )
    def test_doubtful_profiles_do(self, changes: dict[str, Any]) -> None:
        assert not agrees(SPEC, {}, folded(Disposition.DELIVERED, **changes))

    @pytest.mark.parametrize(
        "changes",
        [
            {"key": "identifiers"},
            {"arms": (Arm("a", 1.0),)},
            {"place": "list"},
            {"consent": "agreed"},
            {"baseline": True},  # members that are not wanted stay at the destination
        ],
    )
    def test_some_plans_never_agree(self, changes: dict[str, Any]) -> None:
        assert not agrees(create_spec(**changes), {}, folded())


class TestDigest:
    def test_numbers_limits_and_kinds_of_syncs_do_not_matter(self) -> None:
        others = create_spec(
            traits=("plan",),
            sync_number=9,
            max_rows=77,
            max_bytes=5,
            whole_plan=True,
            resync=True,
            retry_refused=True,
        )
        assert digest_of(others) == digest_of(SPEC)

    @pytest.mark.parametrize(
        "changes",
        [
            {"traits": ("plan", "age")},
            {"traits": None},
            {"mode": Mode.APPEND},
            {"sends": frozenset({ChangeKind.ENTERED})},
            {"phone_country": "DE"},
            {"entities": {"household": ("name",)}},
            {"reads": ("plan.name",)},
        ],
    )
    def test_what_decides_keys_or_hashes_does(self, changes: dict[str, Any]) -> None:
        assert digest_of(create_spec(**{"traits": ("plan",), **changes})) != digest_of(SPEC)
