"""One call to a partner: what it carries, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from app.domain.changes import ChangeKind


@dataclass(frozen=True, slots=True)
class Delivery:
    """One change, ready to be sent.

    ``fields`` are the action's mapped fields; ``identifiers`` the identifiers that travel (for an exit those that
    were stored when the member was sent); ``partner_id`` the partner's own id, where the holdings know it.
    """

    kind: ChangeKind
    key_type: str
    key: str
    profile_id: str
    identifiers: Mapping[str, Any]
    traits: Mapping[str, Any]
    fields: Mapping[str, Any] = field(default_factory=dict)
    partner_id: str | None = None


@dataclass(frozen=True, slots=True)
class AudienceRef:
    """The audience that a batch speaks of."""

    id: str
    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Batch:
    """One writing call at the partner.

    ``idempotency_key`` is the sync, number, first row and rows, and with ``planned_at`` and ``seq`` the same on every
    retry; ``attempted_at`` is the moment of this attempt.
    """

    idempotency_key: str
    space_id: str
    audience: AudienceRef
    activation_id: str
    connection_id: str
    sync_id: str
    seq: int
    number: int  # from 1
    count: int
    kind: ChangeKind | None  # None: a batch of the whole plan
    mode: Literal["incremental", "resync"]
    planned_at: datetime
    attempted_at: datetime
    rows: int
    action_id: str | None = None
    target: str | None = None  # the list that was made for the activation, or for its arm
    arm: str | None = None  # the side of a split, where it has a place to itself
    connection_settings: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)  # the constant fields of the mapping
    #: Traits that travel and their types (text, integer, number, boolean, timestamp, json), in the order of columns;
    #: None where that is not known.
    trait_types: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one change was not taken: a code, words for people, and the partner's pointer where it gives one."""

    code: str
    message: str
    pointer: str | None = None


@dataclass(frozen=True, slots=True)
class Receipts:
    """What became of the deliveries of a batch, by their index from 0; what is not named was delivered."""

    rejected: Mapping[int, Refusal] = field(default_factory=dict)
    skipped: Mapping[int, Refusal] = field(default_factory=dict)
    partner_ids: Mapping[int, str] = field(default_factory=dict)
    http_status: int | None = None
    vendor_request_id: str | None = None
    exports: Sequence[str] = ()  # keys of the files that were published, for downloads


@dataclass(frozen=True, slots=True)
class Pending:
    """The partner works on it: keep the handle (JSON) with the batch and call ``resume`` after a while."""

    handle: Mapping[str, Any]
    check_after: timedelta


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether credentials work, in the partner's terms."""

    ok: bool
    message: str
    warnings: Sequence[str] = ()
