"""Read-only reports: explain, status, overview, reach and membership history."""

from app.services.reports.explain import explain_profile
from app.services.reports.explanation import (
    DeliveryEvent,
    Explanation,
    HeldKey,
    Membership,
    WantedKey,
)
from app.services.reports.overview import (
    OVERVIEW_STATES,
    Overview,
    Sought,
    overview_status,
    page_overview,
)
from app.services.reports.reach import ReachRow, audience_reach, destination_reach
from app.services.reports.status import ActivationStatus, OpenSync, activation_status

__all__ = [
    "OVERVIEW_STATES",
    "ActivationStatus",
    "DeliveryEvent",
    "Explanation",
    "HeldKey",
    "Membership",
    "OpenSync",
    "Overview",
    "ReachRow",
    "Sought",
    "WantedKey",
    "activation_status",
    "audience_reach",
    "destination_reach",
    "explain_profile",
    "overview_status",
    "page_overview",
]
