from __future__ import annotations

import pytest

from app.domain.status_words import status_of


@pytest.mark.parametrize(
    ("state", "paused_by", "sync_state", "word"),
    [
        ("active", None, None, "New"),
        ("inactive", None, None, "New"),
        ("active", None, "new", "Pending"),
        ("active", None, "pending", "Pending"),
        ("active", None, "held", "Pending"),
        ("active", None, "running", "Running"),
        ("active", None, "complete", "Complete"),
        ("inactive", None, "complete", "Complete"),
        ("active", None, "failed", "Failed"),
        ("error", "account", "failed", "Disabled"),
        ("error", "account", None, "Disabled"),
        ("error", "activation", "complete", "Failed"),
    ],
)
def test_the_word_for_an_activation(
    state: str, paused_by: str | None, sync_state: str | None, word: str
) -> None:
    assert status_of(state, paused_by, sync_state) == word
