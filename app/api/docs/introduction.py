"""The texts of the OpenAPI documents: what every client needs to know, and what the groups of operations are about."""

from __future__ import annotations

from collections.abc import Mapping

from app.api.docs.samples import Document

_ABOUT = {
    "segment": "The operations of Segment's Public API that this service implements.",
    "everything": "The operations of Segment's Public API, and the operations that this service adds.",
}

_RULES = """
## Authorization

Each request has the header `Authorization: Bearer <token>`. A token belongs to one workspace, and has one or more of the scopes
`read`, `write` and `operator`. GET needs `read`, all other methods need `write`; the operations on the installation need `operator`.
Without a valid token the status is 401, without the scope 403. Resources of other workspaces do not exist for a token: 404.

```sh
curl -H "Authorization: Bearer $TOKEN" http://localhost:8000/spaces
```

## Responses

Success is always 200, with `{"data": {…}}`. Every other status has `{"errors": [{"type", "message", "field"}]}`, with one entry for
each fault. Ids are opaque texts of 1 to 255 characters. Times are RFC 3339 in UTC, with milliseconds: `2026-01-31T12:00:00.000Z`.

## Paging

Lists return pages. `pagination[count]` is the number of entries, 1 to 1000 (of audiences 200), by default 200.
`data.pagination.next` is the cursor of the next page; send it as `pagination[cursor]`. It is null or absent on the last page. Cursors
stay valid while entries are added and removed.

```sh
curl -g -H "Authorization: Bearer $TOKEN" "http://localhost:8000/spaces?pagination[count]=50&pagination[cursor]=$NEXT"
```

`pagination.count=50`, and `pagination` with the JSON `{"count": 50}`, mean the same.

## Limits

Each token may call each operation a number of times in a minute: 1000, or what Segment publishes for the operation (for example 50
for creating an activation, 5 for previews). `X-RateLimit-Remaining` is the number of calls that are left. Status 429 has the header
`Retry-After`, in whole seconds: wait that long. Bodies of JSON have 1 MiB at most. Uploads are streamed, and have limits of their
own.

## Repeats

GET, PUT, PATCH and DELETE can be repeated. A POST can be repeated if it has the header `Idempotency-Key`: 1 to 255 characters, a
new key for each action. For 24 hours a repeat returns the first response again, with the header `Idempotent-Replayed: true`, and does
nothing else. Another body under the same key is refused with 422. 409 says that the first request is still running, or was cut off
and may have taken effect. A request that was refused changed nothing, and its key is free again. Repeat after a lost connection, and
after 429 and 503, which have the header `Retry-After`.

```sh
curl -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: 7b1e5d0c" -H "Content-Type: application/json" \\
  -d '{"name": "Buyers", "definition": {"query": ""}, "audienceType": "USERS"}' http://localhost:8000/spaces/$SPACE/audiences
```

## Versions

`Accept: application/json` returns the newest form. `Accept: application/vnd.segment.v1alpha+json` asks for a version, as Segment's
SDKs do. Unknown keys of a body are ignored by Segment's operations, and refused with 422 by the operations that this service adds.
"""

_TAGS: Mapping[str, str] = {
    "Activations": "What is sent of an audience over a connection to a destination, and in which form.",
    "Audiences": "Named sets of profiles, accounts or entities: definitions, previews, schedules and forced runs.",
    "Audit trail": "Who created, changed or removed which resource, and when.",
    "Datasets": "Tables of a space that SQL definitions read: uploaded files, and databases.",
    "Delivery options": "When and how an activation sends: frequency, brake, notices, splits, lists and consent.",
    "Destinations": "Accounts at partners: their settings, checks of their credentials, and the lists that they have.",
    "Erasures": "Removal of a person from everything that a space holds, and keys that are refused from then on.",
    "Holdings": "What a destination holds because of an activation, and the comparison with the partner's list.",
    "Members": "Members of audiences: uploads, single changes, pages, and one profile.",
    "Notices": "Mails and webhooks that tell users what happened to an activation.",
    "Operations": "The installation: workers, queue, limits. These operations need the scope `operator`.",
    "Runs": "Computations of audiences, each of which writes a snapshot.",
    "Snapshots": "Who was in an audience in one run. A rollback makes an older snapshot current again.",
    "Spaces": "Parts of a workspace with their own audiences, destinations and datasets.",
    "Tokens": "Tokens of a workspace. These operations need the scope `operator`.",
    "Syncs": "Reconciliations of an activation with its destination: progress, approvals, rejections, test sends.",
}


def introduction(view: str) -> str:
    """Return the description of a document, in Markdown."""
    return _ABOUT[view] + "\n" + _RULES


def tags_of(found: Document) -> list[Document]:
    """Return the tags that a document's operations have, each as ``{"name": …, "description": …}``.

    Raises KeyError for a tag without a description.
    """
    used = {
        tag
        for item in found["paths"].values()
        for operation in item.values()
        for tag in operation.get("tags") or ()
    }
    return [{"name": tag, "description": _TAGS[tag]} for tag in sorted(used)]
