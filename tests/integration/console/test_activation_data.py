"""The tab with what is sent of each member: properties, identifiers and fields, and how they are saved."""

from __future__ import annotations

from typing import Any

import pytest

from app.services.activations.connections import find_connection
from app.storage.models import ActivationRevision
from tests.integration.console.conftest import Browser, form_of


async def _config(browser: Browser, activation: str) -> dict[str, Any]:
    row = await browser.flow.activation(activation)
    async with browser.flow.platform.unit_of_work() as session:
        found = await session.get(ActivationRevision, (browser.flow.space_id, row.revision_id))
    assert found is not None
    return dict(found.config)


def _path(browser: Browser, activation: str) -> str:
    flow = browser.flow
    return f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{activation}"


async def _opened(browser: Browser, activation: str, action: str) -> tuple[str, dict[str, Any]]:
    """Open the tab. Returns the address of an action, and the fields of its form."""
    path = _path(browser, activation)
    page = await browser.open(f"{path}?tab=mapping")
    save = f"{path}/{action}?tab=mapping"
    return save, form_of(page.text, save)


async def _members(browser: Browser) -> None:
    await browser.flow.upload(
        {
            "profile_id": f"p{number}",
            "email": f"p{number}@example.com",
            "user_id": f"u{number}",
            "plan": "pro",
            "town": "Rome",
        }
        for number in range(3)
    )


async def test_properties_are_chosen_and_named_and_sent_to_all_members(browser: Browser) -> None:
    flow = browser.flow
    await _members(browser)
    activation = await flow.activate(resync=True, properties=["plan", "not_there"])
    await flow.quiet(activation)
    save, fields = await _opened(browser, activation, "properties")
    assert fields["trait"] == ["plan", "not_there"]
    assert fields["trait.name"] == ["plan", "town", "not_there"], "what is sent can be removed"
    assert "only members who enter from now on" in browser.text
    browser.page = await browser.post(save, fields)
    assert "Nothing was changed." in browser.text
    wanted = {**fields, "trait": ["plan", "town"], "trait.as": ["tariff", "", ""], "resync": "yes"}
    browser.page = await browser.post(save, wanted)
    assert "The properties are saved. All members are sent again." in browser.text
    profile = {"properties": ["plan", "town"], "mapping": {"plan": "tariff"}}
    assert (await _config(browser, activation))["personalization"]["profile"] == profile
    assert (await flow.quiet(activation)).delivered == 3
    members = flow.receiver.members(activation) or []
    assert members[0]["traits"] == {"tariff": "pro", "town": "Rome"}
    none = {name: one for name, one in fields.items() if name != "trait"}
    await browser.post(save, none)
    config = await _config(browser, activation)
    assert config["personalization"]["profile"] == {"properties": []}


@pytest.mark.walk
async def test_identifiers_are_those_of_all_activations_of_the_connection(browser: Browser) -> None:
    flow = browser.flow
    await _members(browser)
    activation = await flow.activate(enabled=False)
    other = await flow.activate(enabled=False)
    save, fields = await _opened(browser, activation, "identifiers")
    assert fields["id.name"] == ["email", "", "", "", ""]
    assert "Test uses them, too" in browser.text
    empty = {**fields, "id.name": [""] * 5}
    browser.page = page = await browser.post(save, empty)
    assert page.status_code == 422
    assert "Choose at least one identifier." in browser.text
    browser.page = await browser.post(save, fields)
    assert "Nothing was changed." in browser.text
    wanted = {
        **fields,
        "id.name": ["user_id", "town", "email", "", ""],
        "id.strategy": ["last", "first", "all", "last", "last"],
        "id.as": ["customer", "", "", "", ""],
    }
    browser.page = page = await browser.post(save, wanted)
    assert "3 identifiers saved." in browser.text
    stored = [
        {"externalId": "user_id", "strategy": "last", "mapTo": "customer"},
        {"externalId": "town", "strategy": "first"},
        {"externalId": "email", "strategy": "all"},
    ]
    assert (await _config(browser, activation))["idSync"] == stored
    assert (await _config(browser, other))["idSync"] == stored
    async with flow.platform.unit_of_work() as session:
        found = await find_connection(session, flow.space_id, flow.audience_id, flow.destination_id)
    assert found is not None
    assert found.id_sync == stored
    assert form_of(page.text, save)["id.name"] == ["user_id", "town", "email", "", ""]
    await browser.open(f"audiences/{flow.audience_id}?tab=activations")
    assert "user_id as customer , town, email" in browser.text


