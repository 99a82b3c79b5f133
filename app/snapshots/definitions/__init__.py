"""Definitions in SQL: their check, and the process that runs them."""

from app.snapshots.definitions.definition_check import tables_of
from app.snapshots.definitions.user_sql import DefinitionFailed, check_definition, run_definition

__all__ = [
    "DefinitionFailed",
    "check_definition",
    "run_definition",
    "tables_of",
]
