"""The values of an explanation: what one profile is in an audience, and what was sent for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.services.syncs import AttemptView


@dataclass(frozen=True, slots=True)
class MemberRow:
    """The row of a profile in a snapshot; ``id`` is the entity's for linked audiences."""

    id: str
    profile_id: str
    identifiers: Mapping[str, Any]
    traits: Mapping[str, Any]
    entities: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MembershipChange:
    """A snapshot with which the profile entered (``member``) or left."""

    snapshot_id: str
    as_of: datetime
    member: bool


@dataclass(frozen=True, slots=True)
class UnsearchedSnapshot:
    """The newest snapshot that the read budget did not reach."""

    snapshot_id: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Membership:
    """A profile in one audience: its row in the current snapshot, and its changes, newest first."""

    audience_id: str
    snapshot_id: str | None
    as_of: datetime | None
    row: MemberRow | None
    history: Sequence[MembershipChange]
    history_stopped_at: UnsearchedSnapshot | None

    @property
    def member(self) -> bool:
        """Whether the current snapshot has the profile."""
        return self.row is not None


@dataclass(frozen=True, slots=True)
class WantedKey:
    """A key as it would be sent if it entered now; ``unmapped`` is why the mapping cannot render it.

    ``position`` is the key as files have it.
    """

    key: str
    key_type: str
    arm: str | None
    identity: Mapping[str, Any]
    traits: Mapping[str, Any]
    fields: Mapping[str, Any] | None
    unmapped: str | None
    position: str


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key of the profile in the holdings."""

    key: str
    key_type: str
    arm: str | None
    identity: Mapping[str, Any]
    held: str
    assumed: bool
    refused: bool
    partner_id: str | None
    sync_number: int | None


@dataclass(frozen=True, slots=True)
class OtherHolder:
    """Another activation that holds a key of the profile at the same place: an exit of this activation is not sent."""

    activation_id: str
    key: str
    key_type: str


@dataclass(frozen=True, slots=True)
class DeliveryEvent:
    """A change of the profile in a sync, with the attempts at its batch."""

    sync_id: str
    sync_number: int
    planned_at: datetime | None
    revision: str | None
    kind: str | None
    disposition: str
    code: str | None
    message: str | None
    key: str
    key_type: str
    arm: str | None
    identity: Mapping[str, Any]
    held: str | None
    partner_id: str | None
    batch: int | None
    attempts: Sequence[AttemptView]


@dataclass(frozen=True, slots=True)
class UnsearchedSync:
    """The newest sync that the read budget did not reach."""

    sync_id: str
    sync_number: int
    planned_at: datetime | None


@dataclass(frozen=True, slots=True)
class NotHeld:
    """A reason why the destination does not have the profile: a code, and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a profile is, or is not, at the destination of an activation.

    ``wanted``: its keys under the current revision; ``left_out``: the number of its keys left out, by reason. ``held``:
    its holdings. ``not_held``: why the destination does not have it, empty if it does. ``held_by_others``: activations at the same place that hold one of its keys. ``history``: its changes in the
    syncs that the read budget reaches.
    """

    profile_id: str
    memberships: Sequence[Membership]
    wanted: Sequence[WantedKey]
    left_out: Mapping[str, int]
    held: Sequence[HeldKey]
    not_held: Sequence[NotHeld]
    held_by_others: Sequence[OtherHolder]
    history: Sequence[DeliveryEvent]
    history_stopped_at: UnsearchedSync | None
