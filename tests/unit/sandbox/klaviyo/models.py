"""Checks recorded requests with the request models of Klaviyo's official client."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

import openapi_client

models: Any = openapi_client.models

#: The model of each call with a body, by method and path.
MODELS: Mapping[str, Any] = {
    r"POST /api/profile-import": models.ProfileUpsertQuery,
    r"POST /api/profile-bulk-import-jobs": models.ProfileImportJobCreateQuery,
    r"POST /api/lists": models.ListCreateQuery,
    r"POST /api/lists/[^/]+/relationships/profiles": models.ListMembersAddQuery,
    r"DELETE /api/lists/[^/]+/relationships/profiles": models.ListMembersDeleteQuery,
}
#: The query parameters that the client can send, by path of a GET.
PARAMETERS: Mapping[str, set[str]] = {
    r"/api/lists": {"fields[list]", "sort", "page[size]", "page[cursor]", "filter"},
    r"/api/lists/[^/]+": {"fields[list]", "additional-fields[list]"},
    r"/api/lists/[^/]+/profiles": {"fields[profile]", "page[size]", "page[cursor]", "filter"},
    r"/api/profiles": {"fields[profile]", "page[size]", "page[cursor]", "filter", "sort"},
    r"/api/profiles/[^/]+": {"fields[profile]", "additional-fields[profile]", "include"},
    r"/api/profile-bulk-import-jobs/[^/]+": {"fields[profile-bulk-import-job]", "include"},
    r"/api/profile-bulk-import-jobs/[^/]+/import-errors": {"page[size]", "page[cursor]"},
    r"/api/profile-bulk-import-jobs/[^/]+/(?:relationships/)?profiles": {
        "fields[profile]",
        "page[size]",
        "page[cursor]",
    },
}


def check_requests(requests: Iterable[Mapping[str, Any]]) -> int:
    """Parse each request's body with the client's model; nothing may be lost. Returns how many were checked."""
    checked = 0
    for request in requests:
        path, _, query = request["url"].partition("?")
        if request["method"] == "GET":
            allowed = _found(PARAMETERS, path)
            assert set(parse_qs(query)) <= allowed, request["url"]
        else:
            body = json.loads(request["body"])
            model = _found(MODELS, f"{request['method']} {path}").from_dict(body)
            assert _contains(model.to_dict(), body), body
        checked += 1
    return checked


def _found(table: Mapping[str, Any], text: str) -> Any:
    for pattern, value in table.items():
        if re.fullmatch(pattern, text):
            return value
    raise AssertionError(f"the client has no call {text}")


def _contains(parsed: Any, sent: Any) -> bool:
    """Check that what was sent is in what was parsed. The models add fields that were not sent, as None."""
    if isinstance(sent, dict):
        return isinstance(parsed, dict) and all(
            name in parsed and _contains(parsed[name], value) for name, value in sent.items()
        )
    if isinstance(sent, list):
        return len(parsed) == len(sent) and all(map(_contains, parsed, sent))
    return bool(parsed == sent)
