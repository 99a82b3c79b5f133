"""The specification of a plan under a revision, by which the engine computes it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeVar

from app.connectors.base import Definition
from app.connectors.phone_country import phone_country_of
from app.domain.changes import ChangeKind, Mode
from app.domain.places import place_of
from app.domain.sent_fields import SentField
from app.services.revision import placement
from app.services.revision.config import Revision
from app.services.revision.kept_fields import sent_fields
from app.services.revision.mapped_columns import key_fields, named_traits, read_traits, sent_traits
from app.snapshots.engine import Arm, KeyField, PlanSpec, UnknownFormat

T = TypeVar("T")

# Further keys that a sync stores next to the specification.
# The audience's name at the time of the plan: a retry must send the same bytes after the audience was renamed.
AUDIENCE_NAME = "audienceName"
# Exits are sent before entries: a member may exit under one key and enter under another, and the partner may see one member.
EXITS_FIRST = "exitsFirst"
# Entries before this row take keys over from other profiles. They are recorded before anything from this row on is claimed:
# until then a profile at the partner may carry the identifiers of the key's former owner.
OWNERS_UNTIL = "ownersUntil"
# The place of each batch: pairs of first row and place, one for each row at which the place changes.
PLACES = "places"
# The rules that decided the keys of the plan, and how many held keys the new ones among them change: see domain.key_rules.
KEY_RULES = "keyRules"
RULE_CHANGES = "ruleChanges"
# The number of calls of the plan: a batch may have several.
CALLS = "calls"

_BESIDE = frozenset(
    {AUDIENCE_NAME, CALLS, EXITS_FIRST, OWNERS_UNTIL, PLACES, KEY_RULES, RULE_CHANGES}
)


def build_plan_spec(
    definition: Definition,
    revision: Revision,
    *,
    kind: str,
    sync_number: int,
    activation_id: str,
    max_rows: int,
    made_lists: Mapping[str, str],
    retry_refused: bool = False,
) -> PlanSpec:
    """Build the specification of a sync's plan. ``made_lists``: those of the connection, by ``placement.list_key``."""
    reads = read_traits(revision)
    has_arm_property = placement.arm_property(definition, revision) is not None
    return PlanSpec(
        key=definition.key,
        mode=revision.mode,
        sends=revision.sends,
        fields=key_fields(definition, revision),
        traits=None if reads is None else tuple(sent_traits(definition, revision)),
        reads=reads or (),
        named=named_traits(definition, revision),
        fields_sent=sent_fields(definition, revision),
        phone_country=phone_country_of(revision.connection_settings),
        consent=revision.consent,
        place=placement.place_without_split(definition, revision, made_lists),
        arms=placement.arms(definition, revision, activation_id, made_lists),
        split_seed=activation_id,
        tells_arms=has_arm_property and ChangeKind.ENTERED in revision.sends,
        resync=kind == "resync",
        baseline=kind == "baseline",
        retry_refused=retry_refused,
        entities=revision.entities,
        sync_number=sync_number,
        max_rows=max_rows,
        max_bytes=definition.max_bytes,
        whole_plan=definition.whole_plan,
    )


def spec_to_json(spec: PlanSpec) -> dict[str, Any]:
    """Return the specification in the form in which a sync stores it: ``{"key": …, "mode": …, …}``, by field."""
    value = asdict(spec)
    value["sends"] = sorted(kind.value for kind in spec.sends)
    value["mode"] = spec.mode.value
    return value


def spec_from_json(value: Mapping[str, Any]) -> PlanSpec:
    """Read a specification that :func:`spec_to_json` wrote, without the further keys.

    Raises UnknownFormat if it has a key that this version of the service does not know: the key may decide what becomes of
    the changes, so it is not ignored.
    """
    known = {key: item for key, item in value.items() if key not in _BESIDE}
    known["sends"] = frozenset(ChangeKind(kind) for kind in known["sends"])
    known["mode"] = Mode(known["mode"])
    known["fields"] = tuple(_read(KeyField, field) for field in known["fields"])
    known["fields_sent"] = tuple(_sent_field(field) for field in known.get("fields_sent", ()))
    known["arms"] = tuple(_read(Arm, arm) for arm in known["arms"])
    return _read(PlanSpec, known)


def _sent_field(field: Mapping[str, Any]) -> SentField:
    lists = {"path": tuple(field["path"]), "reads": tuple(field["reads"])}
    return _read(SentField, {**field, **lists})


def _read(kind: type[T], value: Mapping[str, Any]) -> T:
    """Return the dataclass with the stored values. Raises UnknownFormat for a value that it has no field for."""
    known: Any = kind
    unknown = sorted(value.keys() - {one.name for one in fields(known)})
    if unknown:
        raise UnknownFormat(
            f"A newer version of the service planned this sync, with {', '.join(unknown)}. This version cannot send or settle "
            "it. Start the version of the service that planned it, or a newer one."
        )
    return kind(**value)


def place_at(spec: Mapping[str, Any], row: int) -> str | None:
    """Return the place to which the row of a plan is written, by its text in plans. ``spec`` is the one that the sync stores."""
    runs: Sequence[tuple[int, str | None]] = spec.get(PLACES) or ()
    number = bisect_right(runs, row, key=lambda run: run[0])
    return runs[number - 1][1] if number else None


def arms_at(spec: Mapping[str, Any], row: int) -> Sequence[str]:
    """Return the names of the arms of a split that have the place to which the row of a plan is written; empty without a split.

    Members that leave the place of a former arm have that arm.
    """
    place = place_at(spec, row)
    named = [arm["name"] for arm in spec.get("arms") or () if arm["sent"] and arm["place"] == place]
    former = place_of(place).arm
    return named or ([former] if former is not None else [])
