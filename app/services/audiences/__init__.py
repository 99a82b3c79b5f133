"""From a definition or an upload to a current snapshot: audiences, members, runs, previews and schedules."""

from app.services.audiences.audience_checks import audience_warnings, saved_audience_warnings
from app.services.audiences.audience_rows import AudienceRow, page_audience_rows
from app.services.audiences.audience_sources import (
    ComputedSource,
    computed_first,
    computed_sources,
)
from app.services.audiences.audiences import (
    DEFAULT_IDENTIFIERS,
    AudienceChanges,
    AudienceView,
    Search,
    Sort,
    audience_fields,
    audience_status,
    create_audience,
    force_run,
    get_audience,
    page_audiences,
    page_consumers,
    pinned_to,
    remove_audience,
    require_audience,
    update_audience,
)
from app.services.audiences.member_patches import patch_members, resume_uploads
from app.services.audiences.member_uploads import put_members
from app.services.audiences.members import find_member, page_members
from app.services.audiences.previews import (
    compute_preview,
    create_preview,
    forget_old_previews,
    get_preview,
)
from app.services.audiences.recompute import recompute_audience
from app.services.audiences.resolution import resolve_ahead
from app.services.audiences.runs import (
    absent_of,
    get_run,
    get_snapshot,
    last_upload,
    list_runs,
    list_snapshots,
    open_run,
    release_pin,
    roll_back,
    run_notes,
)
from app.services.audiences.schedules import (
    add_schedule,
    get_schedule,
    list_schedules,
    remove_schedule,
    schedule_fields,
    schedules_by_audience,
    update_schedule,
)

__all__ = [
    "DEFAULT_IDENTIFIERS",
    "AudienceChanges",
    "AudienceRow",
    "AudienceView",
    "ComputedSource",
    "Search",
    "Sort",
    "absent_of",
    "add_schedule",
    "audience_fields",
    "audience_status",
    "audience_warnings",
    "compute_preview",
    "computed_first",
    "computed_sources",
    "create_audience",
    "create_preview",
    "find_member",
    "force_run",
    "forget_old_previews",
    "get_audience",
    "get_preview",
    "get_run",
    "get_schedule",
    "get_snapshot",
    "last_upload",
    "list_runs",
    "list_schedules",
    "list_snapshots",
    "open_run",
    "page_audience_rows",
    "page_audiences",
    "page_consumers",
    "page_members",
    "patch_members",
    "pinned_to",
    "put_members",
    "recompute_audience",
    "release_pin",
    "remove_audience",
    "remove_schedule",
    "require_audience",
    "resolve_ahead",
    "resume_uploads",
    "roll_back",
    "run_notes",
    "saved_audience_warnings",
    "schedule_fields",
    "schedules_by_audience",
    "update_audience",
    "update_schedule",
]
