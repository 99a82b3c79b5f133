"""Klaviyo's operations on profiles."""

from __future__ import annotations

from typing import Any

from app.sandbox.klaviyo.responses import data, error, errors, filter_of, page, profile_resource
from app.sandbox.klaviyo.state import IDENTITY, Account, Conflict, faults_of
from app.sandbox.server import Request, Response

MOST_VALUES = 100  # of a filter


def get_profiles(account: Account, request: Request, body: Any) -> Response:
    """Respond with the profiles that match the filter, or with all profiles."""
    wanted = request.parameter("filter")
    if not wanted:
        everyone = account.profiles.values()
        return page(request, [profile_resource(request, one) for one in everyone], 20)
    field, values = filter_of(wanted)
    if field not in ("id", *IDENTITY):
        return error(400, "invalid", f"{field} can not be filtered by", parameter="filter")
    if len(values) > MOST_VALUES:
        return error(400, "invalid", "At most 100 values", parameter="filter")
    found = {p.id: p for value in values if (p := account.find(field, value)) is not None}
    return page(request, [profile_resource(request, one) for one in found.values()], 20)


def import_profile(account: Account, request: Request, body: Any) -> Response:
    """Create or update one profile."""
    attributes = body["data"]["attributes"]
    faults = list(faults_of(attributes))
    if faults:
        return errors(
            400, [(code, detail, f"/data/attributes{field}") for field, code, detail in faults]
        )
    if request.ignore:
        return data(201, {"type": "profile", "id": "01IGNORED", "attributes": attributes})
    try:
        profile, created = account.upsert(attributes)
    except Conflict as conflict:
        return error(
            409,
            "duplicate_profile",
            "A profile already exists with one of these identifiers.",
            meta={"duplicate_profile_id": conflict.profile_id},
        )
    return data(201 if created else 200, profile_resource(request, profile))
