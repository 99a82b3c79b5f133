"""Read-only reports: explain, status, overview, summary, sync log, reach and membership history."""

from app.services.reports.attention import HeldSync, SpaceSummary, space_summary
from app.services.reports.explain import explain_profile
from app.services.reports.explanation import (
    DeliveryEvent,
    Explanation,
    HeldKey,
    Membership,
    NotHeld,
    WantedKey,
)
from app.services.reports.installation import Installation, read_installation
from app.services.reports.left_out import LeftOutPage, SplitArm, page_left_out, split_arms
from app.services.reports.notice_log import LoggedNotice, count_notices, page_notices
from app.services.reports.origins import SyncOrigin, sync_origin
from app.services.reports.overview import (
    ACTIVITIES,
    OVERVIEW_STATES,
    Overview,
    Sought,
    count_overview,
    overview_status,
    overview_word,
    page_overview,
    require_overview,
)
from app.services.reports.profile import (
    FoundActivation,
    FoundProfile,
    explain_absences,
    find_profile,
)
from app.services.reports.reach import ReachRow, audience_reach, destination_reach
from app.services.reports.status import ActivationStatus, OpenSync, activation_status
from app.services.reports.sync_batches import BatchView, PlannedView, page_batches, sample_plan
from app.services.reports.sync_log import (
    LoggedSync,
    RecentSync,
    SoughtSyncs,
    page_sync_log,
    recent_syncs,
)
from app.snapshots.plans import LeftOutMember

__all__ = [
    "ACTIVITIES",
    "OVERVIEW_STATES",
    "ActivationStatus",
    "BatchView",
    "DeliveryEvent",
    "Explanation",
    "FoundActivation",
    "FoundProfile",
    "HeldKey",
    "HeldSync",
    "Installation",
    "LeftOutMember",
    "LeftOutPage",
    "LoggedNotice",
    "LoggedSync",
    "Membership",
    "NotHeld",
    "OpenSync",
    "Overview",
    "PlannedView",
    "ReachRow",
    "RecentSync",
    "Sought",
    "SoughtSyncs",
    "SpaceSummary",
    "SplitArm",
    "SyncOrigin",
    "WantedKey",
    "activation_status",
    "audience_reach",
    "count_notices",
    "count_overview",
    "destination_reach",
    "explain_absences",
    "explain_profile",
    "find_profile",
    "overview_status",
    "overview_word",
    "page_batches",
    "page_left_out",
    "page_notices",
    "page_overview",
    "page_sync_log",
    "read_installation",
    "recent_syncs",
    "require_overview",
    "sample_plan",
    "space_summary",
    "split_arms",
    "sync_origin",
]
