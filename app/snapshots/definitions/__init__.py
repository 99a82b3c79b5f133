"""Definitions in SQL: their check, and the process that runs them."""

from app.snapshots.definitions.definition_check import check_definition
from app.snapshots.definitions.row_order import RowOrder, analyse_order, analyse_with_floats
from app.snapshots.definitions.syntax import tables_of
from app.snapshots.definitions.user_sql import run_definition
from app.snapshots.definitions.user_sql_process import DefinitionFailed, ResultLimits

__all__ = [
    "DefinitionFailed",
    "ResultLimits",
    "RowOrder",
    "analyse_order",
    "analyse_with_floats",
    "check_definition",
    "run_definition",
    "tables_of",
]
