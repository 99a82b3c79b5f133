"""Erasure of a person from stored files: the names that files have for the person, and files written again without them."""

from app.snapshots.erasure.names import Names, find_names, shared_values
from app.snapshots.erasure.presence import count_held_keys, planned_kinds
from app.snapshots.erasure.rewriting import Erased, erase_person, names_person

__all__ = [
    "Erased",
    "Names",
    "count_held_keys",
    "erase_person",
    "find_names",
    "names_person",
    "planned_kinds",
    "shared_values",
]
