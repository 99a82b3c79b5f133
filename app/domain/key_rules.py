"""Rules that decide the keys of members. A sync records the rules that its plan knew.

A rule is a short text. If a plan knows a rule that the last complete sync did not know, and the rule changes a key that
is held, the plan is on hold: users must see how many keys change before the service sends exits and entries for them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

#: The rules of :mod:`app.domain.normalise`. A change that gives any value another key needs a new text.
VALUES = "values-3"


def column_rule(identifier: str) -> str:
    """Return the rule that an identifier is read from a column in another spelling, such as ``E-Mail``."""
    return f"column-{identifier}"


def words_rule(words: Collection[str]) -> str:
    """Return the rule that a space's own words mean "no value"."""
    text = "\n".join(sorted(words))
    return f"words-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class RuleChanges:
    """Held keys of members that stay, which a new rule changes: to no key (``invalid``), or to another one (``moved``)."""

    invalid: int = 0
    moved: int = 0

    @property
    def hold_reason(self) -> str | None:
        """Why the plan must wait for approval, as a sentence for users; None if no key changes."""
        if not self.invalid + self.moved:
            return None
        return (
            f"The rules for identifiers have changed: of the keys that are held, {self.invalid:,} are not valid now, and "
            f"{self.moved:,} move to another form or identifier. Approve the plan to send these changes."
        )
