"""Plans, batches, dry runs and test sends."""

from app.services.planning.left_calls import ask_left_calls
from app.services.planning.plan import plan_sync
from app.services.planning.test_send_plan import Sample
from app.services.planning.test_sends import Unsettled, send_test

__all__ = [
    "Sample",
    "Unsettled",
    "ask_left_calls",
    "plan_sync",
    "send_test",
]
