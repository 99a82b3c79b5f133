"""Comparison of a partner's list with the holdings."""

from app.snapshots.comparison.drift import Drift, compare_with_partner
from app.snapshots.comparison.members_file import MembersFile
from app.snapshots.comparison.seeds import seed_from_list

__all__ = [
    "Drift",
    "MembersFile",
    "compare_with_partner",
    "seed_from_list",
]
