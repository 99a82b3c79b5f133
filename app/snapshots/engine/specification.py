"""The specification of a plan: how members become destination keys, and what is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from app.domain.changes import ChangeKind, Mode
from app.domain.sent_fields import SentField


@dataclass(frozen=True, slots=True)
class KeyField:
    """One compiled entry of the effective identifier list: the source of its values, and how they become a key."""

    external_id: str  # the identifier column `id_<external_id>`; without that column, a trait
    strategy: Literal["first", "last", "all"] = "last"
    normaliser: Literal["email", "phone", "text"] = "text"
    map_to: str | None = None  # the name it is sent under; default: external_id
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm of a split. If not ``sent`` (control group), nothing is sent. ``place`` is the place of its keys."""

    name: str
    weight: float
    sent: bool = True
    place: str | None = None


@dataclass(frozen=True, slots=True)
class PlanSpec:
    """The parts of a revision that decide a plan.

    ``key`` "member": the key is the member id, and all identifiers are sent (only ``fields``, if given).
    "identifiers": the key is the first of ``fields`` that has a value; the others are sent as identity.
    ``sends`` are the kinds that the activation's type sends (before ``updates``). ``resync`` reads every ``yes`` as
    ``maybe``. ``baseline`` assumes that all wanted keys are held, and sends nothing.
    """

    key: Literal["member", "identifiers"]
    mode: Mode
    sends: frozenset[ChangeKind]
    fields: Sequence[KeyField] = ()
    traits: Sequence[str] | None = ()  # traits that are sent and hashed; None: all
    #: Further traits that are sent and hashed, since a mapping reads them: paths, with a dot between keys. A path names
    #: the column of a whole object, and a column whose name has dots.
    reads: Sequence[str] = ()
    #: Traits, and paths of traits, that personalization and mappings of other than identity fields name. They are found in
    #: other spellings, too.
    named: Sequence[str] = ()
    fields_sent: Sequence[SentField] = ()  # whose values the partner keeps
    #: The country of phone numbers without one: ISO 3166-1, two capital letters. A member's own country counts first.
    phone_country: str | None = None
    consent: str | None = None  # a trait that must be true
    place: str | None = None  # place of the keys (``app.domain.places``), without a split
    arms: Sequence[Arm] = ()
    split_seed: str = ""  # a keyed hash of the seed and the profile id chooses the arm
    #: The arm is sent as a property: a member that changes arms is updated, even if ``sends`` has no updates.
    tells_arms: bool = False
    resync: bool = False
    baseline: bool = False
    retry_refused: bool = False
    entities: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sync_number: int = 0
    max_rows: int = 100
    max_bytes: int | None = None
    whole_plan: bool = False

    @property
    def places(self) -> Sequence[str | None]:
        """Possible places of keys, by the name in the key. None is the unnamed place."""
        return [arm.place for arm in self.arms if arm.sent] if self.arms else [self.place]
