"""Forms of delivery options: what a form means as JSON of the API, and the form of stored options."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.connectors.base import Definition
from app.console.form_values import FormValues
from app.core.clock import from_wire, to_wire
from app.core.errors import Invalid
from app.domain.frequency import Frequency, parse_frequency, past_fault
from app.domain.local_time import is_zone_everywhere, zone_fault
from app.domain.notices import NoticeEvent
from app.domain.places import Place, list_name
from app.services import activations

Json = dict[str, Any]
HOLDOUT = "holdout"  # the name of the arm that is not sent
SPLITS: Mapping[str, Sequence[tuple[str, str, str]]] = {
    "ab": (("A", "50", "yes"), ("B", "50", "yes")),
    "holdout": (("treated", "90", "yes"), (HOLDOUT, "10", "no")),
}
_ARM = ("arm.name", "arm.weight", "arm.sent", "arm.list")
_LIMITS = {
    "maxRemovalPercent": "brake.maxRemovalPercent",
    "minRemovals": "brake.minRemovals",
    "holdEmptyFrom": "brake.holdEmptyFrom",
}


def frequency_json(form: FormValues) -> Json:
    """Return ``{type, at?, zone?, minutes?, expression?}`` of a form. Raises Invalid for a time that is none."""
    kind, zone = form.one("frequency", "on_run"), form.one("frequency.zone") or "UTC"
    found: Json = {"type": kind}
    match kind:
        case "once" if form.one("frequency.moment"):
            found["at"] = _moment(form.one("frequency.moment"), zone)
        case "daily":
            found |= {"at": form.one("frequency.at"), "zone": zone}
        case "interval":
            found["minutes"] = number(form.one("frequency.minutes"))
        case "cron":
            found |= {"expression": form.one("frequency.expression"), "zone": zone}
        case _:
            pass
    return found


def checked_frequency(form: FormValues, now: datetime) -> Frequency:
    """Return the frequency of a form. Raises Invalid with each fault, also for a time that is past."""
    parsed = parse_frequency(frequency_json(form))
    if isinstance(parsed, list):
        raise Invalid("the frequency does not fit", problems=parsed)
    if fault := past_fault(parsed, now):
        raise Invalid(fault, field="frequency.at")
    return parsed


def _moment(text: str, zone: str) -> str:
    if not is_zone_everywhere(zone):
        raise Invalid(zone_fault(zone), field="frequency.zone")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("Enter a date and a time.", field="frequency.at") from None
    return to_wire(moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone)))


def options_json(form: FormValues) -> Json:
    """Return the other options of a form as JSON of the API, by the names of the service: those that the form has."""
    read: dict[str, Callable[[], Any]] = {
        "mode": lambda: form.one("mode") or "maintain",
        "updates": lambda: form.one("updates") == "yes",
        "list": lambda: {"id": form.one("list")} if form.one("list") else None,
        "consent": lambda: form.one("consent") or None,
        "includedAttribute": lambda: form.one("includedAttribute") or None,
        "split": lambda: _split(form),
        "brake": lambda: _brake(form),
        "notifications.emails": lambda: _notifications(form),
    }
    names = {"includedAttribute": "included_attribute", "notifications.emails": "notifications"}
    return {names.get(field, field): value() for field, value in read.items() if form.has(field)}


def _split(form: FormValues) -> Json | None:
    chosen = form.one("split")
    if chosen in ("", "none"):
        return None
    known = SPLITS.get(chosen)
    rows = [(*row, "") for row in known] if known else form.rows(*_ARM)
    arms = [
        {
            "name": name,
            "weight": number(weight),
            "sent": sent != "no",
            **({"list": {"id": own_list}} if own_list else {}),
        }
        for name, weight, sent, own_list in rows
        if name or weight
    ]
    return {"arms": arms, "property": form.one("split.property") or None}


def new_lists(form: FormValues, definition: Definition, connection: Any) -> Sequence[str]:
    """Return the names of the lists that are created for the parts of a split, if no setting names a list for all."""
    settings = (connection.connection_settings if connection is not None else None) or {}
    split = _split(form) or {"arms": (), "property": None}
    sent = [arm for arm in split["arms"] if arm["sent"]]
    named = any(settings.get(name) for group in definition.place_keys for name in group)
    if named or form.one("list") or split["property"] or len(sent) < 2:
        return ()
    return [list_name(form.one("name"), Place(one["name"])) for one in sent if "list" not in one]


def _brake(form: FormValues) -> Json:
    given = {key: number(form.one(name)) for key, name in _LIMITS.items() if form.one(name)}
    return {"enabled": form.one("brake") != "off", **given}


def _notifications(form: FormValues) -> Json:
    emails = [text for text in re.split(r"[\s,;]+", form.one("notifications.emails")) if text]
    account = form.one("notifications.destinationId")
    if not emails and not account:
        return {}
    events = form.all("notifications.on")
    return {
        **({"emails": emails} if emails else {}),
        **({"destinationId": account} if account else {}),
        **({"on": events} if set(events) != set(NoticeEvent) else {}),
    }


def number(text: str) -> Any:
    """Return the number that a text is, whole if it has no decimals; any other text as it is, for the service to refuse."""
    plain = text.strip().replace(",", ".")
    if not re.fullmatch(r"-?\d{1,15}(\.\d{1,9})?", plain):
        return text
    return float(plain) if "." in plain else int(plain)


def texts_of(options: activations.DeliveryOptions) -> dict[str, list[str]]:
    """Return the form of stored options: ``{field: texts}``."""
    brake, notified = options.brake, options.notifications
    found = {
        **_frequency_texts(options.frequency),
        "mode": options.mode,
        "updates": "yes" if options.updates else "no",
        "list": (options.list or {}).get("id", ""),
        "consent": options.consent or "",
        "includedAttribute": options.included_attribute or "",
        "split.property": options.split_property or "",
        "brake": "on" if brake.enabled else "off",
        "brake.maxRemovalPercent": f"{brake.max_removal_percent:g}",
        "brake.minRemovals": str(brake.min_removals),
        "brake.holdEmptyFrom": str(brake.hold_empty_from),
        "notifications.emails": ", ".join(notified.get("emails") or ()),
        "notifications.destinationId": notified.get("destinationId") or "",
    }
    texts = {name: [text] for name, text in found.items()}
    return {
        **texts,
        **_arm_texts(options.arms),
        "notifications.on": list(notified.get("on") or ()),
        "audiences": list(options.audiences),
    }


def _frequency_texts(frequency: Frequency) -> dict[str, str]:
    found = {"frequency": frequency.type, "frequency.zone": frequency.zone}
    if frequency.type == "once" and frequency.at:
        local = from_wire(frequency.at).astimezone(ZoneInfo(frequency.zone))
        found["frequency.moment"] = local.strftime("%Y-%m-%dT%H:%M")
    elif frequency.at:
        found["frequency.at"] = frequency.at
    if frequency.minutes:
        found["frequency.minutes"] = str(frequency.minutes)
    if frequency.expression:
        found["frequency.expression"] = frequency.expression
    return found


def _arm_texts(arms: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    rows = [
        (
            one["name"],
            f"{one['weight']:g}",
            "yes" if one.get("sent", True) else "no",
            (one.get("list") or {}).get("id", ""),
        )
        for one in arms
    ]
    if not rows:
        return {"split": ["none"]}
    usual = {key: [(*row, "") for row in known] for key, known in SPLITS.items()}
    chosen = next((key for key, known in usual.items() if known == rows), "own")
    return {
        "split": [chosen],
        **{name: list(texts) for name, texts in zip(_ARM, zip(*rows, strict=True), strict=True)},
    }


def changes_of(form: FormValues, options: activations.DeliveryOptions) -> Json:
    """Return those options of a form that differ from the stored ones, as JSON of the API, by the names of the service.

    What a form cannot show in full, such as the seconds of a moment, is thus kept.
    """
    stored = _json(FormValues(texts_of(options)))
    changes = {name: value for name, value in _json(form).items() if value != stored[name]}
    if (
        "brake" in changes
    ):  # the brake is merged, and a limit that was never chosen follows the defaults
        limits = changes["brake"].items()
        changes["brake"] = {key: one for key, one in limits if one != stored["brake"][key]}
    if form.has("audiences.shown") and form.all("audiences") != list(options.audiences):
        changes["audiences"] = form.all("audiences")
    return changes


def _json(form: FormValues) -> Json:
    given = {"frequency": frequency_json(form)} if form.has("frequency") else {}
    return given | options_json(form)
