"""Klaviyo's operations on lists and their members."""

from __future__ import annotations

from typing import Any

from app.sandbox.klaviyo.responses import (
    data,
    error,
    errors,
    filter_of,
    list_resource,
    no_list,
    page,
    profile_resource,
)
from app.sandbox.klaviyo.state import Account, List
from app.sandbox.server import Request, Response

MEMBER_ROWS = 1_000


def get_lists(account: Account, request: Request, body: Any) -> Response:
    """Respond with the lists, by name, that match the filter."""
    found = sorted(account.lists.values(), key=lambda one: one.name)
    wanted = request.parameter("filter")
    if wanted:
        field, values = filter_of(wanted)
        found = [one for one in found if getattr(one, field, None) in values]
    return page(request, [list_resource(one) for one in found], 10)


def create_list(account: Account, request: Request, body: Any) -> Response:
    """Create a list."""
    name = body["data"]["attributes"]["name"]
    if request.ignore:
        return data(201, list_resource(List("IGNORE", name, "")))
    return data(201, list_resource(account.new_list(name)))


def get_list(account: Account, request: Request, body: Any, id: str) -> Response:
    """Respond with one list."""
    found = account.lists.get(id)
    return data(200, list_resource(found)) if found else no_list(id)


def delete_list(account: Account, request: Request, body: Any, id: str) -> Response:
    """Delete a list."""
    return Response(204) if account.lists.pop(id, None) else no_list(id)


def get_members(account: Account, request: Request, body: Any, id: str) -> Response:
    """Respond with the profiles of a list."""
    found = account.lists.get(id)
    if found is None:
        return no_list(id)
    people = [account.profiles[one] for one in found.members]
    return page(request, [profile_resource(request, one) for one in people], 20)


def get_member_ids(account: Account, request: Request, body: Any, id: str) -> Response:
    """Respond with the profile ids of a list."""
    found = account.lists.get(id)
    if found is None:
        return no_list(id)
    return page(request, [{"type": "profile", "id": one} for one in found.members], 20)


def add_members(account: Account, request: Request, body: Any, id: str) -> Response:
    """Add existing profiles to a list."""
    return _change_members(account, request, body, id, add=True)


def remove_members(account: Account, request: Request, body: Any, id: str) -> Response:
    """Remove profiles from a list."""
    return _change_members(account, request, body, id, add=False)


def _change_members(
    account: Account, request: Request, body: Any, list_id: str, *, add: bool
) -> Response:
    found = account.lists.get(list_id)
    if found is None:
        return no_list(list_id)
    ids = [entry["id"] for entry in body["data"]]
    if len(ids) > MEMBER_ROWS:
        return error(400, "invalid", "At most 1000 profiles can be given", "/data")
    unknown = [number for number, one in enumerate(ids) if one not in account.profiles]
    if unknown and add:
        detail = "A profile with this id does not exist"
        return errors(404, [("not_found", detail, f"/data/{number}/id") for number in unknown])
    for one in () if request.ignore else ids:
        if add:
            found.members[one] = None
        else:
            found.members.pop(one, None)
    return Response(204)
