"""Klaviyo's operations on profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.sandbox.klaviyo.filters import PROFILE_FILTERS, Condition, conditions, matching
from app.sandbox.klaviyo.resources import identifier, lists_as, profile_link, profiles_as
from app.sandbox.klaviyo.responses import data, error, errors, no_such, page
from app.sandbox.klaviyo.state import Account, Conflict, Profile
from app.sandbox.klaviyo.values import IDENTITY, faults_of, value_faults
from app.sandbox.server import Request, Response

PROFILE_BYTES = 100_000
_ATTRIBUTES = "/data/attributes"


def get_profiles(account: Account, request: Request, body: Any) -> Response:
    """Respond with the profiles that match the filter, or with all profiles."""
    wanted = conditions(request.parameter("filter"), PROFILE_FILTERS)
    candidates, rest = _candidates(account, wanted)
    found = matching(account.shown_profiles(candidates), rest, _value)
    return page(request, ordered(request, found, _value), 20, profiles_as(request))


def _candidates(
    account: Account, wanted: Sequence[Condition]
) -> tuple[list[Profile], list[Condition]]:
    """Return the profiles of the first condition that names identifiers, or all, and the other conditions."""
    for one in wanted:
        if one.names_values and one.field in ("id", *IDENTITY):
            found = [account.find(one.field, value) for value in one.values]
            rest = [other for other in wanted if other is not one]
            return list({each.id: each for each in found if each is not None}.values()), rest
    return list(account.profiles.values()), list(wanted)


def _value(profile: Profile, name: str) -> Any:
    if name in ("id", "created", "updated"):
        return getattr(profile, name)
    return profile.attributes.get(name)


def ordered(request: Request, entries: list[Any], value_of: Any) -> list[Any]:
    """Return entries in the order that the request asks for. Those without a value come last."""
    by = request.parameter("sort")
    if not by:
        return entries
    name, falling = by.removeprefix("-"), by.startswith("-")
    present = [one for one in entries if value_of(one, name) is not None]
    absent = [one for one in entries if value_of(one, name) is None]
    return sorted(present, key=lambda one: value_of(one, name), reverse=falling) + absent


def get_profile(account: Account, request: Request, body: Any, id: str) -> Response:
    """Respond with one profile."""
    found = account.profiles.get(id)
    if found is None:
        return no_such("profile", id)
    shown = profiles_as(request)(found)
    names = (request.parameter("include") or "").split(",")
    if "lists" not in names:
        return data(200, shown, [] if names != [""] else None)
    lists = account.lists_of(id)
    shown["relationships"]["lists"]["data"] = [{"type": "list", "id": one.id} for one in lists]
    return data(200, shown, [lists_as(request)(one) for one in lists])


def create_profile(account: Account, request: Request, body: Any) -> Response:
    """Create one profile; 409 if a profile has one of the identifiers."""
    attributes = body["data"]["attributes"]
    refused = _refused(request, list(faults_of(attributes)))
    if refused is not None:
        return refused
    owners = account.owners(attributes)
    if owners:
        return _duplicate(owners[0])
    return _written(account, request, attributes, None)


def update_profile(account: Account, request: Request, body: Any, id: str) -> Response:
    """Change one profile. Null clears a field."""
    given = body["data"]
    if id not in account.profiles:
        return no_such("profile", id)
    if given["id"] != id:
        return error(400, "invalid", "The id differs from the id in the path", "/data/id")
    refused = _refused(request, list(value_faults(given.get("attributes") or {})))
    if refused is not None:
        return refused
    return _written(account, request, given.get("attributes") or {}, id, given.get("meta"))


def import_profile(account: Account, request: Request, body: Any) -> Response:
    """Create or update one profile. Null clears a field."""
    given = body["data"]
    profile_id = given.get("id")
    if profile_id and profile_id not in account.profiles:
        return no_such("profile", profile_id)
    attributes = given["attributes"]
    faults = value_faults(attributes) if profile_id else faults_of(attributes)
    refused = _refused(request, list(faults))
    if refused is not None:
        return refused
    return _written(account, request, attributes, profile_id, given.get("meta"))


def _refused(request: Request, faults: list[tuple[str, str, str]]) -> Response | None:
    if len(request.body) > PROFILE_BYTES:
        return error(413, "payload_too_large", "The request is larger than 100 KB")
    if not faults:
        return None
    return errors(400, [(code, detail, f"{_ATTRIBUTES}{field}") for field, code, detail in faults])


def _written(
    account: Account,
    request: Request,
    attributes: Mapping[str, Any],
    profile_id: str | None,
    meta: Mapping[str, Any] | None = None,
) -> Response:
    if request.ignore:
        return data(201, profiles_as(request)(Profile("01IGNORED", dict(attributes))))
    try:
        profile, made = account.upsert(attributes, profile_id=profile_id, clears=True)
        account.patch_emails(profile, (meta or {}).get("patch_identifiers") or {})
    except Conflict as conflict:
        return _duplicate(conflict.profile_id)
    patch = (meta or {}).get("patch_properties")
    if patch:
        account.patch(profile, patch)
    return data(201 if made else 200, profiles_as(request)(profile))


def _duplicate(profile_id: str) -> Response:
    return error(
        409,
        "duplicate_profile",
        "A profile already exists with one of these identifiers.",
        _ATTRIBUTES,
        meta={"duplicate_profile_id": profile_id},
    )


def get_lists(account: Account, request: Request, body: Any, id: str) -> Response:
    """Respond with the lists that a profile is on."""
    if id not in account.profiles:
        return no_such("profile", id)
    return page(request, account.lists_of(id), 1_000, lists_as(request))


def get_list_ids(account: Account, request: Request, body: Any, id: str) -> Response:
    """Respond with the ids of the lists that a profile is on."""
    if id not in account.profiles:
        return no_such("profile", id)
    return page(request, [one.id for one in account.lists_of(id)], 1_000, identifier("list"))


def get_segments(account: Account, request: Request, body: Any, id: str) -> Response:
    """Respond with no segments: the account has none."""
    return page(request, [], 20) if id in account.profiles else no_such("profile", id)


def merge_profiles(account: Account, request: Request, body: Any) -> Response:
    """Accept a merge of one profile into another."""
    given = body["data"]
    sources = [one["id"] for one in given["relationships"]["profiles"]["data"]]
    if len(sources) != 1:
        pointer = "/data/relationships/profiles/data"
        return error(400, "invalid", "Exactly one source profile is taken", pointer)
    for one in (given["id"], *sources):
        if one not in account.profiles:
            return no_such("profile", one)
    if given["id"] == sources[0]:
        return error(400, "invalid", "A profile can not be merged into itself", "/data/id")
    if not request.ignore:
        account.merge(given["id"], sources[0])
    return data(201, profile_link(given["id"]))
