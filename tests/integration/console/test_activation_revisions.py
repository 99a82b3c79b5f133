"""The tab with the revisions of an activation: readable differences, and the return to one of them."""

from __future__ import annotations

from typing import Any

import pytest

from app.console.revision_texts import differences
from app.core import clock
from app.services.activations import ActivationChanges, update_activation, update_delivery_options
from app.storage.models import ActivationRevision
from tests.flow import ACTOR
from tests.integration.console.conftest import Browser

_MAPPED = {"actionId": "webhook-send", "settings": {"a": "1"}}


async def _revise(
    browser: Browser,
    activation: str,
    options: dict[str, Any] | None = None,
    **changes: Any,
) -> None:
    flow = browser.flow
    async with flow.platform.unit_of_work() as session:
        if options:
            await update_delivery_options(
                session,
                flow.space_id,
                flow.audience_id,
                activation,
                options,
                actor=ACTOR,
                now=clock.now(),
            )
        await update_activation(
            session,
            space_id=flow.space_id,
            audience_id=flow.audience_id,
            activation_id=activation,
            changes=ActivationChanges(**changes),
            actor=ACTOR,
            now=clock.now(),
        )


async def _config(browser: Browser, activation: str) -> dict[str, Any]:
    flow = browser.flow
    row = await flow.activation(activation)
    async with flow.platform.unit_of_work() as session:
        revision = await session.get(ActivationRevision, (flow.space_id, row.revision_id))
    assert revision is not None
    return dict(revision.config)


@pytest.mark.walk
async def test_a_revision_is_read_and_returned_to(browser: Browser) -> None:
    flow = browser.flow
    await flow.upload({"profile_id": f"p{i}", "plan": "pro", "city": "Rome"} for i in range(2))
    activation = await flow.activate(enabled=False, properties=["plan"])
    first = await _config(browser, activation)
    arms = [{"name": "A", "weight": 90}, {"name": "control", "weight": 10, "sent": False}]
    await _revise(
        browser,
        activation,
        {"mode": "append", "consent": "plan", "split": {"arms": arms, "property": "arm"}},
    )
    await _revise(
        browser, activation, personalization={"profile": {"properties": ["plan", "city"]}}
    )
    path = f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{activation}"
    page = await browser.open(f"{path}?tab=revisions")
    assert "Properties: plan becomes → plan, city" in browser.text
    assert "Mode: Keep equal: add and remove becomes → Only add: nobody is removed" in browser.text
    assert "Split: nothing becomes → A 90, control 10 (not sent)" in browser.text
    assert "The first settings" in browser.text
    assert "Return to version 3" not in browser.text, "it is the current one"
    action = f"{path}/return?tab=revisions"
    await browser.send(action, {"revision": "1"})
    assert "The settings are those of version 1 again." in browser.text
    assert "Not returned" not in browser.text
    now = await _config(browser, activation)
    assert differences(now, first) == []
    assert now["mode"] == "maintain"
    assert not now["split"]
    assert now["personalization"]["profile"]["properties"] == ["plan"]
    for number, words in {
        "1": "are those of version 1 already",
        "99": "There is no version 99.",
        "x": "must be the number of a version",
    }.items():
        page = await browser.post(action, {**browser.form(action), "revision": number})
        assert page.status_code == 422
        assert words in page.text


async def test_a_return_says_what_it_leaves(browser: Browser) -> None:
    """A mapping is merged by field, so a field that was added stays."""
    flow = browser.flow
    await flow.members(range(1))
    activation = await flow.activate(enabled=False, destinationMapping=_MAPPED)
    await _revise(browser, activation, mapping={"actionId": "webhook-send", "settings": {"b": "2"}})
    path = f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{activation}"
    await browser.open(f"{path}?tab=revisions")
    assert "Field b: nothing becomes → 2" in browser.text
    assert "These stay as they are: Field b." in browser.text
    action = f"{path}/return"
    token = browser.form("/console/sign-out")
    page = await browser.post(action, {**token, "revision": "1"})
    assert page.status_code == 422
    assert "differs only in what cannot be returned: Field b." in page.text
    await _revise(browser, activation, {"mode": "remove"})
    browser.page = await browser.post(action, {**token, "revision": "1"})
    assert "Not returned: Field b." in browser.text
    assert (await _config(browser, activation))["mode"] == "maintain"


def test_each_part_of_a_configuration_is_told_in_words() -> None:
    before = {
        "activationType": "Audience Entered",
        "personalization": {"profile": {"properties": []}},
        "destinationMapping": {"actionId": "x", "settings": {"gone": "1", "kept": None}},
        "updates": False,
        "list": None,
        "idSync": [{"externalId": "email", "strategy": "last"}],
        "idSyncGiven": False,
    }
    after = {
        **before,
        "personalization": {"profile": {"properties": [], "mapping": {"plan": "tier"}}},
        "destinationMapping": {"actionId": "x", "settings": {"kept": {"@path": "$.traits.a"}}},
        "updates": True,
        "list": {"id": "L1"},
        "idSync": [{"externalId": "email", "strategy": "all", "mapTo": "mail"}],
        "idSyncGiven": True,
    }
    found = {
        one.label: (one.before, one.after, one.is_returnable) for one in differences(before, after)
    }
    assert found == {
        "Name of plan": ("", "tier", True),
        "Field kept": ("not sent", '{"@path": "$.traits.a"}', True),
        "Changed properties": ("", "sent again", True),
        "List": ("", "L1", True),
        "Identifiers": ("email (newest)", "email (all values) as mail", False),
        "Field gone": ("1", "", False),
    }
