"""The tables as SQLAlchemy models, one file for each group of tables."""

from app.domain.sync_states import ASIDE_KINDS, OPEN_STATES
from app.storage.models.activations import (
    Activation,
    ActivationRevision,
    ActivationSource,
    Destination,
    DestinationConnection,
)
from app.storage.models.audiences import (
    Audience,
    AudiencePreview,
    AudienceSchedule,
    Dataset,
    DatasetContent,
    MemberPatch,
    RetiredKey,
    Run,
    Snapshot,
)
from app.storage.models.base import Base
from app.storage.models.erasures import Erasure, RefusedKey
from app.storage.models.notices import Notice
from app.storage.models.places import HeldPlace, PlaceWait
from app.storage.models.syncs import DUE_AT, Attempt, Batch, Sync, SyncSource
from app.storage.models.tenancy import (
    ApiToken,
    AuditEvent,
    ConsoleSignOut,
    EncryptionCheck,
    IdempotencyKey,
    Space,
    Workspace,
)
from app.storage.models.workers import WorkerBeat

__all__ = [
    "ASIDE_KINDS",
    "DUE_AT",
    "OPEN_STATES",
    "Activation",
    "ActivationRevision",
    "ActivationSource",
    "ApiToken",
    "Attempt",
    "Audience",
    "AudiencePreview",
    "AudienceSchedule",
    "AuditEvent",
    "Base",
    "Batch",
    "ConsoleSignOut",
    "Dataset",
    "DatasetContent",
    "Destination",
    "DestinationConnection",
    "EncryptionCheck",
    "Erasure",
    "HeldPlace",
    "IdempotencyKey",
    "MemberPatch",
    "Notice",
    "PlaceWait",
    "RefusedKey",
    "RetiredKey",
    "Run",
    "Snapshot",
    "Space",
    "Sync",
    "SyncSource",
    "WorkerBeat",
    "Workspace",
]
