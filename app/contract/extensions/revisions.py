"""Bodies of operations on the revisions of an activation."""

from __future__ import annotations

from typing import Annotated, Any

from app.contract.extensions.base import Output, PaginationOutput
from app.contract.fields import CreatedAt, CreatedBy, RevisionId
from app.core.described import about


class RevisionOutput(Output):
    """An immutable configuration of an activation."""

    id: RevisionId
    number: Annotated[int, about("Number of the revision, from 1.", 3)]
    created_at: CreatedAt
    created_by: CreatedBy
    changed: Annotated[
        list[str], about("Parts that differ from the previous revision.", ["personalization"])
    ]
    config: Annotated[
        dict[str, Any],
        about(
            "Everything that decides what is sent: activation type, personalization, mapping, identifiers, "
            "delivery options of the revision.",
            {
                "activationType": "Audience Membership Changed",
                "personalization": {"profile": {"properties": ["plan"]}},
                "mode": "maintain",
                "split": None,
                "updates": False,
                "list": None,
                "consent": None,
                "idSync": [{"externalId": "email", "strategy": "last"}],
                "idSyncGiven": False,
                "connectionSettings": {},
            },
        ),
    ]


class RevisionsData(Output):
    """A page of revisions, newest first."""

    revisions: Annotated[list[RevisionOutput], about("The revisions of this page, newest first.")]
    delivered: Annotated[
        int | None,
        about("Number of the revision that the last complete sync sent. Null before the first.", 3),
    ]
    pagination: Annotated[
        PaginationOutput, about("The cursors of this page, the next and the previous one.")
    ]
