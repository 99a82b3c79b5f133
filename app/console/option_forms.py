"""Forms of delivery options: what a form means as JSON of the API, and the form of stored options."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.console.form_values import FormValues
from app.core.clock import from_wire, to_wire
from app.core.errors import Invalid, Problem
from app.domain.frequency import Frequency, parse_frequency
from app.domain.local_time import is_zone_everywhere, zone_fault
from app.services import activations

Json = dict[str, Any]
HOLDOUT = "holdout"  # the name of the arm that is not sent
SPLITS: Mapping[str, Sequence[tuple[str, str, str]]] = {
    "ab": (("A", "50", "yes"), ("B", "50", "yes")),
    "holdout": (("treated", "90", "yes"), (HOLDOUT, "10", "no")),
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


def checked_frequency(form: FormValues) -> Frequency:
    """Return the frequency of a form. Raises Invalid with each fault."""
    parsed = parse_frequency(frequency_json(form))
    if isinstance(parsed, list):
        raise Invalid("the frequency does not fit", problems=parsed)
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
    rows = SPLITS.get(chosen) or form.rows("arm.name", "arm.weight", "arm.sent")
    arms = [
        {"name": name, "weight": number(weight), "sent": sent != "no"}
        for name, weight, sent in rows
        if name or weight
    ]
    return {"arms": arms, "property": form.one("split.property") or None}


def _brake(form: FormValues) -> Json:
    limits = {"maxRemovalPercent": "brake.maxRemovalPercent", "minRemovals": "brake.minRemovals"}
    given = {key: number(form.one(name)) for key, name in limits.items() if form.one(name)}
    return {"enabled": form.one("brake") != "off", **given}


def _notifications(form: FormValues) -> Json:
    emails = [text for text in re.split(r"[\s,;]+", form.one("notifications.emails")) if text]
    if not emails:
        return {}
    events = form.all("notifications.on")
    return {"emails": emails, **({"on": events} if events else {})}


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
        "notifications.emails": ", ".join(notified.get("emails", ())),
    }
    texts = {name: [text] for name, text in found.items()}
    return texts | _arm_texts(options.arms) | {"notifications.on": list(notified.get("on", ()))}


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
        (one["name"], f"{one['weight']:g}", "yes" if one.get("sent", True) else "no")
        for one in arms
    ]
    if not rows:
        return {"split": ["none"]}
    chosen = next((key for key, known in SPLITS.items() if list(known) == rows), "own")
    names, weights, sent = zip(*rows, strict=True)
    return {
        "split": [chosen],
        "arm.name": list(names),
        "arm.weight": list(weights),
        "arm.sent": list(sent),
    }


def keeps_lists(arms: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether an arm names a list, which the form of options does not show and would remove."""
    return any(one.get("list") for one in arms)


def faults_of(prefix: str, problems: Sequence[Problem]) -> list[str]:
    """Return the messages of problems whose field begins with a prefix."""
    return [one.message for one in problems if (one.field or "").startswith(prefix)]
