"""Bodies of the explanation of a profile."""

from __future__ import annotations

from typing import Any

from app.contract.extensions.base import Output


class ExplanationData(Output):
    """The explanation of a profile."""

    profile: dict[str, Any]
