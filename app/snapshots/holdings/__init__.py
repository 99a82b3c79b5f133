"""Holdings files: folding outcomes into them, compacting and reading them."""

from app.snapshots.holdings.carriers import (
    PlaceFiles,
    find_carriers,
    find_shared,
    find_shared_ids,
)
from app.snapshots.holdings.holding_rows import (
    COLUMNS,
    EMPTY,
    GONE,
    HELD,
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
    page_holdings,
)
from app.snapshots.holdings.kept_values import UNCONFIRMED
from app.snapshots.holdings.old_holdings import is_old, rewrite_old_holdings
from app.snapshots.holdings.outcome_marks import RENAMED_CODE, RENAMED_WORDS, OutcomeMarks
from app.snapshots.holdings.outcomes import fold_manifest, fold_marks, fold_outcome
from app.snapshots.holdings.renamed import RENAMED, Holder, RenameCheck, find_renamed, unsure

__all__ = [
    "COLUMNS",
    "EMPTY",
    "GONE",
    "HELD",
    "PROFILE",
    "RENAMED",
    "RENAMED_CODE",
    "RENAMED_WORDS",
    "SHOWN",
    "UNCONFIRMED",
    "VALUE",
    "Holder",
    "OutcomeMarks",
    "PlaceFiles",
    "RenameCheck",
    "compact_holdings",
    "count_held",
    "find_carriers",
    "find_held",
    "find_profile",
    "find_renamed",
    "find_shared",
    "find_shared_ids",
    "fold_manifest",
    "fold_marks",
    "fold_outcome",
    "holdings_relation",
    "is_old",
    "page_holdings",
    "rewrite_old_holdings",
    "unsure",
]
