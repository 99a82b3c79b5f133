"""The copy of an activation: the draft of a new one, which has all of its settings."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from app.console.revision_texts import differences
from app.core import clock
from app.services.activations import (
    ActivationChanges,
    get_delivery_options,
    update_activation,
    update_delivery_options,
)
from app.storage.models import ActivationRevision
from tests.flow import ACTOR
from tests.integration.console.conftest import Browser, form_of

_MAPPED = {
    "actionId": "webhook-send",
    "settings": {
        "tier": {"@path": "$.traits.plan"},
        "source": "shop",
        "words": {"@template": "{{traits.plan}}!"},
        "nothing": None,
    },
}


async def _stored(browser: Browser, activation: str) -> tuple[Any, dict[str, Any]]:
    flow = browser.flow
    row = await flow.activation(activation)
    async with flow.platform.unit_of_work() as session:
        revision = await session.get(ActivationRevision, (flow.space_id, row.revision_id))
        options = await get_delivery_options(session, flow.space_id, flow.audience_id, activation)
    assert revision is not None
    return options, dict(revision.config)


@pytest.mark.walk
async def test_a_copy_has_all_settings(browser: Browser) -> None:
    flow = browser.flow
    await flow.upload({"profile_id": f"p{i}", "plan": "pro", "ok": True} for i in range(3))
    more = await flow.another_audience()
    activation = await flow.activate(
        enabled=False, type="Audience Entered", properties=["plan", "not_there"], idSync=[]
    )
    arms = [
        {"name": "A", "weight": 90},
        {"name": "B", "weight": 5},
        {"name": "control", "weight": 5, "sent": False},
    ]
    async with flow.platform.unit_of_work() as session:
        ids = flow.space_id, flow.audience_id, activation
        await update_delivery_options(
            session,
            *ids,
            {
                "frequency": {"type": "cron", "expression": "30 6 * * 1-5", "zone": "Asia/Tokyo"},
                "mode": "append",
                "updates": True,
                "consent": "ok",
                "split": {"arms": arms, "property": "arm"},
                "audiences": [more.audience_id],
                "included_attribute": "Included",
                "brake": {"minRemovals": 77, "holdEmptyFrom": 5},
                "notifications": {"destinationId": flow.destination_id, "on": ["held"]},
            },
            actor=ACTOR,
            now=clock.now(),
        )
        changes = ActivationChanges(
            mapping=_MAPPED,
            personalization={
                "profile": {"properties": ["plan", "not_there"], "mapping": {"plan": "plan_name"}}
            },
        )
        await update_activation(
            session,
            space_id=ids[0],
            audience_id=ids[1],
            activation_id=activation,
            changes=changes,
            actor=ACTOR,
            now=clock.now(),
        )
    path = f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{activation}"
    page = await browser.open(path)
    assert f'href="{path}/duplicate"' in page.text
    page = await browser.open(f"{path}/duplicate")
    assert urlsplit(str(page.url)).path.endswith("/activations/new/settings")
    save = f"/console/spaces/{flow.space_id}/activations/new/settings/save"
    fields = form_of(page.text, save)
    assert fields["name"] == ["Test copy"]
    browser.page = page = await browser.post(save, fields)
    assert "Test copy is saved. Nothing is sent yet." in browser.text
    copy = urlsplit(str(page.url)).path.split("/")[-2]
    options, config = await _stored(browser, activation)
    copied, copied_config = await _stored(browser, copy)
    assert differences(config, copied_config) == []
    assert copied_config["destinationMapping"]["settings"] == _MAPPED["settings"]
    for name in ("frequency", "brake"):
        assert getattr(copied, name) == getattr(options, name), name
    for name in ("destinationId", "on"):
        assert copied.notifications[name] == options.notifications[name], name
    assert copied_config["includedAttribute"]["value"] == "Test copy"
    assert not (await flow.activation(copy)).enabled
    broken = {**fields, "copied": ['{"a":'], "map.source": ["json:{"]}
    page = await browser.post(save, broken)
    assert page.status_code == 422
    page = await browser.post(save, {**fields, "map.source": ["neither"]})
    assert page.status_code == 422
    assert "Choose a column." in page.text


@pytest.mark.walk
async def test_an_activation_without_options_is_copied(browser: Browser) -> None:
    flow = browser.flow
    activation = await flow.activate(enabled=False, idSync=[])
    path = f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{activation}"
    page = await browser.open(f"{path}/duplicate")
    save = f"/console/spaces/{flow.space_id}/activations/new/settings/save"
    page = await browser.post(save, form_of(page.text, save))
    copy = urlsplit(str(page.url)).path.split("/")[-2]
    _, config = await _stored(browser, activation)
    _, copied = await _stored(browser, copy)
    assert differences(config, copied) == []
