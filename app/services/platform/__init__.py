"""What one process works with, independent of any resource: platform, leases, transactions, wake-ups, files, budgets."""

from app.services.platform.budget_use import BudgetUse
from app.services.platform.concurrency import AccountConcurrency
from app.services.platform.leases import (
    MAX_LOST_LEASES,
    LeaseLost,
    keep_lease,
    keep_leases,
    lease_owner,
    release_lease,
    run_leased,
)
from app.services.platform.platform import Platform, Session, open_platform, open_store
from app.services.platform.rate_budgets import new_batch, waited, writes_before
from app.services.platform.readiness import Readiness, check_readiness, is_migrated_ahead
from app.services.platform.stored_files import (
    activation_folder,
    audience_folder,
    fetch_file,
    fetch_manifest,
    fresh_key,
    store_file,
)
from app.services.platform.transactions import is_conflict, is_lost, retry_transaction, server_away
from app.services.platform.uploads import (
    CONTENT_TYPES,
    receive_upload,
    type_of_file,
    usual_delimiter,
)
from app.services.platform.wakeups import (
    beat_job_id,
    deliver_again,
    sweep_job_id,
    wake_deliver,
    wake_erase,
    wake_notify,
    wake_plan,
    wake_preview,
    wake_recompute,
    wake_settle,
)
from app.services.platform.worker_beats import (
    WorkerName,
    WorkerWatch,
    count_workers,
    end_beats,
    forget_silent_workers,
    name_worker,
    oldest_due,
    write_beat,
)

__all__ = [
    "CONTENT_TYPES",
    "MAX_LOST_LEASES",
    "AccountConcurrency",
    "BudgetUse",
    "LeaseLost",
    "Platform",
    "Readiness",
    "Session",
    "WorkerName",
    "WorkerWatch",
    "activation_folder",
    "audience_folder",
    "beat_job_id",
    "check_readiness",
    "count_workers",
    "deliver_again",
    "end_beats",
    "fetch_file",
    "fetch_manifest",
    "forget_silent_workers",
    "fresh_key",
    "is_conflict",
    "is_lost",
    "is_migrated_ahead",
    "keep_lease",
    "keep_leases",
    "lease_owner",
    "name_worker",
    "new_batch",
    "oldest_due",
    "open_platform",
    "open_store",
    "receive_upload",
    "release_lease",
    "retry_transaction",
    "run_leased",
    "server_away",
    "store_file",
    "sweep_job_id",
    "type_of_file",
    "usual_delimiter",
    "waited",
    "wake_deliver",
    "wake_erase",
    "wake_notify",
    "wake_plan",
    "wake_preview",
    "wake_recompute",
    "wake_settle",
    "write_beat",
    "writes_before",
]
