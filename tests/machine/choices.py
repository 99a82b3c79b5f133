"""What the steps of a history choose from."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.machine.truth import Arm

FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 429, "retry_after": 0},
    {"kind": "status", "status": 429},
    {"kind": "cut"},
    {"kind": "cut_before"},
    {"kind": "apply_then_status", "status": 500},
    {"kind": "apply_then_status", "status": 504},
    {"kind": "status", "status": 400},
    {"kind": "status", "status": 401},
    {"kind": "status", "status": 410},
]
#: Faults with which a call is not applied, and does not say so.
LOST = [
    fault
    for fault in FAULTS
    if fault["kind"].startswith("cut") or fault.get("status") in (500, 503)
]
#: Faults with which a call is applied, and does not say so.
APPLIED = [fault for fault in FAULTS if fault["kind"] == "apply_then_status"]
TYPES = ["Audience Membership Changed"] * 6 + ["Audience Entered", "Audience Exited", "All Events"]
IDENTITIES: list[tuple[tuple[str, str], ...]] = [
    (("email", "last"),),
    (("email", "first"), ("user_id", "last")),
    (("user_id", "last"), ("email", "all")),
    (("email", "all"),),
    (("user_id", "last"),),
]
#: Changes of the delivery options, one option at a time.
TOLD = st.one_of(
    st.fixed_dictionaries({"mode": st.sampled_from(["maintain", "append", "remove"])}),
    st.fixed_dictionaries({"updates": st.booleans()}),
    st.fixed_dictionaries({"consent": st.booleans()}),
    st.fixed_dictionaries(
        {"traits": st.sampled_from([("name",), ("city", "name"), ("city", "consents", "name")])}
    ),
)
ARMS = ("A", "B", "C", "control")
#: Large values are derived from one drawn number, because a history has many steps and Hypothesis limits the draws.
seeds = st.integers(0, 2**32)


def arms_of(weights: tuple[int, ...]) -> tuple[Arm, ...]:
    """Return the arms with a weight, or no arms if there are fewer than two."""
    arms = tuple(
        Arm(name, weight, name != "control")
        for name, weight in zip(ARMS, weights, strict=True)
        if weight
    )
    return arms if len(arms) > 1 else ()
