"""Members of a kind that only ``make walks`` tries, so that ``make test`` stays short."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest


def rest_in_walks(values: Sequence[Any], first: int = 1) -> list[Any]:
    """Return values of one parameter: ``make test`` tries the first ones, ``make walks`` the others."""
    rest = [pytest.param(value, marks=pytest.mark.walk) for value in values[first:]]
    return [*values[:first], *rest]
