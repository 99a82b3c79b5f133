"""Braze's operations on users apart from ``users/track``: export, delete, aliases and merging."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.sandbox.braze.state import User, Workspace, alias_text
from app.sandbox.server import Response, json_response

ROWS = 50
_PROFILE = (
    "first_name",
    "last_name",
    "country",
    "home_city",
    "gender",
    "image_url",
    "dob",
    "language",
    "time_zone",
    "email_subscribe",
    "push_subscribe",
)
_SINGLE = {"braze_id": "braze_id", "email_address": "email", "phone": "phone"}


def export_users(workspace: Workspace, body: Any) -> Response:
    """Respond with users by identifier: ``{"users": [user], "invalid_user_ids": [external id]}``."""
    external_ids = body.get("external_ids") or []
    if len(external_ids) > ROWS:
        return json_response(400, {"message": f"at most {ROWS} external_ids"})
    found = {user.id: user for user in _named(workspace, body)}
    unknown = [one for one in external_ids if not workspace.all_with("external_id", one)]
    fields = body.get("fields_to_export")
    content: dict[str, Any] = {
        "message": "success",
        "users": [_shown(user, fields) for user in found.values()],
    }
    return json_response(201, {**content, **({"invalid_user_ids": unknown} if unknown else {})})


def _shown(user: User, fields: Iterable[str] | None) -> dict[str, Any]:
    """Return ``{field: value}`` of a user, with the fields that are asked for and present."""
    known = {name: user.attributes[name] for name in _PROFILE if name in user.attributes}
    aliases = []
    if "user_alias" in user.identity:
        label, _, name = user.identity["user_alias"].partition(":")
        aliases = [{"alias_name": name, "alias_label": label}]
    identity: dict[str, Any] = {
        kind: user.identity[kind]
        for kind in ("external_id", "email", "phone")
        if kind in user.identity
    }
    shown: dict[str, Any] = {
        "created_at": user.created,
        "braze_id": user.id,
        "user_aliases": aliases,
        **identity,
        **known,
        "custom_attributes": {
            name: value for name, value in user.attributes.items() if name not in _PROFILE
        },
        "custom_events": [
            {"name": one["name"], "first": one["time"], "last": one["time"], "count": 1}
            for one in user.events
        ],
        "purchases": [
            {"name": one["product_id"], "first": one["time"], "last": one["time"], "count": 1}
            for one in user.purchases
        ],
    }
    return shown if fields is None else {name: shown[name] for name in fields if name in shown}


def delete_users(workspace: Workspace, body: Any) -> Response:
    """Delete users by external id, alias or Braze id: ``{"deleted": number}``."""
    found = {user.id: user for user in _named(workspace, body)}
    for user in found.values():
        workspace.delete(user)
    return json_response(201, {"deleted": len(found), "message": "success"})


def _named(workspace: Workspace, body: Mapping[str, Any]) -> Iterator[User]:
    for one in body.get("external_ids") or ():
        yield from workspace.all_with("external_id", one)
    for one in body.get("user_aliases") or ():
        yield from workspace.all_with("user_alias", alias_text(one))
    for one in body.get("braze_ids") or ():
        yield from workspace.all_with("braze_id", one)
    for name, kind in _SINGLE.items():
        if body.get(name):
            yield from workspace.all_with(kind, body[name])


def new_aliases(workspace: Workspace, body: Any) -> Response:
    """Give users an alias: ``{"aliases_processed": number}``. An alias without an external id makes a user."""
    rows = body.get("user_aliases") or []
    for row in rows:
        if row.get("external_id"):
            user = workspace.find({"external_id": row["external_id"]}, create=False)
        else:
            user = workspace.find({"user_alias": row}, create=True)
        if user is not None:
            workspace.name(user, "user_alias", alias_text(row))
    return json_response(201, {"aliases_processed": len(rows), "message": "success"})


def identify(workspace: Workspace, body: Any) -> Response:
    """Merge users that have only an alias into users with an external id: ``{"aliases_processed": number}``."""
    rows = body.get("aliases_to_identify") or []
    if len(rows) > ROWS:
        return json_response(400, {"message": f"at most {ROWS} aliases"})
    for row in rows:
        found = workspace.all_with("user_alias", alias_text(row["user_alias"]))
        known = workspace.find({"external_id": row["external_id"]}, create=False)
        if found and known is None:
            workspace.name(found[0], "external_id", row["external_id"])
        elif found and known is not None and found[0] is not known:
            workspace.merge(known, found[0])
            workspace.name(known, "user_alias", alias_text(row["user_alias"]))
    return json_response(201, {"aliases_processed": len(rows), "message": "success"})


def merge_users(workspace: Workspace, body: Any) -> Response:
    """Merge users: ``{"merge_updates": [{"identifier_to_merge", "identifier_to_keep"}]}``. Unknown users are skipped."""
    rows = body.get("merge_updates") or []
    if not 0 < len(rows) <= ROWS:
        return json_response(400, {"message": f"between 1 and {ROWS} merge_updates are taken"})
    for row in rows:
        gone = workspace.find(row.get("identifier_to_merge") or {}, create=False)
        kept = workspace.find(row.get("identifier_to_keep") or {}, create=False)
        if gone is not None and kept is not None and gone is not kept:
            workspace.merge(kept, gone)
    return json_response(202, {"message": "success"})
