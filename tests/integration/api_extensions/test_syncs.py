"""Syncs of an activation: started, held, approved, cancelled and retried; and the revisions that they deliver."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.api_extensions.desk import Desk


class TestSyncs:
    @pytest.mark.walk
    async def test_have_the_agreed_names_and_add_up(self, desk: Desk) -> None:
        await desk.flow.members(range(30))
        activation = await desk.flow.activate(resync=True)
        await desk.flow.quiet(activation)
        listed = await desk.data("GET", desk.path(activation, "/syncs"))
        (sync,) = listed["syncs"]
        assert listed["pagination"]["totalEntries"] == 1
        assert set(sync) >= {
            "id",
            "activationId",
            "number",
            "kind",
            "trigger",
            "status",
            "revision",
            "wanted",
            "entered",
            "exited",
            "updated",
            "planned",
            "delivered",
            "rejected",
            "skipped",
            "pending",
            "leftOut",
            "batches",
            "snapshots",
            "holdReason",
            "error",
            "openedAt",
            "plannedAt",
            "startedAt",
            "finishedAt",
        }
        assert (sync["status"], sync["kind"], sync["number"]) == ("complete", "resync", 1)
        assert (sync["planned"], sync["delivered"], sync["pending"]) == (30, 30, 0)
        assert sync["snapshots"][0]["audienceId"] == desk.flow.audience_id
        one = await desk.data("GET", desk.path(activation, f"/syncs/{sync['id']}"))
        assert one["sync"] == sync

    @pytest.mark.walk
    async def test_sync_now_and_resync(self, desk: Desk) -> None:
        await desk.flow.members(range(5))
        activation = await desk.flow.activate()
        await desk.flow.quiet(activation)
        body = {"kind": "resync"}
        started = await desk.data("POST", desk.path(activation, "/syncs"), json=body)
        assert (started["sync"]["kind"], started["sync"]["status"]) == ("resync", "new")
        done = await desk.flow.quiet(activation)
        assert done.id == started["sync"]["id"]
        assert desk.flow.received(activation) == {f"p{i}" for i in range(5)}
        again = await desk.data("POST", desk.path(activation, "/syncs"))
        assert again["sync"]["kind"] == "incremental"
        assert (await desk.flow.quiet(activation)).planned == 0

    async def test_a_dry_run_tells_and_sends_nothing(self, desk: Desk) -> None:
        await desk.flow.members(range(7))
        activation = await desk.flow.activate(enabled=False, resync=True)
        body = {"kind": "resync", "dryRun": True}
        started = await desk.data("POST", desk.path(activation, "/syncs"), json=body)
        assert started["sync"]["kind"] == "dry_run"
        await desk.flow.quiet(activation)
        path = desk.path(activation, f"/syncs/{started['sync']['id']}")
        told = (await desk.data("GET", path))["sync"]
        assert (told["status"], told["entered"], told["wanted"]) == ("complete", 7, 7)
        assert desk.flow.received(activation) == set()

    async def test_what_cannot_be_started_is_a_conflict(self, desk: Desk) -> None:
        activation = await desk.flow.activate(enabled=False)
        path = desk.path(activation, "/syncs")
        assert (await desk.refused("POST", path))["code"] == 409  # never computed
        await desk.flow.members(range(2))
        assert (await desk.refused("POST", path))["code"] == 409  # not enabled

    @pytest.mark.parametrize(
        ("body", "field"),
        [({"kind": "full"}, "kind"), ({"dryRun": "yes"}, "dryRun"), ({"dry": True}, "dry")],
    )
    async def test_bodies_are_checked(self, desk: Desk, body: dict[str, Any], field: str) -> None:
        activation = await desk.flow.activate()
        found = await desk.refused("POST", desk.path(activation, "/syncs"), json=body)
        assert (found["code"], found["field"]) == (422, field)


class TestBrake:
    @pytest.mark.walk
    async def test_a_held_plan_says_why_and_goes_out_when_approved(self, desk: Desk) -> None:
        activation, sync = await desk.hold()
        status = await desk.status(activation)
        assert status["openSync"]["status"] == "held"
        assert "20" in status["note"]
        shown = (await desk.data("GET", desk.path(activation, f"/syncs/{sync}")))["sync"]
        assert shown["holdReason"] == "All 20 that are held would be removed."
        assert (shown["planned"], shown["pending"]) == (21, 21)
        approved = await desk.data("POST", desk.path(activation, f"/syncs/{sync}/approve"))
        assert approved["sync"]["approvedBy"].startswith("public-api-token/")
        await desk.flow.quiet(activation)
        assert desk.flow.received(activation) == {"new"}
        again = await desk.refused("POST", desk.path(activation, f"/syncs/{sync}/approve"))
        assert again["code"] == 409

    @pytest.mark.walk
    async def test_an_approval_can_set_new_limits(self, desk: Desk) -> None:
        activation, sync = await desk.hold()
        path = desk.path(activation, f"/syncs/{sync}/approve")
        wrong = await desk.refused("POST", path, json={"brake": {"minRemovals": 0}})
        assert (wrong["code"], wrong["field"]) == (422, "brake.minRemovals")
        limits = {"maxRemovalPercent": 100, "holdEmptyFrom": 1000}
        approved = await desk.data("POST", path, json={"brake": limits})
        assert approved["sync"]["holdReason"] is not None
        assert (await desk.flow.quiet(activation)).state == "complete"
        options = await desk.data("GET", desk.path(activation, "/delivery-options"))
        assert options["deliveryOptions"]["brake"] == {
            "enabled": True, "minRemovals": 10, **limits
        }  # fmt: skip
        await desk.flow.members(range(20))
        await desk.flow.quiet(activation)
        await desk.flow.upload([{"profile_id": "new"}])
        assert (await desk.flow.quiet(activation)).state == "complete"

    @pytest.mark.walk
    async def test_a_held_plan_that_is_rejected_sends_nothing(self, desk: Desk) -> None:
        activation, sync = await desk.hold()
        cancelled = await desk.data("POST", desk.path(activation, f"/syncs/{sync}/cancel"))
        assert cancelled["sync"]["status"] == "cancelled"
        assert len(desk.flow.received(activation)) == 20
        again = await desk.refused("POST", desk.path(activation, f"/syncs/{sync}/cancel"))
        assert again["code"] == 409

    @pytest.mark.walk
    async def test_a_newer_snapshot_supersedes_the_plan_which_then_cannot_be_approved(
        self, desk: Desk
    ) -> None:
        activation, sync = await desk.hold()
        await desk.flow.members(range(20))
        await desk.flow.quiet(activation)
        refused = await desk.refused("POST", desk.path(activation, f"/syncs/{sync}/approve"))
        assert refused["code"] == 409
        assert "superseded" in refused["message"]

    @pytest.mark.walk
    async def test_the_brake_is_read_live(self, desk: Desk) -> None:
        await desk.flow.members(range(20))
        activation = await desk.flow.activate(resync=True, brake=True)
        await desk.flow.quiet(activation)
        path = desk.path(activation, "/delivery-options")
        before = await desk.data("GET", path)
        after = await desk.data("PATCH", path, json={"brake": {"enabled": False}})
        options = after["deliveryOptions"]
        assert options["brake"] == {
            "enabled": False,
            "maxRemovalPercent": 30,
            "minRemovals": 10,
            "holdEmptyFrom": 2,
        }
        assert options["revision"] == before["deliveryOptions"]["revision"]
        await desk.flow.upload([{"profile_id": "new"}])
        assert (await desk.flow.quiet(activation)).state == "complete"


class TestRetry:
    @pytest.mark.walk
    async def test_tries_what_was_refused_once_more(self, desk: Desk) -> None:
        await desk.flow.members(range(4))
        activation = await desk.flow.activate(resync=True)
        done = await desk.flow.quiet(activation)
        path = desk.path(activation, f"/syncs/{done.id}")
        found = await desk.data("GET", path + "/rejections")
        assert found["rejections"] == {"counts": {}, "samples": []}
        refused = await desk.refused("POST", path + "/retry", json={"reason": "invalid"})
        assert (refused["code"], refused["field"]) == (422, "reason")
        assert "it rejected nothing" in refused["message"]
        unknown = await desk.refused("POST", path + "/retry", json={"reasons": ["invalid"]})
        assert unknown["code"] == 422
        retried = await desk.data("POST", path + "/retry")
        assert retried["sync"]["id"] != done.id
        assert retried["sync"]["trigger"] == "retry"
        await desk.flow.quiet(activation)
        assert (await desk.refused("POST", desk.path(activation, "/syncs/syn_x/retry")))[
            "code"
        ] == 404


class TestRevisions:
    @pytest.mark.walk
    async def test_tell_what_changed_and_which_is_delivered(self, desk: Desk) -> None:
        await desk.flow.members(range(5))
        activation = await desk.flow.activate(resync=True)
        await desk.flow.quiet(activation)
        path = desk.path(activation, "/delivery-options")
        await desk.data("PATCH", path, json={"mode": "append", "consent": "agreed"})
        await desk.flow.quiet(activation)
        await desk.data("PATCH", desk.path(activation), json={"enabled": False})
        await desk.data("PATCH", path, json={"consent": None})
        listed = await desk.data("GET", desk.path(activation, "/revisions"))
        assert [(one["number"], one["changed"]) for one in listed["revisions"][:2]] == [
            (3, ["consent"]),
            (2, ["consent", "mode"]),
        ]
        assert listed["revisions"][1]["config"]["consent"] == "agreed"
        assert listed["delivered"] == 2
        status = await desk.status(activation)
        assert (status["revision"], status["deliveredRevision"]) == (3, 2)
        page = await desk.data(
            "GET", desk.path(activation, "/revisions"), params={"pagination.count": 2}
        )
        cursor = page["pagination"]["next"]
        rest = await desk.data(
            "GET",
            desk.path(activation, "/revisions"),
            params={"pagination.count": 2, "pagination.cursor": cursor},
        )
        assert [one["number"] for one in rest["revisions"]] == [1]
