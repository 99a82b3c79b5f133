"""The tab with the options of an activation: what its form saves, and what it keeps."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from app.core import clock
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.services.activations import get_delivery_options, update_delivery_options
from tests.flow import ACTOR
from tests.integration.console.conftest import Browser, form_of


async def _options(browser: Browser, activation: str) -> Any:
    flow = browser.flow
    async with flow.platform.unit_of_work() as session:
        return await get_delivery_options(session, flow.space_id, flow.audience_id, activation)


async def _change(browser: Browser, activation: str, changes: dict[str, Any]) -> None:
    flow = browser.flow
    async with flow.platform.unit_of_work() as session:
        await update_delivery_options(
            session,
            flow.space_id,
            flow.audience_id,
            activation,
            changes,
            actor=ACTOR,
            now=clock.now(),
        )


def _path(browser: Browser, activation: str) -> str:
    flow = browser.flow
    return f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{activation}"


@pytest.mark.walk
async def test_options_are_changed_and_what_was_typed_survives_an_error(browser: Browser) -> None:
    flow = browser.flow
    await flow.upload({"profile_id": f"p{i}", "plan": "pro"} for i in range(3))
    activation = await flow.activate(enabled=False)
    more = await flow.another_audience()
    save = f"{_path(browser, activation)}/options?tab=options"
    page = await browser.open(f"{_path(browser, activation)}?tab=options")
    fields = {
        **form_of(page.text, save),
        "mode": "append",
        "updates": "yes",
        "consent": "plan",
        "frequency": "daily",
        "frequency.at": "07:15",
        "frequency.zone": "Europe/Berlin",
        "split": "own",
        "arm.name": ["A", "B", "rest", ""],
        "arm.weight": ["20", "30", "50", ""],
        "arm.sent": ["yes", "yes", "no", "yes"],
        "brake.minRemovals": "many",
        "brake.holdEmptyFrom": "7",
        "notifications.destinationId": flow.destination_id,
        "notifications.on": ["failed", "held"],
        "audiences": more.audience_id,
    }
    browser.page = page = await browser.post(save, fields)
    assert page.status_code == 422
    assert 'id="brake.minRemovals-fault"' in page.text
    kept = form_of(page.text, save)
    for name in ("mode", "consent", "frequency.at", "arm.name", "notifications.on", "audiences"):
        value = fields[name]
        assert kept[name] == (value if isinstance(value, list) else [value]), name
    fields["brake.minRemovals"] = "40"
    browser.page = page = await browser.post(save, fields)
    assert "The options are saved as version 2 of the settings." in browser.text
    found = await _options(browser, activation)
    assert (found.mode, found.updates, found.consent) == ("append", True, "plan")
    assert (found.frequency.at, found.frequency.zone) == ("07:15", "Europe/Berlin")
    assert [(arm["name"], arm["weight"]) for arm in found.arms] == [
        ("A", 20),
        ("B", 30),
        ("rest", 50),
    ]
    assert (found.brake.min_removals, found.brake.hold_empty_from) == (40, 7)
    assert found.notifications["destinationId"] == flow.destination_id
    assert found.notifications["on"] == ["failed", "held"]
    assert list(found.audiences) == [more.audience_id]
    browser.page = await browser.post(save, form_of(page.text, save))
    assert "Nothing was changed." in browser.text


async def test_saving_an_unchanged_form_keeps_what_it_cannot_show(browser: Browser) -> None:
    """A moment has seconds that the form has not: with them the sync would be due once more."""
    await browser.flow.members(range(2))
    activation = await browser.flow.activate(enabled=False)
    at = datetime(2030, 3, 1, 6, 30, 17, tzinfo=UTC)
    arms = [{"name": "a", "weight": 100 / 3}, {"name": "b", "weight": 200 / 3}]
    await _change(
        browser,
        activation,
        {
            "frequency": {"type": "once", "at": at.isoformat().replace("+00:00", "Z")},
            "split": {"arms": arms, "property": "arm"},
            "notifications": {"emails": ["a@example.com"], "on": ["held"]},
        },
    )
    before = await _options(browser, activation)
    save = f"{_path(browser, activation)}/options?tab=options"
    page = await browser.open(f"{_path(browser, activation)}?tab=options")
    assert "2030-03-01T06:30" in page.text
    fields = form_of(page.text, save)
    browser.page = page = await browser.post(save, fields)
    assert "Nothing was changed." in browser.text
    browser.page = await browser.post(save, {**fields, "mode": "remove"})
    assert "The options are saved as version 3 of the settings." in browser.text
    after = await _options(browser, activation)
    assert after.mode == "remove"
    assert after.frequency == before.frequency
    assert after.arms == before.arms
    assert after.notifications == before.notifications
    assert (await browser.flow.activation(activation)).options["brakeLimits"] == []


async def test_a_reader_sees_the_options_without_a_form(visitor: Browser) -> None:
    await visitor.sign_in("read")
    await visitor.flow.members(range(1))
    activation = await visitor.flow.activate()
    page = await visitor.open(f"{_path(visitor, activation)}?tab=options")
    assert page.text.count('method="post"') == 1, "only the sign-out"
    assert "Mode Keep equal: add and remove" in visitor.text
    refused = await visitor.post(
        f"{_path(visitor, activation)}/options", visitor.form("/console/sign-out")
    )
    assert refused.status_code == 403


@pytest.mark.walk
async def test_lists_are_chosen_for_all_or_for_each_part(browser: Browser) -> None:
    flow = browser.flow
    klaviyo = KlaviyoEmulator(job_seconds=0.05)
    for name, list_id in (("VIP", "AbCdEf"), ("Rest", "GhIjKl")):
        klaviyo.account.new_list(name, list_id)
    async with Sandbox([klaviyo]) as sandbox:
        await flow.use_account(
            "klaviyo", {"api_key": "pk_sandbox", "base_url": sandbox.urls["klaviyo"]}
        )
        activation = await flow.activate(enabled=False)
        save = f"{_path(browser, activation)}/options?tab=options"
        page = await browser.open(f"{_path(browser, activation)}?tab=options")
        assert "VIP (AbCdEf)" in page.text
        fields = form_of(page.text, save)
        browser.page = page = await browser.post(save, {**fields, "list": "abcdef"})
        assert page.status_code == 422
        assert 'id="list-fault"' in page.text
        words = "has no list abcdef in this account"
        assert page.text.count(words) == 1, "beside the field only"
        split = {
            "split": "own",
            "arm.name": ["A", "B"],
            "arm.weight": ["50", "50"],
            "arm.sent": ["yes", "yes"],
            "arm.list": ["AbCdEf", "GhIjKl"],
        }
        browser.page = page = await browser.post(save, {**fields, **split})
        assert "saved as version 2" in browser.text
        fields = form_of(page.text, save)
        assert fields["split"] == ["own"], "two halves, but with lists of their own"
        browser.page = await browser.post(save, {**fields, "mode": "append"})
        await _show_the_parts_of_batches(browser, activation)
    found = await _options(browser, activation)
    assert found.mode == "append"
    assert [arm["list"]["id"] for arm in found.arms] == ["AbCdEf", "GhIjKl"]


async def _show_the_parts_of_batches(browser: Browser, activation: str) -> None:
    """Send a split, and look at the batches on the page of the sync and in the API: each names its part."""
    flow = browser.flow
    await flow.members(range(20))
    await browser.open(_path(browser, activation))
    await browser.send(f"{_path(browser, activation)}/enable", {"resync": "yes"})
    sync = await flow.quiet(activation)
    assert (sync.state, sync.delivered) == ("complete", 20)
    page = await browser.open(f"{_path(browser, activation)}/syncs/{sync.id}")
    assert '<th scope="col">Part</th>' in page.text
    for part in ("A", "B"):
        assert re.search(rf"\d+ entered {part} done", browser.text), part
