"""Klaviyo's operations on consent: subscribe and unsubscribe profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.sandbox.klaviyo.responses import error, errors, no_such
from app.sandbox.klaviyo.state import Account, List, Profile
from app.sandbox.klaviyo.values import now_text, value_faults
from app.sandbox.server import Request, Response

SUBSCRIBE_ROWS = 1_000
UNSUBSCRIBE_ROWS = 100
_PROFILES = "/data/attributes/profiles/data"
_CHANNELS = {"email": "email", "sms": "phone_number"}


def subscribe(account: Account, request: Request, body: Any) -> Response:
    """Subscribe profiles at once, or after they confirm if the list has double opt-in."""
    given = body["data"]
    profiles = given["attributes"]["profiles"]["data"]
    group, refused = _checked(account, given, profiles, SUBSCRIBE_ROWS)
    if refused is not None:
        return refused
    historical = bool(given["attributes"].get("historical_import"))
    confirmed = historical or (group is not None and group.opt_in_process == "single_opt_in")
    for entry in () if request.ignore else profiles:
        profile = _profile(account, entry)
        if not confirmed:
            continue
        _consent(profile, entry["attributes"], "SUBSCRIBED")
        if group is not None:
            group.add(profile.id, account.visible_time())
    return Response(202)


def unsubscribe(account: Account, request: Request, body: Any) -> Response:
    """Unsubscribe profiles, and remove them from the list that is named."""
    given = body["data"]
    profiles = given["attributes"]["profiles"]["data"]
    group, refused = _checked(account, given, profiles, UNSUBSCRIBE_ROWS)
    if refused is not None:
        return refused
    for entry in () if request.ignore else profiles:
        profile = _profile(account, entry)
        _consent(profile, entry["attributes"], "UNSUBSCRIBED")
        if group is not None:
            group.remove(profile.id)
    return Response(202)


def _checked(
    account: Account, given: Mapping[str, Any], profiles: Sequence[Mapping[str, Any]], most: int
) -> tuple[List | None, Response | None]:
    """Return the list that is named, and the refusal of the request."""
    if not 0 < len(profiles) <= most:
        return None, error(400, "invalid", f"Between 1 and {most} profiles are taken", _PROFILES)
    faults = [
        (code, detail, f"{_PROFILES}/{number}/attributes{field}")
        for number, entry in enumerate(profiles)
        for field, code, detail in _faults(entry["attributes"])
    ]
    if faults:
        return None, errors(400, faults)
    named = ((given.get("relationships") or {}).get("list") or {}).get("data")
    if not named:
        return None, None
    found = account.lists.get(named["id"])
    return found, None if found else no_such("list", named["id"])


def _faults(attributes: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    missing = [
        (f"/{identifier}", "invalid", f"{identifier} is required to change consent for {channel}")
        for channel, identifier in _CHANNELS.items()
        if (attributes.get("subscriptions") or {}).get(channel) and not attributes.get(identifier)
    ]
    return [*value_faults(attributes), *missing]


def _profile(account: Account, entry: Mapping[str, Any]) -> Profile:
    """Return the profile of the first identifier that is known, or a new one."""
    attributes = {
        name: entry["attributes"][name]
        for name in _CHANNELS.values()
        if entry["attributes"].get(name)
    }
    owners = account.owners(attributes)
    return account.profiles[owners[0]] if owners else account.upsert(attributes)[0]


def _consent(profile: Profile, attributes: Mapping[str, Any], consent: str) -> None:
    for channel in _CHANNELS:
        if (attributes.get("subscriptions") or {}).get(channel):
            profile.consents[channel] = {"consent": consent, "at": now_text()}
