"""Braze's operations on subscription groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.sandbox.braze.state import User, Workspace
from app.sandbox.server import Request, Response, json_response
from app.sandbox.tally import Tally

ARRAYS = {"external_ids": "external_id", "emails": "email", "phones": "phone"}
ROWS = 50


def set_states(workspace: Workspace, tally: Tally, request: Request, body: Any) -> Response:
    """Set the states of users in several groups."""
    groups = body.get("subscription_groups")
    if not isinstance(groups, list) or not groups:
        return json_response(400, {"message": "'subscription_groups' is required"})
    for group in groups:
        fault = _fault(workspace, tally, group)
        if fault is not None:
            return json_response(400, {"message": fault})
    rows = sum(len(group[name]) for group in groups for name in ARRAYS if group.get(name))
    if rows > ROWS:
        tally.add_violation(f"{rows} users in one call")
        return json_response(400, {"message": "at most 50 users"})
    for group in () if request.ignore else groups:
        for array, kind in ARRAYS.items():
            for value in group.get(array) or ():
                workspace.set_group(
                    _users(workspace, kind, value),
                    group["subscription_group_id"],
                    group["subscription_state"],
                )
    return json_response(201, {"message": "success"})


def set_state(workspace: Workspace, tally: Tally, request: Request, body: Any) -> Response:
    """Set the states of users in one group: the first version of the operation."""
    group = {name: body.get(name) for name in ("subscription_group_id", "subscription_state")}
    for array, kind in ARRAYS.items():
        values = body.get(kind)
        if values:
            group[array] = values if isinstance(values, list) else [values]
    return set_states(workspace, tally, request, {"subscription_groups": [group]})


def _users(workspace: Workspace, kind: str, value: str) -> list[User]:
    """Return all users with an address or number; a new one if there is none. An unknown external id is nobody."""
    found = workspace.all_with(kind, value)
    if found or kind == "external_id":
        return [user for user in found if workspace.is_settled(user)]
    made = workspace.find({kind: value}, create=True)
    return [made] if made else []


def _fault(workspace: Workspace, tally: Tally, group: Mapping[str, Any]) -> str | None:
    arrays = [name for name in ARRAYS if group.get(name)]
    if group.get("subscription_group_id") not in workspace.groups:
        return "subscription_group_id is not valid"
    if group.get("subscription_state") not in ("subscribed", "unsubscribed"):
        return "subscription_state is not valid"
    if not arrays or {"emails", "phones"} <= set(arrays):
        tally.add_violation(f"identifiers of a group: {arrays}")
        return "give external_ids, emails or phones"
    return None


def _named(request: Request) -> list[tuple[str, str]]:
    """Return the identifiers of the query as (kind, value). An external id goes before an address or a number."""
    given = request.parameters()
    for kind in ARRAYS.values():
        values = [*given.get(f"{kind}[]", []), *given.get(kind, [])]
        if values:
            return [(kind, value) for value in values]
    return []


def get_states(workspace: Workspace, request: Request) -> Response:
    """Respond with the states of users in one group: ``{"status": {identifier: state}}``."""
    group = request.parameter("subscription_group_id") or ""
    if group not in workspace.groups:
        return json_response(400, {"message": "subscription_group_id is not valid"})
    status = {}
    for kind, value in _named(request):
        found = workspace.all_with(kind, value)
        state = found[0].groups.get(group, "unknown") if found else "unknown"
        status[value.upper() if request.reformat else value] = state.capitalize()
    return json_response(200, {"status": status, "message": "success"})


def get_groups(workspace: Workspace, request: Request) -> Response:
    """Respond with the groups of users: ``{"users": [{"external_id", "email", "phone", "subscription_groups"}]}``."""
    users = [user for kind, value in _named(request) for user in workspace.all_with(kind, value)]
    shown = [
        {
            **{kind: user.identity.get(kind) for kind in ("email", "phone", "external_id")},
            "subscription_groups": [
                {
                    "id": group,
                    "name": workspace.groups.get(group, group),
                    "channel": "email",
                    "status": state.capitalize(),
                }
                for group, state in user.groups.items()
            ],
        }
        for user in users
    ]
    return json_response(200, {"users": shown, "total_count": len(shown), "message": "success"})
