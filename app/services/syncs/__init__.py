"""One sync from open to settled: lifecycle, pins, settling, notices and attempts."""

from app.services.syncs.activation_errors import describe_error, fail_sync, set_error, stop_for
from app.services.syncs.agreement import agreed_deltas, known_counts, note_planned
from app.services.syncs.attempts import AttemptView, view_attempt
from app.services.syncs.given_up import report_alive
from app.services.syncs.lifecycle import (
    account_healed,
    all_have_snapshots,
    close_for_deletion,
    close_open,
    configuration_changed,
    create_sync,
    is_at_work,
    lock_account,
    open_sync,
    replace_sync,
    set_state,
    snapshot_changed,
    write_state,
)
from app.services.syncs.not_computed import (
    report_complete_run,
    report_failed_run,
    report_not_computed,
)
from app.services.syncs.notices import (
    notify_activation_in_error,
    notify_sync_ended,
    notify_sync_held,
    send_notices,
)
from app.services.syncs.pins import pin_snapshots, pinned_snapshots
from app.services.syncs.renames import PLACE_TRIGGER
from app.services.syncs.restored import Restored, begin_after_restore
from app.services.syncs.retried_reasons import retry_gone
from app.services.syncs.sent_times import SentTimes, read_sent_times
from app.services.syncs.settle import compact_manifest, count_manifest, settle_sync
from app.services.syncs.staleness import is_outdated, something_newer
from app.services.syncs.syncs import (
    SyncRejections,
    SyncView,
    approve_sync,
    cancel_sync,
    get_sync,
    list_syncs,
    newest_dry_run,
    retry_sync,
    start_sync,
    sync_rejections,
    view_syncs,
)
from app.services.syncs.test_notices import TestNotice, notified_accounts, send_test_notice

__all__ = [
    "PLACE_TRIGGER",
    "AttemptView",
    "Restored",
    "SentTimes",
    "SyncRejections",
    "SyncView",
    "TestNotice",
    "account_healed",
    "agreed_deltas",
    "all_have_snapshots",
    "approve_sync",
    "begin_after_restore",
    "cancel_sync",
    "close_for_deletion",
    "close_open",
    "compact_manifest",
    "configuration_changed",
    "count_manifest",
    "create_sync",
    "describe_error",
    "fail_sync",
    "get_sync",
    "is_at_work",
    "is_outdated",
    "known_counts",
    "list_syncs",
    "lock_account",
    "newest_dry_run",
    "note_planned",
    "notified_accounts",
    "notify_activation_in_error",
    "notify_sync_ended",
    "notify_sync_held",
    "open_sync",
    "pin_snapshots",
    "pinned_snapshots",
    "read_sent_times",
    "replace_sync",
    "report_alive",
    "report_complete_run",
    "report_failed_run",
    "report_not_computed",
    "retry_gone",
    "retry_sync",
    "send_notices",
    "send_test_notice",
    "set_error",
    "set_state",
    "settle_sync",
    "snapshot_changed",
    "something_newer",
    "start_sync",
    "stop_for",
    "sync_rejections",
    "view_attempt",
    "view_syncs",
    "write_state",
]
