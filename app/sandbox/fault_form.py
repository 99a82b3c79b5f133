"""The form of the page that switches a fault on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from app.sandbox.faults import RANGES, WHOLE, Fault

#: Of each kind, the numbers that it uses. All kinds have a number of times, a time and a probability.
USED = {
    "status": ("status", "retry_after"),
    "apply_then_status": ("status", "retry_after"),
    "slow": ("seconds",),
    "cut": ("after_bytes",),
}
_ALWAYS = ("times", "for_seconds", "probability")


class FormFaults(Exception):
    """What is wrong with a form: ``faults`` is ``{field: [text]}``."""

    def __init__(self, faults: dict[str, list[str]]) -> None:
        super().__init__(faults)
        self.faults = faults


def read_fault(given: Mapping[str, str], services: Collection[str]) -> dict[str, Any]:
    """Return ``{"kind": text, field: value}``, as ``Faults.add`` takes it. Raises FormFaults.

    Empty fields, and numbers that the kind does not use, are left out.
    """
    values: dict[str, Any] = {"kind": given.get("kind", "")}
    faults: dict[str, list[str]] = {}
    for name in ("service", "method", "path"):
        text = given.get(name, "").strip()
        if text:
            values[name] = text.upper() if name == "method" else text
    if values.get("service") not in (None, *services):
        faults["service"] = [f"Choose one of {', '.join(services)}, or all."]
    for name in (*USED.get(values["kind"], ()), *_ALWAYS):
        text = given.get(name, "").strip()
        if text:
            try:
                values[name] = int(text) if name in WHOLE else float(text)
            except ValueError:
                values[name] = text  # the check of the fault names the range
    if values["kind"] == "slow" and not values.get("seconds"):
        faults["seconds"] = [f"Enter a number above 0, at most {RANGES['seconds'][1]:,}."]
    if values.get("times") == 0:
        faults["times"] = ["Enter at least 1, or nothing for each request."]
    try:
        Fault(**values)
    except ValueError as error:
        field, _, rest = str(error).partition(" ")
        faults.setdefault(field, []).append(f"The value {rest}.")
    if faults:
        raise FormFaults(faults)
    return values
