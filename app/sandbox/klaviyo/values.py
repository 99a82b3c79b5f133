"""The values of profiles: what Klaviyo refuses, how it compares identifiers, and how it writes times."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

IDENTITY = ("external_id", "email", "phone_number")
_EMAIL = re.compile(r"[^@\s,;<>()\"]+@[^@\s,;<>()\".]+(?:\.[^@\s,;<>()\".]+)+")
_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_EXTERNAL_ID_LENGTH = 255


def faults_of(attributes: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    """Yield the faults of a profile that Klaviyo reports before it imports anything: (field, code, detail)."""
    if not any(attributes.get(name) for name in IDENTITY):
        yield "", "invalid", "One of email, phone_number, external_id is required"
    yield from value_faults(attributes)


def value_faults(attributes: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    """Yield the faults of the identifiers that are given: (field, code, detail)."""
    email = attributes.get("email")
    if email is not None and not (isinstance(email, str) and _EMAIL.fullmatch(email)):
        yield "/email", "invalid", "Invalid email address"
    phone = attributes.get("phone_number")
    if phone is not None and not (isinstance(phone, str) and _PHONE.fullmatch(phone)):
        yield (
            "/phone_number",
            "invalid",
            "Invalid phone number format (Example of a valid format: +12345678901)",
        )
    if len(attributes.get("external_id") or "") > _EXTERNAL_ID_LENGTH:
        yield "/external_id", "invalid", "external_id has at most 255 characters"


def folded(name: str, value: str) -> str:
    """Return an identifier in the form in which Klaviyo compares it."""
    return value.lower() if name == "email" else value


def now_text(seconds: float = 0) -> str:
    """Return the current time in Klaviyo's format, or the time some seconds later."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + seconds))


def patched(properties: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties after ``append`` and ``unappend`` {property: value or values} and ``unset`` (names)."""
    result = dict(properties)
    for name, values in (patch.get("append") or {}).items():
        result[name] = [*_listed(result.get(name)), *_listed(values)]
    for name, values in (patch.get("unappend") or {}).items():
        if name in result:
            gone = _listed(values)
            result[name] = [one for one in _listed(result[name]) if one not in gone]
    for name in _listed(patch.get("unset")):
        result.pop(name, None)
    return result


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
