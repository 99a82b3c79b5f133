"""The values that go in and out of the engine: files, manifests, specifications and counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from app.domain.batch_states import BatchEnd
from app.domain.changes import ChangeKind, Disposition, Mode


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in the object store, as a manifest names it."""

    key: str
    sha256: str
    rows: int
    bytes: int

    def to_json(self) -> dict[str, Any]:
        """The form that is kept in PostgreSQL."""
        return {"key": self.key, "sha256": self.sha256, "rows": self.rows, "bytes": self.bytes}


MOST_DELTAS = 16
MOST_CHANGED = 0.1  # of the base
SMALL_BASE = 10_000  # rows: below it nothing is gained


@dataclass(frozen=True, slots=True)
class Manifest:
    """Files that are read as one: bases first, later deltas override earlier rows of the same key."""

    base: tuple[StoredFile, ...] = ()
    deltas: tuple[StoredFile, ...] = ()

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Manifest:
        """Read from its JSON form; None is the empty manifest."""
        if not value:
            return cls()
        return cls(
            tuple(StoredFile(**item) for item in value["base"]),
            tuple(StoredFile(**item) for item in value["deltas"]),
        )

    def to_json(self) -> dict[str, Any]:
        """The form that is kept in PostgreSQL."""
        return {
            "base": [file.to_json() for file in self.base],
            "deltas": [file.to_json() for file in self.deltas],
        }

    @property
    def files(self) -> tuple[StoredFile, ...]:
        """All files, in the order of reading."""
        return self.base + self.deltas

    @property
    def needs_compaction(self) -> bool:
        """Whether reading many deltas costs more than writing one base anew."""
        changed = sum(file.rows for file in self.deltas)
        base = max(sum(file.rows for file in self.base), SMALL_BASE)
        return len(self.deltas) > MOST_DELTAS or changed > base * MOST_CHANGED


@dataclass(frozen=True, slots=True)
class LocalManifest:
    """A manifest whose files have been fetched: local paths, in the order of reading."""

    base: tuple[Path, ...] = ()
    deltas: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Upload:
    """A supplied membership or dataset as a local file."""

    path: Path
    format: Literal["csv", "ndjson", "parquet"]
    encoding: Literal["gzip", "zstd"] | None = None


@dataclass(frozen=True, slots=True)
class SnapshotStats:
    """What a written snapshot holds: rows, trait columns with their engine types, identifier types."""

    rows: int
    traits: Mapping[str, str]
    identifiers: Sequence[str]


@dataclass(frozen=True, slots=True)
class DatasetStats:
    """What a written dataset holds: rows, and columns with their engine types."""

    rows: int
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A snapshot against the one before it, by member."""

    entered: int
    exited: int
    members: int


@dataclass(frozen=True, slots=True)
class KeyField:
    """One entry of the effective identifier list, compiled: where its values come from and how they become a key."""

    external_id: (
        str  # the identifier column `id_<external_id>`, or a trait where no such column is there
    )
    strategy: Literal["first", "last", "all"] = "last"
    normaliser: Literal["email", "phone", "text"] = "text"
    map_to: str | None = None  # the name under which it travels; default: external_id
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of a split; nothing is sent for one that is not ``sent`` (control). ``place``: where its keys are."""

    name: str
    weight: float
    sent: bool = True
    place: str | None = None


@dataclass(frozen=True, slots=True)
class PlanSpec:
    """What a revision says about a plan.

    ``key`` "member": the key is the member id and all identifiers travel (those of ``fields`` where given).
    "identifiers": the key is the first of ``fields`` that yields a value; the others travel as identity.
    ``sends`` are the kinds that the activation's type sends (before ``updates``); ``resync`` reads every ``yes`` as
    ``maybe``; ``baseline`` takes all wanted as held, assumed, and sends nothing.
    """

    key: Literal["member", "identifiers"]
    mode: Mode
    sends: frozenset[ChangeKind]
    fields: Sequence[KeyField] = ()
    traits: Sequence[str] | None = ()  # trait columns that travel and are hashed; None: all
    consent: str | None = None  # a trait that must be true
    place: str | None = None  # where the keys are (``app.domain.places``), without a split
    arms: Sequence[Arm] = ()
    split_seed: str = ""  # keyed hash of this and the profile id chooses the arm
    tells_arms: bool = (
        False  # the arm travels as a property: who changes arms is updated, whatever ``sends`` says
    )
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
        """Where keys can be, by the names that they carry; None is the place without a name."""
        return [arm.place for arm in self.arms if arm.sent] if self.arms else [self.place]


@dataclass(frozen=True, slots=True)
class Cut:
    """A batch's place in the plan, of one kind and one place; kind None: of all kinds."""

    kind: ChangeKind | None
    first_row: int
    rows: int
    place: str | None = None


@dataclass(frozen=True, slots=True)
class PlanStats:
    """Counts of a written plan; ``left_out`` by reason: no_identifier, no_consent, control, refused_before, shared_key."""

    entered: int
    exited: int
    updated: int
    silent: int
    wanted: int
    held: int  # keys held (yes or maybe) before this plan
    left_out: Mapping[str, int]
    cuts: Sequence[Cut]
    moves: bool = False  # somebody leaves under one key and enters under another

    @property
    def changes(self) -> int:
        """Changes that will be sent."""
        return self.entered + self.exited + self.updated


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One row of a plan, read for delivery."""

    row: int
    kind: ChangeKind
    key_type: str
    key: str
    member_id: str
    profile_id: str
    place: str | None
    identity: Mapping[str, Any]
    traits: Mapping[str, Any]
    entities: Mapping[str, Any]
    partner_id: str | None


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What is known of a batch when its sync is folded; indexes count from the batch's first row."""

    number: int
    first_row: int
    rows: int
    state: BatchEnd
    rejected: Mapping[int, tuple[str, str]] = field(default_factory=dict)  # code, message
    skipped: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    partner_ids: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoldStats:
    """A written outcome: rows by disposition, and what is held afterwards."""

    rows: int
    by_disposition: Mapping[Disposition, int]
    held: int
    assumed: int
