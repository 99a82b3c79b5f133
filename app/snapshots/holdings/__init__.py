"""Holdings files: folding outcomes, compaction and reading."""

from app.snapshots.holdings.holding_rows import (
    COLUMNS,
    EMPTY,
    GONE,
    PROFILE,
    SHOWN,
    VALUE,
    holdings_relation,
)
from app.snapshots.holdings.holdings import (
    compact_holdings,
    count_held,
    find_held,
    find_profile,
    fold_manifest,
    fold_outcome,
    page_holdings,
)

__all__ = [
    "COLUMNS",
    "EMPTY",
    "GONE",
    "PROFILE",
    "SHOWN",
    "VALUE",
    "compact_holdings",
    "count_held",
    "find_held",
    "find_profile",
    "fold_manifest",
    "fold_outcome",
    "holdings_relation",
    "page_holdings",
]
