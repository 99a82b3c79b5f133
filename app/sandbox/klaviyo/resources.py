"""Klaviyo's JSON:API resources: profiles, lists, import jobs and the account."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from app.sandbox.klaviyo.state import Job, List, Profile
from app.sandbox.server import Request

HOST = "https://a.klaviyo.com"
ACCOUNT_ID = "SANDBX"
_LOCATION = (
    "address1",
    "address2",
    "city",
    "country",
    "latitude",
    "longitude",
    "region",
    "zip",
    "timezone",
    "ip",
)
_FIELDS = (
    "email",
    "phone_number",
    "external_id",
    "first_name",
    "last_name",
    "organization",
    "locale",
    "title",
    "image",
)
_PREDICTIONS = (
    "historic_clv",
    "predicted_clv",
    "total_clv",
    "historic_number_of_orders",
    "predicted_number_of_orders",
    "average_days_between_orders",
    "average_order_value",
    "churn_probability",
    "expected_date_of_next_order",
    "ranked_channel_affinity",
)
_PATHS = {
    "profile": "profiles",
    "list": "lists",
    "profile-bulk-import-job": "profile-bulk-import-jobs",
    "account": "accounts",
}

Shape = Callable[[Any], dict[str, Any]]


def identifier(kind: str) -> Shape:
    """Return a function from an id to a JSON:API identifier: ``{"type", "id"}``."""
    return lambda one: {"type": kind, "id": one}


def lists_as(request: Request, *, counted: bool = False) -> Shape:
    """Return a function from a list to its resource, with the fields that are asked for."""
    fields = _fields(request, "list")

    def shaped(one: List) -> dict[str, Any]:
        attributes: dict[str, Any] = {
            "name": one.name,
            "created": one.created,
            "updated": one.updated,
            "opt_in_process": one.opt_in_process,
        }
        if counted:
            attributes["profile_count"] = len(one.members)
        return _resource("list", one.id, attributes, fields, ("profiles", "tags", "flow-triggers"))

    return shaped


def profiles_as(request: Request, joined: Mapping[str, str] | None = None) -> Shape:
    """Return a function from a profile to its resource, with the fields that are asked for.

    ``joined`` holds times of joining a list, by profile id.
    """
    fields = _fields(request, "profile")
    more = (request.parameter("additional-fields[profile]") or "").split(",")

    def shaped(one: Profile) -> dict[str, Any]:
        attributes = _profile_attributes(one, more, request)
        if joined is not None:
            attributes["joined_group_at"] = joined[one.id]
        names = ("lists", "segments", "push-tokens", "conversations")
        return _resource("profile", one.id, attributes, fields, names)

    return shaped


def _profile_attributes(profile: Profile, more: Sequence[str], request: Request) -> dict[str, Any]:
    known = profile.attributes
    attributes: dict[str, Any] = {name: known.get(name) for name in _FIELDS}
    if request.reformat and attributes["email"]:
        attributes["email"] = str(attributes["email"]).title()
    location = known.get("location") or {}
    attributes |= {
        "created": profile.created,
        "updated": profile.updated,
        "last_event_date": None,
        "location": {name: location.get(name) for name in _LOCATION},
        "properties": known.get("properties") or {},
    }
    if "subscriptions" in more:
        attributes["subscriptions"] = _subscriptions(profile)
    if "predictive_analytics" in more:
        attributes["predictive_analytics"] = dict.fromkeys(_PREDICTIONS)
    return attributes


def _subscriptions(profile: Profile) -> dict[str, Any]:
    email, sms = (profile.consents.get(name) or {} for name in ("email", "sms"))
    consent = email.get("consent", "NEVER_SUBSCRIBED")
    return {
        "email": {
            "marketing": {
                "can_receive_email_marketing": consent != "UNSUBSCRIBED",
                "consent": consent,
                "consent_timestamp": email.get("at"),
                "last_updated": email.get("at"),
                "method": None,
                "method_detail": None,
                "custom_method_detail": None,
                "double_optin": None,
                "suppression": [],
                "list_suppressions": [],
            }
        },
        "sms": {
            "marketing": {
                "can_receive_sms_marketing": sms.get("consent") == "SUBSCRIBED",
                "consent": sms.get("consent", "NEVER_SUBSCRIBED"),
                "consent_timestamp": sms.get("at"),
                "last_updated": sms.get("at"),
                "method": None,
                "method_detail": None,
            }
        },
        "mobile_push": None,
    }


def jobs_as(request: Request) -> Shape:
    """Return a function from an import job to its resource, with the fields that are asked for."""
    fields = _fields(request, "profile-bulk-import-job")

    def shaped(job: Job) -> dict[str, Any]:
        complete = job.status == "complete"
        attributes = {
            "status": job.status,
            "created_at": job.created,
            "total_count": len(job.profiles),
            "completed_count": len(job.profiles) - len(job.errors) if complete else 0,
            "failed_count": len(job.errors),
            "completed_at": job.completed,
            "expires_at": job.expires,
            "started_at": job.created if job.status != "queued" else None,
        }
        result = _resource(
            "profile-bulk-import-job", job.id, attributes, fields, ("lists", "profiles")
        )
        path = f"{HOST}/api/profile-bulk-import-jobs/{job.id}"
        result["relationships"]["lists"]["data"] = list(map(identifier("list"), job.lists))
        result["relationships"]["import-errors"] = {"links": {"related": f"{path}/import-errors"}}
        return result

    return shaped


def account_as(request: Request) -> dict[str, Any]:
    """Return the account as a resource: ``{"type", "id", "attributes", "links"}``."""
    attributes = {
        "test_account": True,
        "contact_information": {
            "default_sender_name": "Sandbox",
            "default_sender_email": "sandbox@example.com",
            "website_url": None,
            "organization_name": "Sandbox",
            "street_address": dict.fromkeys(
                ("address1", "address2", "city", "region", "country", "zip")
            ),
        },
        "industry": None,
        "timezone": "UTC",
        "preferred_currency": "USD",
        "public_api_key": ACCOUNT_ID,
        "locale": "en-US",
    }
    return _resource("account", ACCOUNT_ID, attributes, _fields(request, "account"), ())


def profile_link(profile_id: str) -> dict[str, Any]:
    """Return a profile as a resource without attributes: ``{"type", "id", "links"}``."""
    return {
        "type": "profile",
        "id": profile_id,
        "links": {"self": f"{HOST}/api/profiles/{profile_id}"},
    }


def _fields(request: Request, kind: str) -> list[str] | None:
    given = request.parameter(f"fields[{kind}]")
    return given.split(",") if given else None


def _resource(
    kind: str,
    identity: str,
    attributes: Mapping[str, Any],
    fields: Sequence[str] | None,
    relationships: Iterable[str],
) -> dict[str, Any]:
    path = f"{HOST}/api/{_PATHS[kind]}/{identity}"
    result = {
        "type": kind,
        "id": identity,
        "attributes": _chosen(attributes, fields) if fields else dict(attributes),
        "relationships": {
            name: {"links": {"self": f"{path}/relationships/{name}", "related": f"{path}/{name}"}}
            for name in relationships
        },
        "links": {"self": path},
    }
    if not result["relationships"]:
        del result["relationships"]
    return result


def _chosen(attributes: Mapping[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    """Return the attributes with the given names; ``location.city`` keeps its object."""
    result: dict[str, Any] = {}
    for name in fields:
        if name == "id":
            continue
        first, *rest = name.split(".")
        value = attributes.get(first)
        if not rest:
            result[first] = value
            continue
        at = result.setdefault(first, {})
        for part in rest[:-1]:
            value = (value or {}).get(part)
            at = at.setdefault(part, {})
        at[rest[-1]] = (value or {}).get(rest[-1])
    return result
