from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.core import clock
from app.services.platform.platform import Platform
from tests.flow import Flow, installation, worker


@dataclass
class Desk:
    """A running installation and a client of its API, below the audience."""

    flow: Flow
    api: httpx.AsyncClient

    def path(self, activation: str, rest: str = "") -> str:
        return f"audiences/{self.flow.audience_id}/activations/{activation}{rest}"

    async def data(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        response = await self.api.request(method, path, **options)
        assert response.status_code == 200, response.text
        data: dict[str, Any] = response.json()["data"]
        return data

    async def status(self, activation: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.data("GET", self.path(activation, "/status")))["status"]
        return found

    async def refused(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        response = await self.api.request(method, path, **options)
        error: dict[str, Any] = response.json()["errors"][0]
        assert response.status_code == error.get("status", response.status_code)
        return {"code": response.status_code, **error}


@pytest.fixture
async def desk(platform: Platform, client: httpx.AsyncClient) -> AsyncIterator[Desk]:
    """An installation with a worker and a receiver."""
    async with installation(platform) as flow, worker(platform):
        await flow.sign_in(client)
        yield Desk(flow, client)


class TestStatus:
    async def test_says_why_nothing_was_sent(self, desk: Desk) -> None:
        disabled = await desk.flow.activate(enabled=False)
        assert (await desk.status(disabled))["note"].startswith("Disabled")
        await desk.flow.members(range(5))
        baseline = await desk.flow.activate()
        await desk.flow.quiet(baseline)
        status = await desk.status(baseline)
        assert set(status) == {
            "state",
            "lastSyncedAt",
            "lastError",
            "openSync",
            "revision",
            "deliveredRevision",
            "nextDueAt",
            "held",
            "assumed",
            "note",
        }
        assert (status["state"], status["held"], status["assumed"]) == ("active", 5, 5)
        assert status["openSync"] is None
        assert status["note"].startswith("Baseline")

    async def test_of_an_activation_of_another_audience_is_not_found(self, desk: Desk) -> None:
        activation = await desk.flow.activate()
        response = await desk.api.get(f"audiences/aud_other/activations/{activation}/status")
        assert response.status_code == 404


class TestSyncs:
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
    async def held(self, desk: Desk) -> tuple[str, str]:
        """An activation whose open sync waits for approval."""
        await desk.flow.members(range(20))
        activation = await desk.flow.activate(resync=True, brake=True)
        await desk.flow.quiet(activation)
        await desk.flow.upload([{"profile_id": "somebody"}])
        sync = await desk.flow.quiet(activation)
        assert sync.state == "held"
        return activation, sync.id

    async def test_a_held_plan_says_why_and_goes_out_when_approved(self, desk: Desk) -> None:
        activation, sync = await self.held(desk)
        status = await desk.status(activation)
        assert status["openSync"]["status"] == "held"
        assert "20" in status["note"]
        shown = (await desk.data("GET", desk.path(activation, f"/syncs/{sync}")))["sync"]
        assert shown["holdReason"] == "All 20 that are held would be removed."
        assert (shown["planned"], shown["pending"]) == (21, 21)
        approved = await desk.data("POST", desk.path(activation, f"/syncs/{sync}/approve"))
        assert approved["sync"]["approvedBy"].startswith("public-api-token/")
        await desk.flow.quiet(activation)
        assert desk.flow.received(activation) == {"somebody"}
        again = await desk.refused("POST", desk.path(activation, f"/syncs/{sync}/approve"))
        assert again["code"] == 409

    async def test_a_held_plan_that_is_rejected_sends_nothing(self, desk: Desk) -> None:
        activation, sync = await self.held(desk)
        cancelled = await desk.data("POST", desk.path(activation, f"/syncs/{sync}/cancel"))
        assert cancelled["sync"]["status"] == "cancelled"
        assert len(desk.flow.received(activation)) == 20
        again = await desk.refused("POST", desk.path(activation, f"/syncs/{sync}/cancel"))
        assert again["code"] == 409

    async def test_a_newer_snapshot_supersedes_the_plan_which_then_cannot_be_approved(
        self, desk: Desk
    ) -> None:
        activation, sync = await self.held(desk)
        await desk.flow.members(range(20))
        await desk.flow.quiet(activation)
        refused = await desk.refused("POST", desk.path(activation, f"/syncs/{sync}/approve"))
        assert refused["code"] == 409
        assert "superseded" in refused["message"]

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
            "minRemovals": 100,
            "holdEmptyFrom": 10,
        }
        assert options["revision"] == before["deliveryOptions"]["revision"]
        await desk.flow.upload([{"profile_id": "somebody"}])
        assert (await desk.flow.quiet(activation)).state == "complete"


class TestRetry:
    async def test_tries_what_was_refused_once_more(self, desk: Desk) -> None:
        await desk.flow.members(range(4))
        activation = await desk.flow.activate(resync=True)
        done = await desk.flow.quiet(activation)
        path = desk.path(activation, f"/syncs/{done.id}")
        found = await desk.data("GET", path + "/rejections")
        assert found["rejections"] == {"counts": {}, "samples": []}
        retried = await desk.data("POST", path + "/retry")
        assert retried["sync"]["id"] != done.id
        assert retried["sync"]["trigger"] == "retry"
        await desk.flow.quiet(activation)
        assert (await desk.refused("POST", desk.path(activation, "/syncs/syn_x/retry")))[
            "code"
        ] == 404


class TestRevisions:
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


class TestDeliveryOptions:
    async def test_defaults(self, desk: Desk) -> None:
        activation = await desk.flow.activate(brake=True)
        data = await desk.data("GET", desk.path(activation, "/delivery-options"))
        assert data["deliveryOptions"] == {
            "frequency": {"type": "on_run"},
            "brake": {
                "enabled": True,
                "maxRemovalPercent": 30,
                "minRemovals": 100,
                "holdEmptyFrom": 10,
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
        # Who is still sent has not moved: one arm alone needs no place of its own.
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


class TestHoldings:
    async def test_are_what_was_sent(self, desk: Desk) -> None:
        await desk.flow.members(range(5))
        activation = await desk.flow.activate(resync=True)
        await desk.flow.quiet(activation)
        seen: list[str] = []
        params: dict[str, Any] = {"pagination[count]": 2}
        while True:
            data = await desk.data("GET", desk.path(activation, "/holdings"), params=params)
            assert (data["held"], data["assumed"]) == (5, 0)
            seen += [row["key"] for row in data["holdings"]]
            if not data["pagination"].get("next"):
                break
            params["pagination[cursor]"] = data["pagination"]["next"]
        assert seen == [f"p{i}" for i in range(5)]
        assert data["holdings"][-1]["held"] == "yes"

    async def test_a_seed_says_what_is_there_and_the_next_sync_goes_from_it(
        self, desk: Desk
    ) -> None:
        await desk.flow.members(range(10))
        activation = await desk.flow.activate(enabled=True)
        await desk.flow.quiet(activation)
        rows = "profile_id,email\n" + "".join(f"p{i},p{i}@example.com\n" for i in range(5, 15))
        path = desk.path(activation, "/holdings")
        headers = {"Content-Type": "text/csv"}
        data = await desk.data("PUT", path, content=rows.encode(), headers=headers)
        assert data["holdings"] == {"held": 10, "assumed": 10}
        await desk.data("POST", desk.path(activation, "/syncs"))
        sync = await desk.flow.quiet(activation)
        assert (sync.entered, sync.exited) == (5, 5)
        assert (await desk.status(activation))["held"] == 10

    async def test_a_bad_seed_changes_nothing(self, desk: Desk) -> None:
        activation = await desk.flow.activate()
        headers = {"Content-Type": "text/csv"}
        path = desk.path(activation, "/holdings")
        found = await desk.refused("PUT", path, content=b"email\na@b.c\n", headers=headers)
        assert found["code"] == 422
        assert (await desk.status(activation))["held"] == 0

    async def test_forgotten_they_are_sent_again(self, desk: Desk) -> None:
        await desk.flow.members(range(3))
        activation = await desk.flow.activate()
        await desk.flow.quiet(activation)
        await desk.data("DELETE", desk.path(activation, "/holdings"))
        assert (await desk.status(activation))["held"] == 0
        await desk.data("POST", desk.path(activation, "/syncs"))
        assert (await desk.flow.quiet(activation)).entered == 3

    async def test_stay_as_they_are_while_a_sync_is_open(self, desk: Desk) -> None:
        activation, _ = await TestBrake().held(desk)
        path = desk.path(activation, "/holdings")
        headers = {"Content-Type": "text/csv"}
        assert (await desk.refused("DELETE", path))["code"] == 409
        seeded = await desk.refused("PUT", path, content=b"profile_id\np1\n", headers=headers)
        assert seeded["code"] == 409


class TestExplain:
    async def test_tells_the_whole_way_of_a_profile(self, desk: Desk) -> None:
        await desk.flow.members(range(3))
        activation = await desk.flow.activate(resync=True)
        await desk.flow.quiet(activation)
        await desk.flow.members(range(1, 3))
        await desk.flow.quiet(activation)
        gone = (await desk.data("GET", desk.path(activation, "/profiles/p0")))["profile"]
        assert gone["memberships"][0]["member"] is False
        assert [turn["member"] for turn in gone["memberships"][0]["history"]] == [False, True]
        assert [(event["kind"], event["disposition"]) for event in gone["history"]] == [
            ("entered", "delivered"),
            ("exited", "delivered"),
        ]
        assert gone["history"][0]["attempts"][0]["httpStatus"] in (200, 202, 204)
        there = (await desk.data("GET", desk.path(activation, "/profiles/p1")))["profile"]
        assert there["memberships"][0]["row"]["identifiers"] == {"email": ["p1@example.com"]}
        assert [key["key"] for key in there["wanted"]] == ["p1"]
        assert [(key["key"], key["held"]) for key in there["held"]] == [("p1", "yes")]
        assert gone["held"] == []
        assert [turn["member"] for turn in there["memberships"][0]["history"]] == [True]
        nobody = (await desk.data("GET", desk.path(activation, "/profiles/nobody")))["profile"]
        assert (nobody["wanted"], nobody["history"]) == ([], [])

    async def test_shows_what_the_mapping_makes_of_it(self, desk: Desk) -> None:
        await desk.flow.members(range(2))
        mapping = {"data": {"mail": {"@path": "$.traits.email"}}}
        activation = await desk.flow.activate(resync=True, destinationMapping={"settings": mapping})
        await desk.flow.quiet(activation)
        found = (await desk.data("GET", desk.path(activation, "/profiles/p1")))["profile"]
        assert found["wanted"][0]["fields"]["data"] == {"mail": "p1@example.com"}
        assert found["wanted"][0]["unmapped"] is None
