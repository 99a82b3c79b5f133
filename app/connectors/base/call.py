"""One call to a partner: what the connector receives, and what it reports back."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, Self, TypeAlias

from app.connectors.echoes import masked, masked_word
from app.connectors.errors import CODE_LENGTH, AuthenticationRejected, ConnectorError
from app.domain.changes import ChangeKind


@dataclass(frozen=True, slots=True)
class Delivery:
    """One change, ready to be sent.

    ``fields`` are the mapped fields of the action. ``identifiers`` are the identifiers to send; for an exit, those
    that were stored when the member was sent. ``partner_id`` is the partner's own id of the member, if known.
    ``sent_at``: of an exit, when the member was last sent, if that was within the last hour.
    ``cleared`` are the fields that became empty since they were sent: paths of keys into ``fields``, or from ``"traits"`` into
    ``traits``. What is delivered does not have them, and the partner has to be told.
    """

    kind: ChangeKind
    key_type: str
    key: str
    profile_id: str
    identifiers: Mapping[str, Any]
    traits: Mapping[str, Any]
    fields: Mapping[str, Any] = field(default_factory=dict)
    partner_id: str | None = None
    sent_at: datetime | None = None
    cleared: Sequence[tuple[str, ...]] = ()


@dataclass(frozen=True, slots=True)
class AudienceRef:
    """The audience that a call is about."""

    id: str
    key: str
    name: str


Identifier: TypeAlias = tuple[str, str]  # name and value


class PlaceRows(Protocol):
    """The wanted and held rows of the place that a call writes to."""

    async def carriers(
        self, identifiers: Collection[Identifier]
    ) -> Mapping[Identifier, Sequence[Identifier]]:
        """Return the keys ``(type, value)`` of up to three rows that carry an identifier, for each that any row carries.

        Rows whose key is the identifier come first.
        """

    async def shared(self, identifiers: Collection[Identifier]) -> Collection[Identifier]:
        """Return those of some identifiers that two or more rows carry. Rows that leave before the call do not count."""

    async def shared_ids(self, partner_ids: Collection[str]) -> Collection[str]:
        """Return those of the partner's ids that two or more held rows have."""


@dataclass(frozen=True, slots=True)
class Call:
    """One writing call to the partner.

    ``idempotency_key`` identifies the sync and the rows. It is equal on every retry, and so are ``planned_at`` and
    ``seq``. ``attempted_at`` is the time of this attempt.
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
    kind: ChangeKind | None  # None: the call carries the whole plan
    resync: bool  # every member is sent again, not only the changes
    planned_at: datetime
    attempted_at: datetime
    rows: int
    repeats: bool = False  # an earlier attempt may have arrived
    action_id: str | None = None
    target: str | None = None  # the list that was created for the activation, or for its arm
    arm: str | None = None  # the arm of a split, if the arm has a place of its own
    connection_settings: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)  # the constant fields of the mapping
    #: Traits to send and their types (text, integer, number, ``decimal(18,2)``, boolean, date, timestamp, json), in column order; None if
    #: unknown.
    trait_types: Mapping[str, str] | None = None
    #: Whether other members of the place have an identifier. None if it cannot be asked.
    place_rows: PlaceRows | None = None

    @property
    def mode(self) -> Literal["incremental", "resync"]:
        """Return the former name of ``resync``. Deprecated, for connectors in other packages."""
        warnings.warn("Call.mode is deprecated: use Call.resync", DeprecationWarning, stacklevel=2)
        return "resync" if self.resync else "incremental"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the partner said of one change: a code, a message for people, and the partner's pointer if it gives one.

    Secrets of the account are masked in all three, as in a ConnectorError.
    """

    code: str
    message: str
    pointer: str | None = None

    def __post_init__(self) -> None:
        """Mask and cut what the partner said."""
        object.__setattr__(self, "code", masked_word(self.code, CODE_LENGTH))
        object.__setattr__(self, "message", masked(self.message))
        if self.pointer is not None:
            object.__setattr__(self, "pointer", masked_word(self.pointer, 300))


@dataclass(frozen=True, slots=True)
class Receipts:
    """Results of the deliveries of a call, by their index from 0.

    A delivery that is not in ``rejected``, ``skipped`` or ``unknown`` was delivered: the partner's response confirms
    it. ``unknown`` are those that the partner may have applied, with its words; they are sent again with the next sync.
    ``notes`` are remarks about delivered ones, for example that the partner refused one of several identifiers.
    """

    rejected: Mapping[int, Refusal] = field(default_factory=dict)
    skipped: Mapping[int, Refusal] = field(default_factory=dict)
    unknown: Mapping[int, Refusal] = field(default_factory=dict)
    notes: Mapping[int, Refusal] = field(default_factory=dict)
    partner_ids: Mapping[int, str] = field(default_factory=dict)
    #: The identifiers that the partner accepted, for changes of which it did not accept all: an exit uses only these.
    identities: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    http_status: int | None = None
    vendor_request_id: str | None = None
    exports: Sequence[str] = ()  # keys of the published files, for downloads
    #: Set by the service: the names of the fields that had a value, by the index of the change in its batch.
    filled: Mapping[int, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pending:
    """The partner is still working. The service stores the handle (JSON) and calls ``resume`` after ``check_after``."""

    handle: Mapping[str, Any]
    check_after: timedelta


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether the credentials work, in the partner's terms. Secrets of the account are masked.

    ``key_refused``: the partner does not know the key, so that only another key helps.
    """

    ok: bool
    message: str
    warnings: Sequence[str] = ()
    key_refused: bool = False

    @classmethod
    def failed(cls, error: ConnectorError) -> Self:
        """Return the result of a check whose call failed."""
        refused = isinstance(error, AuthenticationRejected) and error.http_status == 401
        return cls(False, error.message, key_refused=refused)

    def __post_init__(self) -> None:
        """Mask what the partner said."""
        object.__setattr__(self, "message", masked(self.message))
        object.__setattr__(self, "warnings", tuple(map(masked, self.warnings)))
