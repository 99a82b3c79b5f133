"""Klaviyo's operations on bulk imports of profiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from app.sandbox.klaviyo.filters import JOB_FILTERS, conditions, matching
from app.sandbox.klaviyo.profiles import PROFILE_BYTES, ordered
from app.sandbox.klaviyo.resources import identifier, jobs_as, lists_as, profiles_as
from app.sandbox.klaviyo.responses import data, error, errors, no_such, page
from app.sandbox.klaviyo.state import Account, Job
from app.sandbox.klaviyo.values import faults_of
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
    refused = _unknown_list(account, lists) or _invalid_profiles(account, profiles)
    if refused is not None:
        return refused
    attributes = [entry["attributes"] for entry in profiles]
    job = account.start_job(attributes, [one["id"] for one in lists], ignored=request.ignore)
    account.counts["imported_rows"] += len(attributes)
    return data(202, jobs_as(request)(job))


def _unknown_list(account: Account, lists: Sequence[Mapping[str, Any]]) -> Response | None:
    for number, entry in enumerate(lists):
        if entry["id"] not in account.lists:
            pointer = f"/data/relationships/lists/data/{number}/id"
            return error(404, "not_found", f"A list with id {entry['id']} does not exist.", pointer)
    return None


def _invalid_profiles(account: Account, profiles: Sequence[Mapping[str, Any]]) -> Response | None:
    faults = [
        (code, detail, f"{_PROFILES}/{number}/attributes{field}")
        for number, entry in enumerate(profiles)
        for field, code, detail in _faults(entry)
    ]
    if not faults:
        return None
    if not account.pointers:
        code, detail, _ = faults[0]
        faults = [(code, detail, _PROFILES)]
    return errors(400, faults)


def _faults(entry: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    found = list(faults_of(entry["attributes"]))
    if len(orjson.dumps(entry)) > PROFILE_BYTES:
        found.append(("", "invalid", "A profile has at most 100 KB"))
    return found


def _of_job(account: Account, job_id: str, respond: Callable[[Job], Response]) -> Response:
    job = account.jobs.get(job_id)
    return respond(job) if job else no_such("job", job_id)


def get_job(account: Account, request: Request, body: Any, job_id: str) -> Response:
    """Respond with the state of an import."""
    included = request.parameter("include") is not None

    def respond(job: Job) -> Response:
        lists = [account.lists[one] for one in job.lists if one in account.lists]
        shown = list(map(lists_as(request), lists))
        return data(200, jobs_as(request)(job), shown if included else None)

    return _of_job(account, job_id, respond)


def get_jobs(account: Account, request: Request, body: Any) -> Response:
    """Respond with the imports that match the filter."""
    wanted = conditions(request.parameter("filter"), JOB_FILTERS)
    found = matching(account.jobs.values(), wanted, _value)
    return page(request, ordered(request, found, _value), 20, jobs_as(request))


def _value(job: Job, name: str) -> Any:
    return job.created if name == "created_at" else getattr(job, name)


def get_job_errors(account: Account, request: Request, body: Any, id: str) -> Response:
    """Respond with the profiles that an import refused."""
    return _of_job(account, id, lambda job: page(request, job.errors, 20))


def get_job_profiles(account: Account, request: Request, body: Any, id: str) -> Response:
    """Respond with the profiles that an import wrote."""

    def respond(job: Job) -> Response:
        people = [account.profiles[one] for one in _written(account, job)]
        return page(request, people, 20, profiles_as(request))

    return _of_job(account, id, respond)


def get_job_profile_ids(account: Account, request: Request, body: Any, id: str) -> Response:
    """Respond with the ids of the profiles that an import wrote."""
    shape = identifier("profile")
    return _of_job(account, id, lambda job: page(request, _written(account, job), 20, shape))


def _written(account: Account, job: Job) -> list[str]:
    """Return each profile once, although several rows of the import may name it."""
    return [one for one in dict.fromkeys(job.imported) if one in account.profiles]


def get_job_lists(account: Account, request: Request, body: Any, id: str) -> Response:
    """Respond with the lists to which an import adds profiles."""

    def respond(job: Job) -> Response:
        lists = [account.lists[one] for one in job.lists if one in account.lists]
        return page(request, lists, 1_000, lists_as(request))

    return _of_job(account, id, respond)


def get_job_list_ids(account: Account, request: Request, body: Any, id: str) -> Response:
    """Respond with the ids of the lists to which an import adds profiles."""
    shape = identifier("list")
    return _of_job(account, id, lambda job: page(request, job.lists, 1_000, shape))
