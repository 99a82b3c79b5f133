"""What only ``make walks`` tries, so that ``make test`` stays short: further members of a kind, further examples of a property."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pytest


def rest_in_walks(values: Sequence[Any]) -> list[Any]:
    """Return the values of one parameter: ``make test`` tries the first one, ``make walks`` the others."""
    return [values[0], *(pytest.param(value, marks=pytest.mark.walk) for value in values[1:])]


def examples(few: int, many: int) -> int:
    """Return how many examples are tried of a test with the mark ``more_in_walks``: few by ``make test``, many by ``make walks``."""
    return many if "WALKS" in os.environ else few
