"""The sentences that a test send is answered with."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.changes import ChangeKind
from app.domain.left_out import LeftOut
from app.services.planning import test_send_notes as notes
from tests.unit.services.revision.definitions import create_revision

ENTERED, EXITED, UPDATED = ChangeKind.ENTERED, ChangeKind.EXITED, ChangeKind.UPDATED


def said(kind: ChangeKind, **given: Any) -> list[str]:
    revision = create_revision(mode=given.pop("mode", "maintain"), **given.pop("config", {}))
    facts: dict[str, Any] = {"is_member": True, "left_out": (), "at_work": True}
    return notes.test_send_notes(kind, revision=revision, **{**facts, **given})


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        (ENTERED, {}, "the next sync does not send it"),
        (EXITED, {}, "the next sync sends it as entered again"),
        (UPDATED, {"config": {"updates": True}}, "an update makes nobody a member"),
        (ENTERED, {"is_member": False}, "the next sync removes it"),
        (EXITED, {"is_member": False}, "the next sync sends nothing for it"),
        (ENTERED, {"is_member": False, "mode": "append"}, "mode append removes no one"),
        (ENTERED, {"mode": "remove"}, "In mode remove"),
    ],
)
def test_one_sentence_says_what_the_next_sync_does(
    kind: ChangeKind, given: dict[str, Any], words: str
) -> None:
    (sentence,) = said(kind, **given)
    assert words in sentence


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        (ENTERED, {"left_out": {LeftOut.NO_CONSENT}}, "delivery option consent"),
        (ENTERED, {"left_out": {LeftOut.CONTROL}}, "control group"),
        (UPDATED, {}, "this activation sends no change 'updated'"),
    ],
)
def test_another_says_how_it_differs_from_a_sync(
    kind: ChangeKind, given: dict[str, Any], words: str
) -> None:
    assert len(said(kind, **given)) == 2
    assert words in said(kind, **given)[0]


def test_a_member_that_a_sync_leaves_out_is_removed_by_the_next() -> None:
    assert "removes it" in said(ENTERED, left_out={LeftOut.NO_CONSENT})[-1]


def test_the_last_says_that_an_activation_is_not_enabled() -> None:
    assert "when it is enabled" in said(ENTERED, at_work=False)[-1]
