"""Delivery options of an activation (brake, notifications, split, list …): defaults and validation.

Each ``parse_…`` function takes JSON from the wire, and returns a value or all problems that it found. The options in
:data:`DEFAULT_OPTIONS` apply at once. All others are part of a revision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from app.core.errors import Problem
from app.core.suggestions import did_you_mean
from app.domain.changes import Mode
from app.domain.frequency import Frequency, parse_frequency
from app.domain.names import is_blank
from app.domain.notices import NoticeEvent

_MAX_ARMS = 20
_MAX_NAME = 255
MOST_AUDIENCES = 20
INCLUDED = "Included in Audience"
NOTIFIED_OF = tuple(NoticeEvent)


@dataclass(frozen=True, slots=True)
class Brake:
    """The limits of the brake. :func:`app.domain.brake.hold_reason` applies them."""

    enabled: bool = True
    max_removal_percent: float = 30
    min_removals: int = 10
    hold_empty_from: int = 2

    def to_json(self) -> dict[str, Any]:
        """Return ``{enabled, maxRemovalPercent, minRemovals, holdEmptyFrom}``, as on the wire and in ``Activation.options``."""
        percent = self.max_removal_percent
        return {
            "enabled": self.enabled,
            "maxRemovalPercent": int(percent) if percent == int(percent) else percent,
            "minRemovals": self.min_removals,
            "holdEmptyFrom": self.hold_empty_from,
        }


@dataclass(frozen=True, slots=True)
class Notifications:
    """Recipients of notices: mail addresses and a webhook destination of the space. ``on`` are the reported events."""

    emails: tuple[str, ...] = ()
    destination_id: str | None = None
    on: tuple[str, ...] = NOTIFIED_OF

    def to_json(self) -> dict[str, Any]:
        """Return ``{emails, on, destinationId?}`` as on the wire, or ``{}`` without recipients."""
        if not self.emails and self.destination_id is None:
            return {}
        value: dict[str, Any] = {"emails": list(self.emails), "on": list(self.on)}
        if self.destination_id is not None:
            value["destinationId"] = self.destination_id
        return value


@dataclass(frozen=True, slots=True)
class SplitArm:
    """An arm of a split. Nothing is sent for an arm that is not ``sent`` (the holdout group).

    ``list_id`` is an existing list at the partner. Without it, a list is created for the arm.
    """

    name: str
    weight: float
    sent: bool = True
    list_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return ``{name, weight, sent, list?}``, as on the wire and in a revision."""
        value: dict[str, Any] = {"name": self.name, "weight": self.weight, "sent": self.sent}
        if self.list_id is not None:
            value["list"] = {"id": self.list_id}
        return value


@dataclass(frozen=True, slots=True)
class Split:
    """The arms of a split; without arms there is no split. ``property`` is the field that carries the name of the arm."""

    arms: tuple[SplitArm, ...] = ()
    property: str | None = None


DEFAULT_BRAKE = Brake()
CHOSEN_LIMITS = "brakeLimits"
"""The option that names the limits of the brake that a user set; it is never shown."""
_FORMER_LIMITS = {"maxRemovalPercent": 30, "minRemovals": 100, "holdEmptyFrom": 10}
DEFAULT_OPTIONS: dict[str, Any] = {
    "frequency": Frequency().to_json(),
    "brake": DEFAULT_BRAKE.to_json(),
    CHOSEN_LIMITS: [],
    "notifications": {},
}
"""The options of a new activation. Copy before changing it: it is shared."""


def brake_of(options: Mapping[str, Any] | None) -> Brake:
    """Return the brake in stored options: the limits that a user set, and the defaults of today for the others."""
    stored = (options or {}).get("brake") or {}
    chosen = _chosen_limits(options or {})
    given = (
        {key: value for key, value in stored.items() if key not in _FORMER_LIMITS or key in chosen}
        if isinstance(stored, Mapping)
        else stored
    )
    parsed = parse_brake(given)
    return parsed if isinstance(parsed, Brake) else DEFAULT_BRAKE


def with_brake(options: Mapping[str, Any], value: Any) -> dict[str, Any] | list[Problem]:
    """Change the brake in stored options. ``value`` is JSON from the wire.

    Returns the options as stored, ``{"frequency", "brake", "brakeLimits", "notifications"}``, or all problems of the value.
    """
    brake = parse_brake(value, base=brake_of(options))
    if isinstance(brake, list):
        return brake
    given = {key for key in value if key in _FORMER_LIMITS and value[key] is not None}
    chosen = sorted(_chosen_limits(options) | given)
    return {**options, "brake": brake.to_json(), CHOSEN_LIMITS: chosen}


def _chosen_limits(options: Mapping[str, Any]) -> set[str]:
    """Return which limits a user set. Before this was recorded, a limit other than the default of then was set by a user."""
    recorded, stored = options.get(CHOSEN_LIMITS), options.get("brake") or {}
    if recorded is not None:
        return set(recorded)
    if not isinstance(stored, Mapping):
        return set()
    return {key for key, former in _FORMER_LIMITS.items() if stored.get(key, former) != former}


def frequency_of(options: Mapping[str, Any] | None) -> Frequency:
    """Return the frequency in stored options, or ``on_run`` if it is missing or malformed."""
    parsed = parse_frequency((options or {}).get("frequency") or {"type": "on_run"}, stored=True)
    return parsed if isinstance(parsed, Frequency) else Frequency()


