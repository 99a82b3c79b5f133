"""Delivery options of an activation."""

from __future__ import annotations

from typing import Any

import pytest

from app.core import clock
from tests.integration.api_extensions.desk import Desk


class TestDeliveryOptions:
    async def test_defaults(self, desk: Desk) -> None:
        activation = await desk.flow.activate(brake=True)
        data = await desk.data("GET", desk.path(activation, "/delivery-options"))
        assert data["deliveryOptions"] == {
            "frequency": {"type": "on_run"},
            "brake": {
                "enabled": True,
                "maxRemovalPercent": 30,
                "minRemovals": 10,
                "holdEmptyFrom": 2,
            },
            "notifications": {},
            "mode": "maintain",
            "split": None,
            "updates": False,
            "list": None,
            "consent": None,
            "audiences": [],
            "includedAttribute": None,
            "revision": 1,
        }

    @pytest.mark.walk
    async def test_several_audiences_are_sent_as_their_union(self, desk: Desk) -> None:
        flow = desk.flow
        await flow.members(range(5))
        activation = await flow.activate()
        await flow.quiet(activation)
        body = {"name": "Others", "definition": {"query": ""}, "audienceType": "USERS"}
        other = (await desk.data("POST", "audiences", json=body))["audience"]["id"]
        run = (
            await desk.data(
                "PUT",
                f"audiences/{other}/members",
                content=b"profile_id\np3\np4\np5\np6\n",
                headers={"Content-Type": "text/csv"},
            )
        )["run"]
        await flow.finished(run["id"])
        path = desk.path(activation, "/delivery-options")
        data = await desk.data("PATCH", path, json={"audiences": [other]})
        assert data["deliveryOptions"]["audiences"] == [other]
        sync = await flow.quiet(activation)
        assert (sync.entered, sync.exited) == (2, 0)
        assert flow.received(activation) == {"p5", "p6"}
        await desk.data("PATCH", path, json={"audiences": []})
        sync = await flow.quiet(activation)
        assert (sync.entered, sync.exited) == (0, 2)

    async def test_an_unknown_audience_is_named(self, desk: Desk) -> None:
        activation = await desk.flow.activate()
        path = desk.path(activation, "/delivery-options")
        refused = await desk.refused("PATCH", path, json={"audiences": ["aud_none"]})
        assert (refused["code"], refused["field"]) == (422, "audiences")

    async def test_notices_go_to_a_webhook_of_the_space(self, desk: Desk) -> None:
        activation = await desk.flow.activate()
        path = desk.path(activation, "/delivery-options")
        key = {"api_key": "pk_key_of_klaviyo"}
        body = {"slug": "klaviyo", "name": "Klaviyo", "settings": key}
        klaviyo = (await desk.data("POST", "destinations", json=body))["destination"]["id"]
        for account in (klaviyo, "0" * 24, "nonsense", ""):
            notices = {"on": ["failed"], "destinationId": account}
            refused = await desk.refused("PATCH", path, json={"notifications": notices})
            assert (refused["code"], refused["field"]) == (422, "notifications.destinationId")
        assert (await desk.data("GET", path))["deliveryOptions"]["notifications"] == {}
        notices = {"on": ["failed"], "destinationId": desk.flow.destination_id}
        await desk.data("PATCH", path, json={"notifications": notices})

    @pytest.mark.walk
    async def test_another_mode_is_another_revision_and_opens_a_sync(self, desk: Desk) -> None:
        await desk.flow.members(range(6))
        activation = await desk.flow.activate(resync=True)
        await desk.flow.quiet(activation)
        path = desk.path(activation, "/delivery-options")
        changed = await desk.data("PATCH", path, json={"mode": "append"})
        assert changed["deliveryOptions"]["mode"] == "append"
        assert changed["deliveryOptions"]["revision"] == 2
        assert (await desk.flow.quiet(activation)).number == 2
        await desk.flow.members(range(3))
        assert (await desk.flow.quiet(activation)).exited == 0
        same = await desk.data("PATCH", path, json={"mode": "append"})
        assert same["deliveryOptions"]["revision"] == 2

    @pytest.mark.walk
    async def test_a_split_keeps_the_control_arm_out(self, desk: Desk) -> None:
        await desk.flow.members(range(200))
        activation = await desk.flow.activate(enabled=True, resync=True)
        await desk.flow.quiet(activation)
        arms = [
            {"name": "treated", "weight": 50, "sent": True},
            {"name": "control", "weight": 50, "sent": False},
        ]
        path = desk.path(activation, "/delivery-options")
        data = await desk.data(
            "PATCH", path, json={"split": {"arms": arms}, "brake": {"enabled": False}}
        )
        assert data["deliveryOptions"]["split"] == {"arms": arms, "property": None}
        sync = await desk.flow.quiet(activation)
        shown = (await desk.data("GET", desk.path(activation, f"/syncs/{sync.id}")))["sync"]
        control = shown["leftOut"]["control"]
        assert 60 < control < 140
        # Members of the sent arm have not moved: a single arm needs no separate place.
        assert (sync.exited, sync.entered) == (control, 0)
        assert len(desk.flow.received(activation)) == 200 - control
        cleared = await desk.data("PATCH", path, json={"split": None})
        assert cleared["deliveryOptions"]["split"] is None
        await desk.flow.quiet(activation)
        assert len(desk.flow.received(activation)) == 200

    async def test_a_daily_frequency_is_due_at_its_time(self, desk: Desk) -> None:
        activation = await desk.flow.activate()
        frequency = {"type": "daily", "at": "06:30", "zone": "Europe/Berlin"}
        path = desk.path(activation, "/delivery-options")
        data = await desk.data("PATCH", path, json={"frequency": frequency})
        assert data["deliveryOptions"]["frequency"] == frequency
        row = await desk.flow.activation(activation)
        assert row.next_due_at is not None
        assert row.next_due_at > clock.now()
        await desk.data("PATCH", path, json={"frequency": {"type": "on_run"}})
        assert (await desk.flow.activation(activation)).next_due_at is None

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            ({"brake": {"minRemovals": 0}}, ["brake.minRemovals"]),
            ({"mode": "mirror", "frequency": {"type": "x"}}, ["frequency.type", "mode"]),
            ({"split": {"arms": []}}, ["split.arms"]),
            ({"list": {"id": "L1"}}, ["list"]),
            (
                {
                    "split": {
                        "arms": [
                            {"name": "A", "weight": 1, "list": {"id": "L1"}},
                            {"name": "B", "weight": 1},
                        ]
                    }
                },
                ["split.arms.0.list"],
            ),
            (
                {
                    "split": {
                        "arms": [{"name": "A", "weight": 1}, {"name": "B", "weight": 1}],
                        "property": "",
                    }
                },
                ["split.property"],
            ),
            ({"updates": "yes"}, ["updates"]),
            ({"consent": ""}, ["consent"]),
            ({"notifications": {"emails": ["no address"]}}, ["notifications.emails"]),
            ({"speed": "fast"}, ["speed"]),
        ],
    )
    async def test_what_does_not_fit_is_named_and_changes_nothing(
        self, desk: Desk, body: dict[str, Any], fields: list[str]
    ) -> None:
        activation = await desk.flow.activate()
        path = desk.path(activation, "/delivery-options")
        before = await desk.data("GET", path)
        response = await desk.api.patch(path, json={"consent": "agreed", **body})
        assert response.status_code == 422, response.text
        assert sorted(error["field"] for error in response.json()["errors"]) == fields
        assert await desk.data("GET", path) == before
