from __future__ import annotations

import inspect
from enum import StrEnum
from itertools import pairwise

import pytest

from app.domain import (
    activation_states,
    batch_states,
    notice_states,
    preview_states,
    run_states,
    sync_states,
)
from app.domain.activation_states import ActivationState
from app.domain.batch_states import BatchState
from app.domain.notice_states import NoticeState
from app.domain.preview_states import PreviewState
from app.domain.run_states import RunState
from app.domain.sync_states import SyncState

TABLES = [
    (SyncState, sync_states.TRANSITIONS),
    (BatchState, batch_states.TRANSITIONS),
    (RunState, run_states.TRANSITIONS),
    (ActivationState, activation_states.TRANSITIONS),
    (NoticeState, notice_states.TRANSITIONS),
    (PreviewState, preview_states.TRANSITIONS),
]


def _table_in_docstring(states: type[StrEnum]) -> dict[str, set[str]]:
    rows = [line for line in inspect.cleandoc(states.__doc__ or "").splitlines() if line[:1] == "|"]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]
    return {state: {one for one in after.split(", ") if one} for state, after in cells}


@pytest.mark.parametrize(("states", "transitions"), TABLES)
def test_docstring_shows_the_transitions(
    states: type[StrEnum], transitions: dict[StrEnum, frozenset[StrEnum]]
) -> None:
    shown = _table_in_docstring(states)
    assert list(shown) == [str(state) for state in states]
    assert shown == {str(state): set(after) for state, after in transitions.items()}


@pytest.mark.parametrize(("states", "transitions"), TABLES)
def test_no_state_becomes_itself(
    states: type[StrEnum], transitions: dict[StrEnum, frozenset[StrEnum]]
) -> None:
    assert set(transitions) == set(states)
    assert not [state for state, after in transitions.items() if state in after]


@pytest.mark.parametrize(
    ("path", "sync"),
    [
        (["new", "pending", "running", "complete"], "delivered"),
        (["new", "held", "pending", "running", "cancelled"], "approved, then cancelled"),
        (["new", "complete"], "dry run"),
        (["new", "pending", "complete"], "plan without changes"),
        (["held", "superseded"], "newer input while on hold"),
        (["running", "failed"], "activation paused"),
    ],
)
def test_lives_of_a_sync(path: list[str], sync: str) -> None:
    assert all(SyncState(state).can_become(SyncState(after)) for state, after in pairwise(path))


@pytest.mark.parametrize(
    ("state", "after"),
    [
        ("running", "superseded"),  # what was sent must be settled
        ("running", "pending"),
        ("held", "running"),  # approval comes first
        ("held", "complete"),
        ("complete", "new"),
        ("superseded", "pending"),
    ],
)
def test_a_sync_cannot_become(state: str, after: str) -> None:
    assert not SyncState(state).can_become(SyncState(after))


@pytest.mark.parametrize("state", SyncState)
def test_only_open_syncs_have_transitions(state: SyncState) -> None:
    assert state.is_open == bool(sync_states.TRANSITIONS[state])
    assert state.is_open == (state not in sync_states.FINAL_STATES)


@pytest.mark.parametrize("state", SyncState)
def test_unsent_syncs_can_be_superseded(state: SyncState) -> None:
    assert state.is_unsent == state.can_become(SyncState.SUPERSEDED)


@pytest.mark.parametrize("state", BatchState)
def test_only_open_batches_have_transitions(state: BatchState) -> None:
    assert state.is_open == bool(batch_states.TRANSITIONS[state])
    assert state.is_open == (state in batch_states.OPEN_STATES)


def test_batches_are_recorded_by_their_sender_only() -> None:
    assert BatchState.SENDING.can_become(BatchState.RECORDED)
    assert not BatchState.WAITING.can_become(BatchState.RECORDED)


@pytest.mark.parametrize("state", RunState)
def test_only_open_runs_have_transitions(state: RunState) -> None:
    assert state.is_open == bool(run_states.TRANSITIONS[state])


@pytest.mark.parametrize("state", [*NoticeState, *PreviewState])
def test_only_open_notices_and_previews_have_transitions(state: NoticeState | PreviewState) -> None:
    others = type(state)
    assert state.is_open == any(state.can_become(other) for other in others)  # type: ignore[arg-type]


def test_every_activation_state_can_be_reached_from_every_other() -> None:
    assert all(
        one.can_become(two) for one in ActivationState for two in ActivationState if one != two
    )
