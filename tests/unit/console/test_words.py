"""How pages write numbers: no "1" before a word that needs none."""

from __future__ import annotations

from app.console.words import last_ones


def test_one_of_the_last_is_the_last() -> None:
    assert last_ones(1, "sync") == "last sync"
    assert last_ones(1204, "sync") == "last 1,204 syncs"
