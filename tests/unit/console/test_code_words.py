"""Codes in words: no code that pages show is without words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.console.code_words import (
    WORDS,
    actor_words,
    budget_words,
    code_words,
    fault_words,
    plain,
)
from app.domain.absence import Absence
from app.domain.batch_states import BatchState
from app.domain.changes import ChangeKind, Disposition, Held, Mode
from app.domain.left_out import LeftOut
from app.domain.notices import NoticeEvent
from app.domain.retry import AttemptOutcome, Failure
from app.domain.run_states import RunKind
from app.domain.sync_states import SyncKind, SyncState
from app.services.activations import all_definitions
from app.services.tenancy import RESOURCE_TYPES
from app.storage.personal_data import COLUMNS, Handling

APP = Path("app")


def _literals(pattern: str, *folders: str) -> set[str]:
    """Return what a pattern finds in the source of some packages."""
    files = [file for folder in folders for file in (APP / folder).rglob("*.py")]
    return {one for file in files for one in re.findall(pattern, file.read_text())}


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("left_out", LeftOut),
        ("sync_kind", SyncKind),
        ("sync_state", SyncState),
        ("run_kind", RunKind),
        ("batch_state", BatchState),
        ("change", ChangeKind),
        ("attempt", [*AttemptOutcome, *Failure]),
        ("held", Held),
        ("disposition", Disposition),
        ("mode", Mode),
        ("mode_once", Mode),
        ("notice", NoticeEvent),
        ("resource", RESOURCE_TYPES),
        ("reading", Absence),
    ],
)
def test_each_code_of_the_service_has_words_of_its_own(kind: str, codes: list[str]) -> None:
    assert [code for code in codes if code not in WORDS[kind]] == []


def test_each_part_of_the_service_that_acts_has_words() -> None:
    actors = _literals(r'(?m)^ACTOR = "([^"]+)"', "services")
    assert "schedule" in actors
    assert sorted(actors - set(WORDS["actor"])) == []
    token = "public-api-token/0vK3nB7QmX2d"
    assert actor_words(token, {token: "marketing"}) == "marketing"
    assert actor_words(token, {}) == token
    assert actor_words("schedule", {}) == "the service"


def test_each_place_of_a_receipt_has_words() -> None:
    shown = (Handling.SEARCHED, Handling.CONFIGURED, Handling.REPEATS, Handling.TEMPORARY)
    tables = {column.partition(".")[0] for column, kind in COLUMNS.items() if kind in shown}
    assert sorted(tables - set(WORDS["table"])) == []


def test_each_trigger_of_syncs_and_runs_has_words() -> None:
    found = _literals(r'trigger="(\w+)"', "services") | _literals(r'TRIGGER = "(\w+)"', "services")
    assert len(found) > 10
    assert found - {*WORDS["sync_trigger"], *WORDS["run_trigger"]} == set()


def test_each_reason_that_connectors_give_has_words() -> None:
    found = _literals(r'Refusal\(\s*"(\w+)"', "connectors", "services")
    found |= _literals(r'(?m)^_?REFUSED = "(rejected_\w+)"', "connectors")
    assert len(found) > 10
    assert found - set(WORDS["refusal"]) == set()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("INVALID_EMAIL", "Invalid email"),
        ("list-not_found", "List not found"),
        ("400", "400"),
        ("The e-mail is taken", "The e-mail is taken"),
        ("_", "_"),
    ],
)
def test_a_code_of_a_partner_becomes_words(code: str, words: str) -> None:
    assert plain(code) == words
    assert code_words(code, "refusal") == words


def test_each_limit_of_a_partner_has_words() -> None:
    for one in all_definitions():
        for budget in one.rate_budgets:
            assert budget_words(budget.name) != plain(budget.name), budget.name
    assert budget_words("import-minute") == budget_words("import-second")
    assert budget_words("of_another") == "Of another"


def test_a_fault_begins_with_a_capital_but_a_name_stays() -> None:
    assert fault_words("must be a number from 0 to 100") == "Must be a number from 0 to 100"
    assert fault_words("total must be a number") == "total must be a number"
    assert fault_words("") == ""
