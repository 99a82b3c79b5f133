"""Talon.One's response bodies: audiences, profiles, pages and errors.

The fields are those that the models of the official clients require: https://github.com/talon-one/talon-one-python-sdk
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from app.sandbox.server import Request, Response, json_response
from app.sandbox.talon_one.state import Audience, Deployment

#: What is wrong, and the ``source`` that names the row or the field.
Fault = tuple[str, dict[str, str]]

MOST_ENTRIES = 1_000  # on one page
ACCOUNT_ID = 1


def audience_resource(audience: Audience) -> dict[str, Any]:
    """Return an audience: ``{"accountId", "id", "created", "name", "integrationId", …}``."""
    return {
        "accountId": ACCOUNT_ID,
        "id": audience.id,
        "created": audience.created,
        "name": audience.name,
        "sandbox": False,
        "description": "",
        "integration": audience.integration,
        "integrationId": audience.integration_id,
        "createdIn3rdParty": bool(audience.integration_id),
        "lastUpdate": audience.last_update or audience.created,
    }


def profile_resource(deployment: Deployment, profile_id: str) -> dict[str, Any]:
    """Return a customer profile: ``{"id", "created", "integrationId", "attributes", "audienceMemberships", …}``."""
    origin = deployment.origin(profile_id)
    return {
        "id": origin.id,
        "created": origin.created,
        "integrationId": profile_id,
        "attributes": deployment.profiles.get(profile_id, {}),
        "accountId": ACCOUNT_ID,
        "closedSessions": 0,
        "totalSales": 0,
        "loyaltyMemberships": None,
        "audienceMemberships": [
            {"id": one.id, "name": one.name} for one in deployment.audiences_of(profile_id)
        ],
        "lastActivity": origin.created,
        "sandbox": False,
    }


def integration_state(deployment: Deployment, profile_id: str) -> dict[str, Any]:
    """Return the response to an update of a profile: ``{"customerProfile", "effects", "createdCoupons", …}``."""
    return {
        "customerProfile": profile_resource(deployment, profile_id),
        "effects": [],
        "createdCoupons": [],
        "createdReferrals": [],
    }


def page(
    request: Request, entries: Sequence[Any], shape: Callable[[Any], Any], *, totals: bool = False
) -> Response:
    """Respond with the page of entries that the request asks for.

    With ``totals``, the response is as the documents describe it: either ``hasMore`` or ``totalResultSize`` has a
    meaning, and the parameter ``withTotalResultSize`` decides which.
    """
    size = min(int(request.parameter("pageSize") or MOST_ENTRIES), MOST_ENTRIES)
    skip = int(request.parameter("skip") or 0)
    more = skip + size < len(entries)
    content: dict[str, Any] = {"hasMore": more}
    if totals:
        flagged = request.parameter("withTotalResultSize") == "true"
        content = {
            "hasMore": more and flagged,
            "totalResultSize": 0 if flagged else len(entries),
        }
    content["data"] = [shape(one) for one in entries[skip : skip + size]]
    return json_response(200, content)


def error(status: int, message: str, faults: Sequence[Fault] = ()) -> Response:
    """Respond with an error and its faults."""
    errors = [{"title": detail, "details": detail, "source": source} for detail, source in faults]
    return json_response(status, {"message": message, "errors": errors, "StatusCode": status})


def invalid(detail: str, pointer: str) -> Response:
    """Respond that one value is not valid."""
    return error(400, "validation failed", [(detail, {"pointer": pointer})])


def no_audience() -> Response:
    """Respond that an audience does not exist."""
    return error(404, "audience not found")
