"""Periodic work that the sweep calls: due work, due schedules, syncs that waited, the collector and retention."""

from app.services.periodic.collector import collect_files
from app.services.periodic.due import Due, batches_wait, find_due
from app.services.periodic.due_schedules import open_due_schedules
from app.services.periodic.place_waits import open_waiting

__all__ = [
    "Due",
    "batches_wait",
    "collect_files",
    "find_due",
    "open_due_schedules",
    "open_waiting",
]
