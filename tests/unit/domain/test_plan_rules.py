"""The decision table, row by row, and the folding of outcomes."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from app.domain.changes import ChangeKind, Disposition, Held, Mode
from app.domain.plan_rules import NOTHING, Decision, Row, decide, fold

ALL = frozenset(ChangeKind)
ENTERED, EXITED, UPDATED = (
    Decision(ChangeKind.ENTERED),
    Decision(ChangeKind.EXITED),
    Decision(ChangeKind.UPDATED),
)
TAKEN_OVER = Decision(ChangeKind.ENTERED, takes_over=True)
SILENT_IN = Decision(ChangeKind.ENTERED, silent=True)
SILENT_OUT = Decision(ChangeKind.EXITED, silent=True)
REFUSED = Decision(refused_before=True)


def ruled(wanted: bool, held: Held, mode: Mode = Mode.MAINTAIN, **said: object) -> Decision:
    given: dict[str, object] = {"hash_differs": False, "refused_same": False, "sends": ALL}
    return decide(wanted, held, mode=mode, **(given | said))  # type: ignore[arg-type]


class TestDecide:
    @pytest.mark.parametrize(
        ("wanted", "held", "maintain", "append", "remove"),
        [
            (True, Held.NO, ENTERED, ENTERED, EXITED),
            (True, Held.REMOVED, ENTERED, ENTERED, NOTHING),
            (True, Held.MAYBE, ENTERED, ENTERED, EXITED),
            (True, Held.YES, NOTHING, NOTHING, EXITED),
            (False, Held.YES, EXITED, NOTHING, NOTHING),
            (False, Held.MAYBE, EXITED, NOTHING, NOTHING),
            (False, Held.REMOVED, SILENT_OUT, SILENT_OUT, SILENT_OUT),
            (False, Held.NO, SILENT_OUT, SILENT_OUT, SILENT_OUT),
        ],
    )
    def test_follows_the_table(
        self, wanted: bool, held: Held, maintain: Decision, append: Decision, remove: Decision
    ) -> None:
        assert ruled(wanted, held, Mode.MAINTAIN) == maintain
        assert ruled(wanted, held, Mode.APPEND) == append
        assert ruled(wanted, held, Mode.REMOVE) == remove

    @pytest.mark.parametrize("mode", [Mode.MAINTAIN, Mode.APPEND])
    def test_updates_what_differs_where_updates_are_sent(self, mode: Mode) -> None:
        assert ruled(True, Held.YES, mode, hash_differs=True) == UPDATED
        plain = frozenset({ChangeKind.ENTERED, ChangeKind.EXITED})
        assert ruled(True, Held.YES, mode, hash_differs=True, sends=plain) == NOTHING

    @pytest.mark.parametrize("mode", [Mode.MAINTAIN, Mode.APPEND])
    @pytest.mark.parametrize("differs", [False, True])
    def test_the_new_owner_of_a_key_enters_with_and_without_updates(
        self, mode: Mode, differs: bool
    ) -> None:
        for sends in (ALL, frozenset({ChangeKind.ENTERED}), ALL - {ChangeKind.UPDATED}):
            given: dict[str, Any] = {"other_owner": True, "hash_differs": differs, "sends": sends}
            for held in (Held.YES, Held.MAYBE):
                assert ruled(True, held, mode, **given) == TAKEN_OVER
            for held in (Held.NO, Held.REMOVED):  # the destination does not hold it
                assert ruled(True, held, mode, **given) == ENTERED

    def test_the_holdings_follow_the_owner_where_no_entries_are_sent(self) -> None:
        exits = frozenset({ChangeKind.EXITED})
        given: dict[str, Any] = {"other_owner": True, "hash_differs": True}
        assert ruled(True, Held.YES, sends=exits, **given) == SILENT_IN
        assert ruled(True, Held.YES, sends=exits | {ChangeKind.UPDATED}, **given) == UPDATED

    def test_a_new_owner_is_tried_once_where_another_was_refused(self) -> None:
        refused: dict[str, Any] = {"refused_same": True, "other_owner": True}
        assert ruled(True, Held.NO, **refused) == ENTERED
        # The row of a held key names the holder, not the profile that was refused.
        assert ruled(True, Held.YES, **refused) == REFUSED

    def test_nothing_changes_hands_in_other_modes(self) -> None:
        for held in Held:
            given: dict[str, Any] = {"other_owner": True}
            assert ruled(True, held, Mode.REMOVE, **given) == ruled(True, held, Mode.REMOVE)
            baseline = ruled(True, held, baseline=True)
            assert ruled(True, held, baseline=True, **given) == baseline
            assert ruled(False, held, **given) == ruled(False, held)

    def test_removes_a_differing_member_in_mode_remove(self) -> None:
        assert ruled(True, Held.YES, Mode.REMOVE, hash_differs=True) == EXITED

    @pytest.mark.parametrize("held", [Held.NO, Held.MAYBE, Held.REMOVED])
    def test_leaves_out_what_was_refused_unchanged(self, held: Held) -> None:
        assert ruled(True, held, refused_same=True) == REFUSED
        assert ruled(True, held, refused_same=True, retry_refused=True) == ENTERED
        assert ruled(True, held, refused_same=True, resync=True) == ENTERED

    def test_leaves_out_a_refused_update(self) -> None:
        assert ruled(True, Held.YES, hash_differs=True, refused_same=True) == REFUSED

    def test_a_refused_member_can_still_exit(self) -> None:
        assert ruled(False, Held.MAYBE, refused_same=True) == EXITED

    def test_a_resync_sends_all_wanted_and_removes_all_unwanted(self) -> None:
        assert ruled(True, Held.YES, resync=True) == ENTERED
        assert ruled(False, Held.YES, resync=True) == EXITED
        assert ruled(True, Held.REMOVED, Mode.REMOVE, resync=True) == EXITED

    def test_what_a_type_does_not_send_is_folded_silently(self) -> None:
        only_exits = frozenset({ChangeKind.EXITED})
        only_entries = frozenset({ChangeKind.ENTERED})
        assert ruled(True, Held.NO, sends=only_exits) == SILENT_IN
        assert ruled(False, Held.YES, sends=only_exits) == EXITED
        assert ruled(False, Held.YES, sends=only_entries) == SILENT_OUT
        assert ruled(True, Held.YES, sends=only_exits, resync=True) == NOTHING
        with_updates = only_exits | {ChangeKind.UPDATED}
        told: dict[str, Any] = {"sends": with_updates, "resync": True}
        assert ruled(True, Held.YES, hash_differs=True, **told) == UPDATED
        assert ruled(True, Held.YES, hash_differs=False, **told) == NOTHING

    @pytest.mark.parametrize("mode", list(Mode))
    def test_a_baseline_sends_nothing_and_records_the_wanted_as_held(self, mode: Mode) -> None:
        for wanted, held in itertools.product([True, False], Held):
            decision = ruled(wanted, held, mode, baseline=True, hash_differs=True)
            assert decision.kind is None or decision.silent
        assert ruled(True, Held.NO, mode, baseline=True) == SILENT_IN

    def test_removes_only_what_is_held_except_in_mode_remove(self) -> None:
        for wanted, differs, refused, resync in itertools.product([True, False], repeat=4):
            said = {"hash_differs": differs, "refused_same": refused, "resync": resync}
            for mode, held in itertools.product(
                [Mode.MAINTAIN, Mode.APPEND], [Held.NO, Held.REMOVED]
            ):
                decision = ruled(wanted, held, mode, **said)
                assert decision.kind is not ChangeKind.EXITED or decision.silent


class TestFold:
    @pytest.mark.parametrize(
        ("kind", "disposition", "row"),
        [
            (ChangeKind.ENTERED, Disposition.DELIVERED, Row.YES),
            (ChangeKind.UPDATED, Disposition.DELIVERED, Row.YES),
            (ChangeKind.EXITED, Disposition.DELIVERED, Row.GONE),
            (ChangeKind.ENTERED, Disposition.REJECTED, Row.REFUSED),
            (ChangeKind.UPDATED, Disposition.REJECTED, Row.REFUSED),
            (ChangeKind.EXITED, Disposition.REJECTED, Row.KEEP),
            (ChangeKind.ENTERED, Disposition.SKIPPED, Row.KEEP),
            (ChangeKind.EXITED, Disposition.SKIPPED, Row.KEEP),
            (ChangeKind.ENTERED, Disposition.UNKNOWN, Row.MAYBE),
            (ChangeKind.EXITED, Disposition.UNKNOWN, Row.MAYBE),
            (ChangeKind.ENTERED, Disposition.PENDING, Row.KEEP),
            (ChangeKind.ENTERED, Disposition.SILENT, Row.YES),
            (ChangeKind.EXITED, Disposition.SILENT, Row.GONE),
        ],
    )
    def test_in_mode_maintain(self, kind: ChangeKind, disposition: Disposition, row: Row) -> None:
        assert fold(kind, disposition, mode=Mode.MAINTAIN, wanted=True) is row
        assert fold(kind, disposition, mode=Mode.APPEND, wanted=True) is row

    @pytest.mark.parametrize("held", [Held.NO, Held.MAYBE, Held.REMOVED])
    def test_an_update_does_not_make_a_key_held(self, held: Held) -> None:
        rows = {
            Disposition.DELIVERED: Row.MAYBE,  # some partners add the profile, others ignore the update
            Disposition.UNKNOWN: Row.MAYBE,
            Disposition.REJECTED: Row.KEEP,
            Disposition.SKIPPED: Row.KEEP,
            Disposition.PENDING: Row.KEEP,
        }
        for disposition, row in rows.items():
            folded = fold(
                ChangeKind.UPDATED, disposition, mode=Mode.MAINTAIN, wanted=True, held=held
            )
            assert folded is row

    def test_mode_remove_remembers_what_it_removed(self) -> None:
        remove: dict[str, Any] = {"mode": Mode.REMOVE}
        delivered = Disposition.DELIVERED
        assert fold(ChangeKind.EXITED, delivered, wanted=True, **remove) is Row.REMOVED
        assert fold(ChangeKind.EXITED, Disposition.SILENT, wanted=False, **remove) is Row.GONE
        assert fold(ChangeKind.ENTERED, Disposition.SILENT, wanted=True, **remove) is Row.REMOVED
