"""The emulated Talon.One deployment: keys, the rate limit, and the operations on audiences and profiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import orjson

from app.sandbox.server import Request, Response, json_response
from app.sandbox.tally import Tally
from app.sandbox.talon_one.responses import (
    audience_resource,
    error,
    integration_state,
    invalid,
    no_audience,
    page,
    profile_resource,
)
from app.sandbox.talon_one.state import Audience, Deployment
from app.sandbox.windows import Window, take

DEFAULT_KEY = "talon-sandbox-key"
DEFAULT_MANAGEMENT_KEY = "talon-sandbox-management-key"
CALL_ROWS = 1_000
ID_LENGTH = 1_000
_API_KEY = "ApiKey-v1 "
_MANAGEMENT_KEY = "ManagementKey-v1 "


class TalonOneEmulator:
    """One Talon.One deployment."""

    name = "talon_one"
    title = "Talon.One"
    lists_title = "Audiences"
    settings_hint = (
        f"api_key {DEFAULT_KEY}, management_key {DEFAULT_MANAGEMENT_KEY}, and this URL as base_url"
    )

    def __init__(self, *, limits: bool = True) -> None:
        self.limits = limits
        self.pointers = True  # whether an error names the rows that are not valid
        self.keys = {DEFAULT_KEY}
        self.management_keys = {DEFAULT_MANAGEMENT_KEY}
        self.refused: dict[str, str] = {}
        self.known_attributes: set[str] | None = None  # None: all
        self.reset()

    def reset(self) -> None:
        """Delete all audiences and profiles, and reset the counters."""
        self._deployment = Deployment()
        self._tally = Tally()
        self._window = Window(3, 1)

    @property
    def audiences(self) -> dict[int, Audience]:
        """The audiences by number."""
        return self._deployment.audiences

    @property
    def profiles(self) -> dict[str, dict[str, Any]]:
        """The attributes of profiles by integration id."""
        return self._deployment.profiles

    @property
    def violations(self) -> list[str]:
        """The first requests that broke Talon.One's documents, in words."""
        return self._tally.violations

    def new_audience(
        self, name: str, integration_id: str, audience_id: int | None = None
    ) -> Audience:
        """Create an audience. Without ``audience_id``, it gets the next number."""
        return self._deployment.new_audience(name, integration_id, audience_id)

    def handle(self, request: Request) -> Response:
        """Respond to one request."""
        self._tally.counts["calls"] += 1
        path = [unquote(part) for part in request.raw_path.split("/") if part]
        refused = self._refused(request, managed=path[:2] == ["v1", "audiences"])
        if refused is not None:
            return refused
        handler = self._handler(request.method, path)
        if handler is None:
            self._tally.add_violation(f"no such operation: {request.method} {request.path}")
            return error(404, "no such operation")
        try:
            body = orjson.loads(request.body) if request.body else {}
        except orjson.JSONDecodeError:
            return error(400, "the body is not JSON", [("invalid JSON", {"pointer": "/"})])
        return handler(request, body)

    def _handler(self, method: str, path: list[str]) -> Callable[[Request, Any], Response] | None:
        match (method, *path):
            case ("GET", "v2", "authping"):
                return lambda request, body: Response(204)
            case ("POST", "v2", "audiences"):
                return self._create
            case ("PUT", "v2", "audiences", number) if number.isdecimal():
                return lambda request, body: self._rename(int(number), body)
            case ("DELETE", "v2", "audiences", number) if number.isdecimal():
                return lambda request, body: self._delete(int(number))
            case ("DELETE", "v2", "audiences", number, "memberships") if number.isdecimal():
                return lambda request, body: self._clear(int(number))
            case ("PUT", "v2", "audience_customers", number, "attributes") if number.isdecimal():
                return lambda request, body: self._update_members(int(number), request, body)
            case ("POST", "v2", "customer_audiences"):
                return self._change_members
            case ("PUT", "v2", "customer_profiles"):
                return self._update_profiles
            case ("PUT", "v2", "customer_profiles", profile_id):
                return lambda request, body: self._update_profile(profile_id, request, body)
            case _:
                return self._reading_handler(method, path)

    def _reading_handler(
        self, method: str, path: list[str]
    ) -> Callable[[Request, Any], Response] | None:
        match (method, *path):
            case ("GET", "v1", "audiences"):
                return self._list
            case ("GET", "v1", "audiences", "analytics"):
                return self._count
            case ("GET", "v1", "customer_profiles", profile_id, "inventory"):
                return lambda request, body: self._inventory(profile_id)
            case ("GET", "v1", "audiences", number, "memberships", "export") if number.isdecimal():
                return lambda request, body: self._export(int(number))
            case ("GET", "v1", "audiences", number, "memberships") if number.isdecimal():
                return lambda request, body: self._list_members(int(number), request)
            case _:
                return None

    def _refused(self, request: Request, *, managed: bool) -> Response | None:
        given = request.headers.get("authorization", "")
        if not managed:
            known = given.startswith(_API_KEY) and given.removeprefix(_API_KEY) in self.keys
            return None if known else error(401, "invalid API key")
        key = given.removeprefix(_MANAGEMENT_KEY)
        if key not in self.management_keys or not given.startswith(_MANAGEMENT_KEY):
            return error(401, "invalid management key")
        if self.limits and take([self._window]) is not None:
            self._tally.counts["throttled"] += 1
            response = error(429, "too many requests")
            response.headers["retry-after"] = "1"
            return response
        return None

    # Audiences

    def _create(self, request: Request, body: Any) -> Response:
        name, reference = body.get("name"), body.get("integrationId")
        if not name or not isinstance(name, str):
            return invalid("name is required", "/name")
        if reference is not None and not 0 < len(reference) <= ID_LENGTH:
            return invalid("integrationId is too long", "/integrationId")
        if reference and any(one.integration_id == reference for one in self.audiences.values()):
            return error(409, "an audience with this integrationId exists")
        made = self.new_audience(name, reference or "")
        made.integration = str(body.get("integration") or "")
        return json_response(201, audience_resource(made))

    def _rename(self, number: int, body: Any) -> Response:
        found = self.audiences.get(number)
        if found is None:
            return no_audience()
        found.name = body.get("name") or found.name
        return json_response(200, audience_resource(found))

    def _delete(self, number: int) -> Response:
        return Response(204) if self.audiences.pop(number, None) else no_audience()

    def _list(self, request: Request, body: Any) -> Response:
        return page(request, list(self.audiences.values()), audience_resource, totals=True)

    def _list_members(self, number: int, request: Request) -> Response:
        found = self.audiences.get(number)
        if found is None:
            return no_audience()

        def member(profile_id: str) -> dict[str, Any]:
            shown = profile_resource(self._deployment, profile_id)
            if request.reformat and _is_number(profile_id):
                shown["integrationId"] = int(profile_id)
            return shown

        return page(request, list(found.members), member)

    def _count(self, request: Request, body: Any) -> Response:
        numbers = [one for one in (request.parameter("audienceIds") or "").split(",") if one]
        found = [self.audiences[int(one)] for one in numbers if int(one) in self.audiences]
        return page(
            request, found, lambda one: {"audienceId": one.id, "membersCount": len(one.members)}
        )

    def _export(self, number: int) -> Response:
        found = self.audiences.get(number)
        if found is None:
            return no_audience()
        rows = "\n".join(("profileintegrationid", *found.members)) + "\n"
        return Response(200, rows.encode(), {"content-type": "application/csv"})

    def _clear(self, number: int) -> Response:
        found = self.audiences.get(number)
        if found is None:
            return no_audience()
        found.members.clear()
        return Response(204)

    # Members

    def _change_members(self, request: Request, body: Any) -> Response:
        data = body.get("data")
        if not isinstance(data, list) or not data:
            return invalid("data is required", "/data")
        if len(data) > CALL_ROWS:
            self._tally.add_violation(f"{len(data)} actions in one call")
            return invalid("at most 1000 actions", "/data")
        faults = [
            (detail, {"pointer": f"/data/{number}/{field}"})
            for number, row in enumerate(data)
            for field, detail in self._faults(row)
        ]
        if faults:
            named = faults if self.pointers else [("some rows are not valid", {"resource": "data"})]
            return error(400, "validation failed", named)
        if any(row["audienceId"] not in self.audiences for row in data):
            return no_audience()
        for row in () if request.ignore else data:
            self._deployment.apply(row["action"], row["audienceId"], row["profileIntegrationId"])
        self._tally.counts["actions"] += len(data)
        return Response(204)

    def _faults(self, row: Any) -> list[tuple[str, str]]:
        if not isinstance(row, dict):
            return [("", "must be an object")]
        faults = []
        if set(row) != {"action", "profileIntegrationId", "audienceId"}:
            self._tally.add_violation(f"keys of an action: {sorted(row)}")
            faults.append(("", "unknown or missing keys"))
        if row.get("action") not in ("add", "delete"):
            self._tally.add_violation(f"action {row.get('action')}")
            faults.append(("action", "must be add or delete"))
        profile_id = row.get("profileIntegrationId")
        if not isinstance(profile_id, str) or not 0 < len(profile_id) <= ID_LENGTH:
            faults.append(("profileIntegrationId", "must have 1 to 1000 characters"))
        elif profile_id in self.refused:
            faults.append(("profileIntegrationId", self.refused[profile_id]))
        if not isinstance(row.get("audienceId"), int):
            faults.append(("audienceId", "must be an integer"))
        return faults

    # Profiles

    def _update_profile(self, profile_id: str, request: Request, body: Any) -> Response:
        changes = body.get("audiencesChanges") or {}
        if body.get("audiencesChanges") is not None and not {"adds", "deletes"} <= set(changes):
            self._tally.add_violation("audiencesChanges needs adds and deletes")
            return invalid("adds and deletes are required", "/audiencesChanges")
        attributes = body.get("attributes") or {}
        refused = self._unknown_attribute(request, attributes)
        if refused is not None:
            return refused
        if profile_id in self.refused:
            return invalid(self.refused[profile_id], "/integrationId")
        named = (*changes.get("adds", ()), *changes.get("deletes", ()))
        if any(one not in self.audiences for one in named):
            return no_audience()
        if not request.ignore:
            self._deployment.write(profile_id, attributes)
            for action, name in (("add", "adds"), ("delete", "deletes")):
                for one in changes.get(name, ()):
                    self._deployment.apply(action, one, profile_id)
        return json_response(200, integration_state(self._deployment, profile_id))

    def _update_profiles(self, request: Request, body: Any) -> Response:
        rows = body.get("customerProfiles")
        if not isinstance(rows, list) or not 0 < len(rows) <= CALL_ROWS:
            return invalid("between 1 and 1000 profiles are taken", "/customerProfiles")
        for number, row in enumerate(rows):
            if not isinstance(row.get("integrationId"), str) or not row["integrationId"]:
                return invalid("integrationId is required", f"/customerProfiles/{number}")
            refused = self._unknown_attribute(request, row.get("attributes") or {})
            if refused is not None:
                return refused
        for row in () if request.ignore else rows:
            self._deployment.write(row["integrationId"], row.get("attributes") or {})
        if request.parameter("silent") != "no":
            return Response(204)
        states = [integration_state(self._deployment, row["integrationId"]) for row in rows]
        return json_response(200, {"integrationStates": states})

    def _update_members(self, number: int, request: Request, body: Any) -> Response:
        found = self.audiences.get(number)
        if found is None:
            return no_audience()
        attributes = body.get("attributes") or {}
        refused = self._unknown_attribute(request, attributes)
        if refused is not None:
            return refused
        for one in () if request.ignore else found.members:
            self._deployment.write(one, attributes)
        return Response(204)

    def _inventory(self, profile_id: str) -> Response:
        if profile_id not in self.profiles:
            return error(404, "profile not found")
        return json_response(200, {"profile": profile_resource(self._deployment, profile_id)})

    def _unknown_attribute(
        self, request: Request, attributes: Mapping[str, Any]
    ) -> Response | None:
        unknown = set(attributes) - (self.known_attributes or set(attributes))
        if not unknown or request.parameter("skipNonExistingAttributes") == "true":
            return None
        name = sorted(unknown)[0]
        return invalid(f"attribute {name} does not exist", f"/attributes/{name}")

    # Operations of the control API

    def lists(self) -> list[dict[str, Any]]:
        """Return ``[{"id", "name", "integrationId", "members"}]`` for the audiences; ``members`` is a number."""
        return self._deployment.lists()

    def members(self, list_id: str) -> list[dict[str, Any]] | None:
        """Return ``[{"id"}]`` for an audience's members, by the audience's number or integration id, or None."""
        return self._deployment.members(list_id)

    def stats(self) -> dict[str, Any]:
        """Return ``{counter: number, "violationsSeen": [violation]}``."""
        return self._tally.stats("calls", "violations", "throttled")

    def control(self, method: str, path: list[str], request: Request) -> Response | None:
        """Change the deployment.

        ``keys`` {key}, ``revocations`` {key}, ``lists`` {name, integrationId, id}, ``rejections`` {ids, reason},
        ``settings`` {limits, pointers}. Returns None for another operation.
        """
        if method not in ("POST", "PUT"):
            return None
        given = request.json()
        match path:
            case ["keys"]:
                self.keys.add(given["key"])
            case ["revocations"]:
                self.keys.discard(given["key"])
                self.management_keys.discard(given["key"])
            case ["lists"]:
                created = self.new_audience(
                    given["name"], given.get("integrationId", ""), given.get("id")
                )
                return json_response(201, audience_resource(created))
            case ["rejections"]:
                self.refused = dict.fromkeys(given["ids"], given.get("reason", "not wanted here"))
            case ["settings"]:
                self.limits = bool(given.get("limits", self.limits))
                self.pointers = bool(given.get("pointers", self.pointers))
            case _:
                return None
        return json_response(200, {"ok": True})


def _is_number(text: str) -> bool:
    return text.isdecimal() and str(int(text)) == text
