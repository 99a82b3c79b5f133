"""What an activation is told about its delivery: brake, notifications, split, list; their defaults and their checks.

Each ``parse_…`` takes the JSON of the wire and answers a value, or all the problems that it found. The first four
names of :data:`DEFAULT_OPTIONS` are read live; mode, split, updates, consent, list and the like are part of a revision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from app.core.errors import Problem
from app.domain.changes import Mode
from app.domain.frequency import Frequency, parse_frequency
from app.domain.notices import NoticeEvent

_MAX_ARMS = 20
_MAX_NAME = 255
MOST_AUDIENCES = 20
INCLUDED = "Included in Audience"
NOTIFIED_OF = tuple(NoticeEvent)


@dataclass(frozen=True, slots=True)
class Brake:
    """When a plan waits for an approval: percent and rows are both exceeded, or all of at least ``hold_empty_from`` go."""

    enabled: bool = True
    max_removal_percent: float = 30
    min_removals: int = 100
    hold_empty_from: int = 10

    def to_json(self) -> dict[str, Any]:
        """The form of the wire and of ``Activation.options``."""
        percent = self.max_removal_percent
        return {
            "enabled": self.enabled,
            "maxRemovalPercent": int(percent) if percent == int(percent) else percent,
            "minRemovals": self.min_removals,
            "holdEmptyFrom": self.hold_empty_from,
        }


@dataclass(frozen=True, slots=True)
class Notifications:
    """Who is told of what: mail addresses, and a webhook account of the space; ``on`` are the changes of state."""

    emails: tuple[str, ...] = ()
    destination_id: str | None = None
    on: tuple[str, ...] = NOTIFIED_OF

    def to_json(self) -> dict[str, Any]:
        """The form of the wire; empty where nobody is told."""
        if not self.emails and self.destination_id is None:
            return {}
        told: dict[str, Any] = {"emails": list(self.emails), "on": list(self.on)}
        if self.destination_id is not None:
            told["destinationId"] = self.destination_id
        return told


@dataclass(frozen=True, slots=True)
class SplitArm:
    """One side of a split; nothing is sent for a side that is not ``sent`` (control).

    ``list_id``: a list at the partner that this side is put on, in place of one that is made for it.
    """

    name: str
    weight: float
    sent: bool = True
    list_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The form of the wire and of a revision."""
        value: dict[str, Any] = {"name": self.name, "weight": self.weight, "sent": self.sent}
        if self.list_id is not None:
            value["list"] = {"id": self.list_id}
        return value


@dataclass(frozen=True, slots=True)
class Split:
    """Sides of a split; no arms are no split. ``property``: under which name an arm travels with its members."""

    arms: tuple[SplitArm, ...] = ()
    property: str | None = None


DEFAULT_BRAKE = Brake()
DEFAULT_OPTIONS: dict[str, Any] = {
    "frequency": Frequency().to_json(),
    "brake": DEFAULT_BRAKE.to_json(),
    "notifications": {},
}
"""What a new activation's ``options`` are. Copy it; it is shared."""


def brake_of(options: Mapping[str, Any] | None) -> Brake:
    """The brake in stored options; the default where they say nothing or cannot be read."""
    parsed = parse_brake((options or {}).get("brake") or {})
    return parsed if isinstance(parsed, Brake) else DEFAULT_BRAKE


def frequency_of(options: Mapping[str, Any] | None) -> Frequency:
    """The frequency in stored options; ``on_run`` where they say nothing or cannot be read."""
    parsed = parse_frequency((options or {}).get("frequency") or {"type": "on_run"})
    return parsed if isinstance(parsed, Frequency) else Frequency()


def parse_brake(
    value: Any, *, base: Brake = DEFAULT_BRAKE, field: str = "brake"
) -> Brake | list[Problem]:
    """``{enabled, maxRemovalPercent, minRemovals, holdEmptyFrom}``; what is left out stays as in ``base``."""
    if not isinstance(value, Mapping):
        return [Problem("must be an object", field)]
    changes: dict[str, Any] = {}
    problems = unknown_keys(value, _BRAKE_KEYS, field)
    for key, (attribute, check) in _BRAKE_KEYS.items():
        if value.get(key) is None:
            continue
        message = check(value[key])
        if message:
            problems.append(Problem(message, f"{field}.{key}"))
        changes[attribute] = value[key]
    return problems or replace(base, **changes)


def parse_notifications(
    value: Any, *, field: str = "notifications"
) -> Notifications | list[Problem]:
    """``{emails, destinationId, on}``, replaced as a whole; an empty object tells nobody."""
    if not isinstance(value, Mapping):
        return [Problem("must be an object", field)]
    problems = unknown_keys(value, ("emails", "destinationId", "on"), field)
    emails = value.get("emails") or []
    if not isinstance(emails, list) or not all(_is_address(item) for item in emails):
        problems.append(Problem("must be a list of mail addresses", f"{field}.emails"))
    on = value.get("on") or list(NOTIFIED_OF)
    if not isinstance(on, list) or any(item not in NOTIFIED_OF for item in on):
        problems.append(Problem(f"may name {', '.join(NOTIFIED_OF)}", f"{field}.on"))
    account = value.get("destinationId")
    if account is not None and not isinstance(account, str):
        problems.append(
            Problem("must be the id of a webhook destination", f"{field}.destinationId")
        )
    return problems or Notifications(tuple(emails), account, tuple(on))


