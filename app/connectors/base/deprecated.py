"""Former names of the interface, for connectors in other packages."""

from __future__ import annotations

from typing import Any

from app.connectors.base.call import Call


class _FormerName(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Call)


class Batch(metaclass=_FormerName):
    """Former name of ``Call``. ``Batch(mode="resync", …)`` creates a ``Call`` with ``resync=True``."""

    def __new__(cls, *, mode: str, **values: Any) -> Call:  # type: ignore[misc]
        """Create a Call from the former fields."""
        return Call(resync=mode == "resync", **values)