async def test_a_faulty_identifier_is_said_and_what_was_typed_stays(browser: Browser) -> None:
    await _members(browser)
    activation = await browser.flow.activate(enabled=False)
    save, fields = await _opened(browser, activation, "identifiers")
    odd = {**fields, "id.strategy": ["newest", *fields["id.strategy"][1:]], "id.as": ["e"] * 5}
    browser.page = page = await browser.post(save, odd)
    assert page.status_code == 422
    assert "strategy" in browser.text
    assert form_of(page.text, save)["id.as"][0] == "e"


async def test_fields_are_mapped_to_columns_and_keep_what_the_form_does_not_show(
    browser: Browser,
) -> None:
    flow = browser.flow
    await _members(browser)
    await flow.use_account("klaviyo", {"api_key": "pk_1234567890abcdef"})
    kept = {"actionId": "klaviyo-upsert-profile", "settings": {"title": {"@template": "Dr."}}}
    activation = await flow.activate(enabled=False, destinationMapping=kept)
    save, fields = await _opened(browser, activation, "fields")
    assert fields["map.title"] == ['json:{"@template":"Dr."}'] or "Dr." in fields["map.title"][0]
    browser.page = await browser.post(save, fields)
    assert "Nothing was changed." in browser.text
    browser.page = page = await browser.post(
        save, {**fields, "map.first_name": "column:plan", "map.organization": "none"}
    )
    assert "2 fields saved." in browser.text
    assert (await _config(browser, activation))["destinationMapping"] == {
        "actionId": "klaviyo-upsert-profile",
        "settings": {
            "title": {"@template": "Dr."},
            "first_name": {"@path": "$.traits.plan"},
            "organization": None,
        },
    }
    again = form_of(page.text, save)
    assert again["map.first_name"] == ["column:plan"]
    browser.page = page = await browser.post(save, {**again, "map.first_name": "plan"})
    assert page.status_code == 422
    assert "Choose a column." in browser.text


async def test_a_token_that_may_not_write_sees_no_forms(browser: Browser) -> None:
    await _members(browser)
    activation = await browser.flow.activate(enabled=False, properties=["plan"])
    await browser.sign_in("read")
    page = await browser.open(f"{_path(browser, activation)}?tab=mapping")
    assert "<textarea" not in page.text
    assert 'name="id.name"' not in page.text
    assert "plan" in browser.text
    assert "email newest email" in browser.text


@pytest.mark.walk
async def test_the_country_of_phone_numbers_is_chosen_where_a_dry_run_says_that_it_lacks(
    browser: Browser,
) -> None:
    flow = browser.flow
    rows = [
        {"profile_id": "p0", "email": "p0@example.com", "phone": "0170 1234567"},
        {"profile_id": "p1", "email": "nothing", "phone": "0170 7654321"},
        {"profile_id": "p2", "email": "p2@example.com", "phone": ""},
    ]
    await flow.upload(rows)
    await flow.use_account("klaviyo", {"api_key": "pk_1234567890abcdef"})
    activation = await flow.activate(enabled=False)
    save, fields = await _opened(browser, activation, "identifiers")
    chosen = {
        "id.name": ["email", "phone"],
        "id.strategy": ["last", "last"],
        "id.as": ["", "phone_number"],
    }
    await browser.post(save, {**fields, **chosen})
    path = _path(browser, activation)
    await browser.open(f"{path}/start")
    await browser.send(f"{path}/start/dry-run")
    await flow.quiet(activation)
    page = await browser.open(f"{path}/start")
    assert "0170 1234567 phone phone number without country: choose a country" in browser.text
    assert f'href="{path}?tab=mapping#connection-settings"' in page.text
    assert "p0@example.com email" in browser.text
    assert (
        "1 without a usable e-mail address or other identifier; the phone number has no country"
        in browser.text
    )
    await browser.open("profile?search=p1")
    assert (
        "No identifier is valid: there is no usable e-mail address or other identifier, and the phone number has no country."
        in browser.text
    )
    save, fields = await _opened(browser, activation, "connection")
    assert fields["connection.phone_country"] == [""]
    page = await browser.post(save, {**fields, "connection.phone_country": "Germany"})
    assert page.status_code == 422
    assert 'id="connection.phone_country-fault"' in page.text
    browser.page = await browser.post(save, {**fields, "connection.phone_country": "de"})
    assert "The settings are saved. The next sync uses them." in browser.text
    assert (await _config(browser, activation))["connectionSettings"] == {"phone_country": "de"}
    await browser.open(f"{path}/start")
    await browser.send(f"{path}/start/dry-run")
    await flow.quiet(activation)
    await browser.open(f"{path}/start")
    assert "phone number without country" not in browser.text
    assert "+491701234567 phone_number" in browser.text
    save, fields = await _opened(browser, activation, "connection")
    assert fields["connection.phone_country"] == ["de"]
    await browser.post(save, {**fields, "connection.phone_country": ""})
    assert (await _config(browser, activation))["connectionSettings"]["phone_country"] is None
