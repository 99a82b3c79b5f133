"""Members of a kind that only ``make walks`` tries, so that ``make test`` stays short."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest


def rest_in_walks(values: Sequence[Any]) -> list[Any]:
    """Return the values of one parameter: ``make test`` tries the first one, ``make walks`` the others."""
    return [values[0], *(pytest.param(value, marks=pytest.mark.walk) for value in values[1:])]
