"""Definitions in SQL: their check, and the process that runs them."""

from app.snapshots.definitions.binding import Binding, bind_definition, key_faults
from app.snapshots.definitions.definition_check import check_definition
from app.snapshots.definitions.query_faults import is_engine_table
from app.snapshots.definitions.row_order import RowOrder, analyse_order, analyse_with_floats
from app.snapshots.definitions.syntax import needs_quotes, tables_of
from app.snapshots.definitions.used_columns import columns_used
from app.snapshots.definitions.user_sql import run_definition
from app.snapshots.definitions.user_sql_process import DefinitionFailed, ResultLimits

__all__ = [
    "Binding",
    "DefinitionFailed",
    "ResultLimits",
    "RowOrder",
    "analyse_order",
    "analyse_with_floats",
    "bind_definition",
    "check_definition",
    "columns_used",
    "is_engine_table",
    "key_faults",
    "needs_quotes",
    "run_definition",
    "tables_of",
]
