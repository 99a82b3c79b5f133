"""Bounded processes: what a user supplies is parsed and computed in a child that has limits and is used once.

On Linux the children are forked from a template: a process that has imported what they need, and has opened nothing.
"""

from app.processes.calls import call_in_child, run_in_thread
from app.processes.child import ChildFailed, Job, Limits
from app.processes.children import Child, ChildEnded, start_child
from app.processes.slots import FairSlots

__all__ = [
    "Child",
    "ChildEnded",
    "ChildFailed",
    "FairSlots",
    "Job",
    "Limits",
    "call_in_child",
    "run_in_thread",
    "start_child",
]