def parse_brake(
    value: Any, *, base: Brake = DEFAULT_BRAKE, field: str = "brake"
) -> Brake | list[Problem]:
    """Parse ``{enabled, maxRemovalPercent, minRemovals, holdEmptyFrom}``. Missing fields keep the value in ``base``."""
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
    """Parse ``{emails, destinationId, on}``. An empty object means no notices; events without a recipient are a problem."""
    if not isinstance(value, Mapping):
        return [Problem("must be an object", field)]
    problems = unknown_keys(value, ("emails", "destinationId", "on"), field)
    emails = value.get("emails") or []
    if not isinstance(emails, list) or not all(is_mail_address(item) for item in emails):
        problems.append(Problem("must be a list of mail addresses", f"{field}.emails"))
    account, on = value.get("destinationId"), value.get("on")
    is_nobody = not emails and account is None
    if on is None:
        on = list(NOTIFIED_OF)
    if not isinstance(on, list) or any(item not in NOTIFIED_OF for item in on):
        problems.append(Problem(f"may name {', '.join(NOTIFIED_OF)}", f"{field}.on"))
    elif not on and not is_nobody:
        words = f"must name at least one of {', '.join(NOTIFIED_OF)}; leave it out for all, or send {{}} for no notices"
        problems.append(Problem(words, f"{field}.on"))
    if account is not None and not isinstance(account, str):
        problems.append(
            Problem("must be the id of a webhook destination", f"{field}.destinationId")
        )
    if not problems and is_nobody and value.get("on"):
        words = "has no recipient, so nobody is notified: add emails or destinationId, or send {} for no notices"
        problems.append(Problem(words, field))
    return problems or Notifications(tuple(emails), account, tuple(on))


def parse_audiences(value: Any, *, field: str = "audiences") -> list[str] | list[Problem]:
    """Parse the ids of additional audiences: at most 20, without duplicates; null means none."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        return [Problem("must be a list of audience ids", field)]
    if len(value) > MOST_AUDIENCES:
        return [Problem(f"may name {MOST_AUDIENCES} audiences at most", field)]
    return list(dict.fromkeys(value))


def parse_mode(value: Any, *, field: str = "mode") -> Mode | list[Problem]:
    """Parse ``maintain``, ``append`` or ``remove``."""
    try:
        return Mode(value)
    except ValueError:
        return [Problem(f"must be one of {', '.join(Mode)}", field)]


def parse_split(value: Any, *, field: str = "split") -> Split | list[Problem]:
    """Parse ``{"arms": [{name, weight, sent?, list?}], "property"?}`` with 2 to 20 arms; null means no split."""
    if value is None:
        return Split()
    if not isinstance(value, Mapping):
        return [Problem("must be an object with arms, or null", field)]
    problems = unknown_keys(value, ("arms", "property"), field)
    name = value.get("property")
    if name is not None and not _is_text(name):
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
    return problems or Split(tuple(arms), name)


def parse_list(value: Any, *, field: str = "list") -> dict[str, Any] | list[Problem] | None:
    """Parse the list at the partner. Returns ``{id}``; null means that a list is created, named after the activation."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return [Problem('must be {"id": …} or null', field)]
    problems = unknown_keys(value, ("id",), field)
    if not _is_text(value.get("id")):
        problems.append(Problem("must name a list at the partner", f"{field}.id"))
    return problems or {"id": value["id"]}


def parse_consent(value: Any, *, field: str = "consent") -> str | list[Problem] | None:
    """Parse the name of the trait that must be true for a member to be wanted; null means no such condition."""
    if value is None:
        return None
    return str(value) if _is_text(value) else [Problem("must be the name of a trait", field)]


def parse_included(value: Any, *, field: str = "includedAttribute") -> str | list[Problem] | None:
    """Parse the attribute that holds the name of the activation: a name, true (``Included in Audience``), false or null."""
    if value is None or isinstance(value, bool):
        return INCLUDED if value else None
    if _is_text(value) and value.strip() == value and value.isprintable():
        return str(value)
    return [Problem("must be the name of an attribute, true, or null", field)]


def unknown_keys(
    value: Mapping[str, Any], known: Sequence[str] | Mapping[str, Any], field: str
) -> list[Problem]:
    """Return a problem for each unknown key. Unknown keys of our own extensions are refused, not ignored."""
    return [
        Problem(
            f"is not a field here.{did_you_mean(str(key), known)} The fields are {', '.join(known)}.",
            f"{field}.{key}",
        )
        for key in value
        if key not in known
    ]


def _parse_arm(value: Any, field: str) -> SplitArm | list[Problem]:
    if not isinstance(value, Mapping):
        return [Problem("must be an object", field)]
    problems = unknown_keys(value, ("name", "weight", "sent", "list"), field)
    if not _is_text(value.get("name")):
        problems.append(
            Problem(
                f"must be a text of 1 to {_MAX_NAME} characters, with a visible one",
                f"{field}.name",
            )
        )
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
        problems.append(Problem("cannot be set for an arm that is not sent", f"{field}.list"))
    return problems or SplitArm(
        value["name"], value["weight"], sent, chosen["id"] if isinstance(chosen, dict) else None
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_NAME and not is_blank(value)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def is_mail_address(value: Any) -> bool:
    """Return whether a value is a text of the form ``name@host``, at most 255 characters long."""
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
