"""Errors of a partner become errors of the API, in the partner's words."""

from __future__ import annotations

import pytest

from app.connectors.errors import (
    AuthenticationRejected,
    ConfigurationRejected,
    Throttled,
    TransientFailure,
)
from app.core.errors import Conflict, Unavailable
from app.services.accounts.partner_errors import translate_partner_errors
from tests.unit.services.revision.definitions import create_definition


@pytest.mark.parametrize("error", [Throttled("slow down"), TransientFailure("slow down")])
def test_what_may_pass_is_unavailable(error: Exception) -> None:
    definition = create_definition()
    with (
        pytest.raises(Unavailable, match="Postcards: slow down") as caught,
        translate_partner_errors(definition),
    ):
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error", [AuthenticationRejected("bad key"), ConfigurationRejected("bad key")]
)
def test_what_needs_a_fix_is_a_conflict(error: Exception) -> None:
    definition = create_definition()
    with (
        pytest.raises(Conflict, match="Postcards: bad key"),
        translate_partner_errors(definition),
    ):
        raise error
