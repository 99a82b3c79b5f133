"""Klaviyo's operations on bulk imports of profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.sandbox.klaviyo.responses import (
    data,
    error,
    errors,
    job_resource,
    no_job,
    page,
    profile_resource,
)
from app.sandbox.klaviyo.state import Account, faults_of
from app.sandbox.server import Request, Response

IMPORT_ROWS = 10_000
IMPORT_BYTES = 5_000_000
_PROFILES = "/data/attributes/profiles/data"


def start_import(account: Account, request: Request, body: Any) -> Response:
    """Accept an import, if all its profiles and lists are valid."""
    if len(request.body) > IMPORT_BYTES:
        return error(413, "payload_too_large", "The request is larger than 5 MB")
    given = body["data"]
    profiles = given["attributes"]["profiles"]["data"]
    if not 0 < len(profiles) <= IMPORT_ROWS:
        return error(400, "invalid", "Between 1 and 10000 profiles are taken", _PROFILES)
    lists = given.get("relationships", {}).get("lists", {}).get("data", [])
    refused = _unknown_list(account, lists) or _invalid_profiles(profiles)
    if refused is not None:
        return refused
    attributes = [entry["attributes"] for entry in profiles]
    job = account.start_job(attributes, [one["id"] for one in lists], ignored=request.ignore)
    account.counts["imported_rows"] += len(attributes)
    return data(202, job_resource(job))


def _unknown_list(account: Account, lists: Sequence[Mapping[str, Any]]) -> Response | None:
    for number, entry in enumerate(lists):
        if entry["id"] not in account.lists:
            pointer = f"/data/relationships/lists/data/{number}/id"
            return error(404, "not_found", f"A list with id {entry['id']} does not exist.", pointer)
    return None


def _invalid_profiles(profiles: Sequence[Mapping[str, Any]]) -> Response | None:
    faults = [
        (code, detail, f"{_PROFILES}/{number}/attributes{field}")
        for number, entry in enumerate(profiles)
        for field, code, detail in faults_of(entry["attributes"])
    ]
    return errors(400, faults) if faults else None


def get_job(account: Account, request: Request, body: Any, job_id: str) -> Response:
    """Respond with the state of an import."""
    job = account.jobs.get(job_id)
    return data(200, job_resource(job)) if job else no_job(job_id)


def get_job_errors(account: Account, request: Request, body: Any, id: str) -> Response:
    """Respond with the profiles that an import refused."""
    job = account.jobs.get(id)
    return page(request, job.errors, 20) if job else no_job(id)


def get_job_profiles(account: Account, request: Request, body: Any, id: str) -> Response:
    """Respond with the profiles that an import wrote."""
    job = account.jobs.get(id)
    if job is None:
        return no_job(id)
    people = [account.profiles[one] for one in job.imported]
    return page(request, [profile_resource(request, one) for one in people], 20)


def get_job_profile_ids(account: Account, request: Request, body: Any, id: str) -> Response:
    """Respond with the ids of the profiles that an import wrote."""
    job = account.jobs.get(id)
    if job is None:
        return no_job(id)
    return page(request, [{"type": "profile", "id": one} for one in job.imported], 20)
