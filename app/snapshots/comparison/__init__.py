"""Comparison of a partner's list with the holdings."""

from app.snapshots.comparison.drift import Drift, MembersFile, compare_with_partner, seed_from_list

__all__ = [
    "Drift",
    "MembersFile",
    "compare_with_partner",
    "seed_from_list",
]
