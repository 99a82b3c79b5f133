"""The country of phone numbers without one, as a connection setting."""

from __future__ import annotations

import pytest

from app.connectors import registry
from app.connectors.phone_country import phone_country_of
from app.core.errors import Invalid
from app.services.revision import check_connection_settings


@pytest.mark.parametrize("slug", ["klaviyo", "braze"])
def test_a_connection_may_name_a_country(slug: str) -> None:
    connector = registry.get(slug)
    check_connection_settings(connector, {"phone_country": " de"})
    names = [field.name for field in connector.definition.connection_settings]
    assert "phone_country" in names


@pytest.mark.parametrize("country", ["Germany", "XX", "49", "", 7])
def test_any_other_text_is_refused(country: object) -> None:
    with pytest.raises(Invalid) as caught:
        check_connection_settings(registry.get("klaviyo"), {"phone_country": country})
    assert caught.value.problems[0].field == "connectionSettings.phone_country"


def test_the_plan_gets_capital_letters() -> None:
    assert phone_country_of({"phone_country": " de"}) == "DE"
    assert phone_country_of({"phone_country": None}) is None
    assert phone_country_of({}) is None
