"""Klaviyo's operations on lists and their members."""

from __future__ import annotations

from typing import Any

from app.sandbox.klaviyo.filters import LIST_FILTERS, MEMBER_FILTERS, conditions, matching
from app.sandbox.klaviyo.profiles import ordered
from app.sandbox.klaviyo.resources import identifier, lists_as, profiles_as
from app.sandbox.klaviyo.responses import data, error, errors, no_such, page
from app.sandbox.klaviyo.state import Account, List, Profile
from app.sandbox.klaviyo.values import now_text
from app.sandbox.server import Request, Response

MEMBER_ROWS = 1_000


def get_lists(account: Account, request: Request, body: Any) -> Response:
    """Respond with the lists that match the filter; without an order, by name."""
    wanted = conditions(request.parameter("filter"), LIST_FILTERS)
    by_name = sorted(account.lists.values(), key=lambda one: one.name)
    found = matching(by_name, wanted, getattr)
    return page(request, ordered(request, found, getattr), 10, lists_as(request))


def create_list(account: Account, request: Request, body: Any) -> Response:
    """Create a list."""
    attributes = body["data"]["attributes"]
    name = attributes["name"]
    if not name.strip():
        return error(400, "invalid", "A name is required", "/data/attributes/name")
    if request.ignore:
        return data(201, lists_as(request)(List("IGNORE", name, now_text())))
    made = account.new_list(
        name, opt_in_process=attributes.get("opt_in_process") or "double_opt_in"
    )
    return data(201, lists_as(request)(made))


def get_list(account: Account, request: Request, body: Any, id: str) -> Response:
    """Respond with one list."""
    found = account.lists.get(id)
    if found is None:
        return no_such("list", id)
    counted = request.parameter("additional-fields[list]") == "profile_count"
    included: list[dict[str, Any]] | None = [] if request.parameter("include") else None
    return data(200, lists_as(request, counted=counted)(found), included)


def update_list(account: Account, request: Request, body: Any, id: str) -> Response:
    """Rename a list."""
    found = account.lists.get(id)
    if found is None:
        return no_such("list", id)
    given = body["data"]
    if given["id"] != id:
        return error(400, "invalid", "The id differs from the id in the path", "/data/id")
    if not request.ignore:
        found.name, found.updated = given["attributes"]["name"], now_text()
    return data(200, lists_as(request)(found))


def delete_list(account: Account, request: Request, body: Any, id: str) -> Response:
    """Delete a list."""
    return Response(204) if account.lists.pop(id, None) else no_such("list", id)


def get_members(account: Account, request: Request, body: Any, id: str) -> Response:
    """Respond with the profiles of a list."""
    found = account.lists.get(id)
    if found is None:
        return no_such("list", id)
    people = _members(account, request, found)
    return page(request, people, 20, profiles_as(request, _joined(found)))


def get_member_ids(account: Account, request: Request, body: Any, id: str) -> Response:
    """Respond with the profile ids of a list."""
    found = account.lists.get(id)
    if found is None:
        return no_such("list", id)
    ids = [one.id for one in _members(account, request, found)]
    return page(request, ids, 20, identifier("profile"))


def _members(account: Account, request: Request, of: List) -> list[Profile]:
    wanted = conditions(request.parameter("filter"), MEMBER_FILTERS)
    people = account.shown_members(of)
    if wanted:
        joined = _joined(of)
        people = matching(
            people,
            wanted,
            lambda one, name: (
                joined[one.id] if name == "joined_group_at" else one.attributes.get(name)
            ),
        )
    return people[::-1] if request.parameter("sort") == "-joined_group_at" else people


def _joined(of: List) -> dict[str, str]:
    """Return the times of joining a list by profile id. Where a time is not known, it is the list's creation."""
    return {one: at or of.created for one, at in of.members.items()}


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
        return no_such("list", list_id)
    ids = [entry["id"] for entry in body["data"]]
    if len(ids) > MEMBER_ROWS:
        return error(400, "invalid", "At most 1000 profiles can be given", "/data")
    unknown = [number for number, one in enumerate(ids) if one not in account.profiles]
    if unknown and add:
        detail = "A profile with this id does not exist"
        return errors(404, [("not_found", detail, f"/data/{number}/id") for number in unknown])
    for one in () if request.ignore else ids:
        if add:
            found.add(one, account.visible_time())
        else:
            found.remove(one)
    return Response(204)
