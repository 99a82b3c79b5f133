"""The structure of the source text: every check is kept, except the pending ones."""

from __future__ import annotations

import pytest

from checks.pending import PENDING
from checks.registry import CHECKS


@pytest.mark.parametrize("name", [name for name in CHECKS if name not in PENDING])
def test_the_check_is_kept(name: str) -> None:
    assert [str(fault) for fault in CHECKS[name]()] == []


def test_pending_checks_exist() -> None:
    assert set(PENDING) <= set(CHECKS)
