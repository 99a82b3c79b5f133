"""Bodies of the explanation of a profile."""

from __future__ import annotations

from typing import Annotated, Any

from app.contract.extensions.base import Output
from app.core.described import about


class ExplanationData(Output):
    """The explanation of a profile."""

    profile: Annotated[
        dict[str, Any],
        about(
            "What is known of the profile: `memberships` by audience, `wanted` keys, reasons in `leftOut`, "
            "`held` keys, why it is `notHeld`, `heldByOthers`, and the `history` of its changes, newest first.",
            {
                "profileId": "u-1001",
                "memberships": [
                    {
                        "audienceId": "aud_0vK3mR2HsD8pL4jT6uXaGb",
                        "snapshotId": "snp_0vK3mXw2FbQ9tG6nZ5cLsJ",
                        "asOf": "2026-01-31T12:00:00.000Z",
                        "member": True,
                        "row": None,
                        "history": [],
                        "historyStoppedAt": None,
                    }
                ],
                "wanted": [],
                "leftOut": ["no_consent"],
                "held": [],
                "notHeld": [
                    {
                        "code": "no_consent",
                        "message": "It has not given the consent that the activation requires.",
                    }
                ],
                "heldByOthers": [],
                "history": [],
                "historyStoppedAt": None,
            },
        ),
    ]
