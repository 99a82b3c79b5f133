"""Membership files: writing, patching, comparing and reading snapshots."""

from app.snapshots.membership.deltas import write_delta
from app.snapshots.membership.member_rows import find_row, find_rows, page_rows
from app.snapshots.membership.members import (
    compact_members,
    compare_members,
    count_members,
    write_snapshot,
)
from app.snapshots.membership.membership import IDENTIFIERS, REMOVED, Members, members_relation
from app.snapshots.membership.patches import check_patch, in_one_spelling

__all__ = [
    "IDENTIFIERS",
    "REMOVED",
    "Members",
    "check_patch",
    "compact_members",
    "compare_members",
    "count_members",
    "find_row",
    "find_rows",
    "in_one_spelling",
    "members_relation",
    "page_rows",
    "write_delta",
    "write_snapshot",
]