def parse_audiences(value: Any, *, field: str = "audiences") -> list[str] | list[Problem]:
    """Ids of the audiences that are sent besides the activation's own, at most 20, each once; null: none."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        return [Problem("must be a list of audience ids", field)]
    if len(value) > MOST_AUDIENCES:
        return [Problem(f"may name {MOST_AUDIENCES} audiences at most", field)]
    return list(dict.fromkeys(value))


def parse_mode(value: Any, *, field: str = "mode") -> Mode | list[Problem]:
    """``maintain``, ``append`` or ``remove``."""
    try:
        return Mode(value)
    except ValueError:
        return [Problem(f"must be one of {', '.join(Mode)}", field)]


def parse_split(value: Any, *, field: str = "split") -> Split | list[Problem]:
    """``{"arms": [{name, weight, sent?, list?}], "property"?}`` with two arms or more; null is no split."""
    if value is None:
        return Split()
    if not isinstance(value, Mapping):
        return [Problem("must be an object with arms, or null", field)]
    problems = unknown_keys(value, ("arms", "property"), field)
    told = value.get("property")
    if told is not None and not _is_text(told):
        problems.append(Problem("must be the name of a property, or null", f"{field}.property"))
    given = value.get("arms")
    if not isinstance(given, list) or not 2 <= len(given) <= _MAX_ARMS:
        return [*problems, Problem(f"must be a list of 2 to {_MAX_ARMS} arms", f"{field}.arms")]
    arms: list[SplitArm] = []
    for index, item in enumerate(given):
        arm = _parse_arm(item, f"{field}.arms.{index}")
        if isinstance(arm, SplitArm):
            arms.append(arm)
        else:
            problems.extend(arm)
    if len({arm.name for arm in arms}) < len(arms):
        problems.append(Problem("arms must have different names", f"{field}.arms"))
    if arms and not any(arm.sent for arm in arms):
        problems.append(Problem("at least one arm must be sent", f"{field}.arms"))
    lists = [arm.list_id for arm in arms if arm.list_id is not None]
    if len(set(lists)) < len(lists):
        problems.append(Problem("arms must have different lists", f"{field}.arms"))
    return problems or Split(tuple(arms), told)


def parse_list(value: Any, *, field: str = "list") -> dict[str, Any] | list[Problem] | None:
    """``{"id": …}`` uses a list that exists at the partner; null makes one, named after the activation."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return [Problem('must be {"id": …} or null', field)]
    problems = unknown_keys(value, ("id",), field)
    if not _is_text(value.get("id")):
        problems.append(Problem("must name a list at the partner", f"{field}.id"))
    return problems or {"id": value["id"]}


def parse_consent(value: Any, *, field: str = "consent") -> str | list[Problem] | None:
    """The name of a trait that must be true for a member to be wanted; null: no gate."""
    if value is None:
        return None
    return str(value) if _is_text(value) else [Problem("must be the name of a trait", field)]


def parse_included(value: Any, *, field: str = "includedAttribute") -> str | list[Problem] | None:
    """Under which name members carry the activation's name; true: ``Included in Audience``; null or false: none."""
    if value is None or isinstance(value, bool):
        return INCLUDED if value else None
    if _is_text(value) and value.strip() == value and value.isprintable():
        return str(value)
    return [Problem("must be the name of an attribute, true, or null", field)]


def unknown_keys(
    value: Mapping[str, Any], known: Sequence[str] | Mapping[str, Any], field: str
) -> list[Problem]:
    """A problem for each key that nobody reads: what is ours is refused rather than dropped."""
    return [
        Problem(f"is not known here; it takes {', '.join(known)}", f"{field}.{key}")
        for key in value
        if key not in known
    ]


def _parse_arm(value: Any, field: str) -> SplitArm | list[Problem]:
    if not isinstance(value, Mapping):
        return [Problem("must be an object", field)]
    problems = unknown_keys(value, ("name", "weight", "sent", "list"), field)
    if not _is_text(value.get("name")):
        problems.append(Problem(f"must be a text of 1 to {_MAX_NAME} characters", f"{field}.name"))
    weight = value.get("weight")
    if not _is_number(weight) or not 0 < weight <= 1_000_000:
        problems.append(Problem("must be a number above 0", f"{field}.weight"))
    sent = value.get("sent", True)
    if not isinstance(sent, bool):
        problems.append(Problem("must be true or false", f"{field}.sent"))
    chosen = parse_list(value.get("list"), field=f"{field}.list")
    if isinstance(chosen, list):
        problems += chosen
    elif chosen and sent is False:
        problems.append(Problem("is of no use to an arm that is not sent", f"{field}.list"))
    return problems or SplitArm(
        value["name"], value["weight"], sent, chosen["id"] if isinstance(chosen, dict) else None
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _is_address(value: Any) -> bool:
    if not isinstance(value, str) or len(value) > _MAX_NAME or any(c.isspace() for c in value):
        return False
    name, at, host = value.rpartition("@")
    return bool(name and at and host) and value.isprintable()


def _boolean(value: Any) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


def _percent(value: Any) -> str:
    return "" if _is_number(value) and 0 <= value <= 100 else "must be a number from 0 to 100"


def _count(value: Any) -> str:
    fits = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 10**12
    return "" if fits else "must be a whole number from 1"


_BRAKE_KEYS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "enabled": ("enabled", _boolean),
    "maxRemovalPercent": ("max_removal_percent", _percent),
    "minRemovals": ("min_removals", _count),
    "holdEmptyFrom": ("hold_empty_from", _count),
}
