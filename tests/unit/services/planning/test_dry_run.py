from __future__ import annotations

import pytest

from app.connectors.base import Definition
from app.connectors.destinations.braze.definition import DEFINITION as BRAZE
from app.connectors.destinations.klaviyo.definition import DEFINITION as KLAVIYO
from app.connectors.destinations.talon_one.definition import DEFINITION as TALON_ONE
from app.services.planning.dry_run import minutes_needed


@pytest.mark.parametrize(
    ("definition", "place", "minutes"),
    [
        (KLAVIYO, "POST /api/profile-bulk-import-jobs", 3.0),
        (KLAVIYO, "DELETE /api/lists/AbCdEf/relationships/profiles", 3.0),
        (BRAZE, "POST /users/track", 0.01),
        (BRAZE, "POST /v2/subscription/status/set", 0.09),
        (TALON_ONE, "POST /v2/customer_audiences", 0.38),
    ],
)
def test_the_budgets_that_the_requests_draw_on_decide(
    definition: Definition, place: str, minutes: float
) -> None:
    method, path = place.split()
    request = {"method": method, "url": f"https://partner.example{path}"}
    assert minutes_needed(definition, 450, [request]) == minutes


def test_a_request_that_could_not_be_made_draws_on_none() -> None:
    assert minutes_needed(KLAVIYO, 450, [{"error": "no list"}]) == 0.0
