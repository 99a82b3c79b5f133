"""What a destination holds because of this service: reading, seeding, forgetting and drift."""

from app.services.holdings.drift import check_drift, seed_from_partner
from app.services.holdings.holdings import (
    forget_holdings,
    page_held,
    record_holdings,
    refuse_open_sync,
    seed_holdings,
)

__all__ = [
    "check_drift",
    "forget_holdings",
    "page_held",
    "record_holdings",
    "refuse_open_sync",
    "seed_from_partner",
    "seed_holdings",
]
