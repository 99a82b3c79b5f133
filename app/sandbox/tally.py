"""The counters of one partner's emulator, and the requests that break the partner's documents."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

KEPT_VIOLATIONS = 1_000
SHOWN_VIOLATIONS = 20


@dataclass(slots=True)
class Tally:
    """Counters by name, and the first violations."""

    counts: Counter[str] = field(default_factory=Counter)
    violations: list[Any] = field(default_factory=list)

    def add_violation(self, violation: Any) -> None:
        """Count a violation, and keep it if it is one of the first."""
        self.counts["violations"] += 1
        if len(self.violations) < KEPT_VIOLATIONS:
            self.violations.append(violation)

    def stats(self, *always: str) -> dict[str, Any]:
        """Return ``{counter: number, "violationsSeen": [violation]}``; the counters in ``always`` may be 0."""
        return {
            **{name: self.counts[name] for name in always},
            **dict(sorted(self.counts.items())),
            "violationsSeen": self.violations[:SHOWN_VIOLATIONS],
        }
