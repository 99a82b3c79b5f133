from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.core.clock import from_wire
from app.services.audiences import runs
from app.services.platform.platform import Platform
from app.storage.models import Audience
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.factories import create_audience
from tests.integration.api_extensions.supply import member, supply


async def snapshots(api: httpx.AsyncClient, audience: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await api.get(f"audiences/{audience}/snapshots")).json()[
        "data"
    ]["snapshots"]
    return listed


class TestRuns:
    async def test_have_the_agreed_names(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        moment = datetime(2026, 3, 1, 6, tzinfo=UTC)
        async with platform.unit_of_work() as session:
            row = await session.get(Audience, (tenant.space_id, audience))
            assert row is not None
            run = await runs.open_run(
                session,
                space_id=tenant.space_id,
                audience=row,
                kind="definition",
                trigger="api",
                actor="test",
                now=datetime.now(UTC),
                as_of=moment,
                make_current=True,
            )
        shown = (await api.get(f"audiences/{audience}/runs/{run.id}")).json()["data"]["run"]
        assert shown.pop("createdAt")
        assert shown == {
            "id": run.id,
            "audienceId": audience,
            "kind": "definition",
            "trigger": "api",
            "status": "new",
            "asOf": "2026-03-01T06:00:00.000Z",
            "makeCurrent": True,
            "becameCurrent": None,
            "members": None,
            "entered": None,
            "exited": None,
            "snapshotId": None,
            "sources": None,
            "notes": [],
            "typeChanges": [],
            "absent": {},
            "refused": 0,
            "reading": None,
            "error": None,
            "startedAt": None,
            "finishedAt": None,
        }

    @pytest.mark.walk
    async def test_are_listed_newest_first(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        for content in (b"a", b"b", b"c"):
            await supply(api, platform, tenant, audience, b"profile_id\n" + content + b"\n")
        seen: list[str] = []
        params: dict[str, Any] = {"pagination[count]": 2}
        while True:
            data = (await api.get(f"audiences/{audience}/runs", params=params)).json()["data"]
            assert data["pagination"]["totalEntries"] == 3
            seen += [run["id"] for run in data["runs"]]
            if not data["pagination"].get("next"):
                break
            params["pagination[cursor]"] = data["pagination"]["next"]
        assert len(seen) == 3
        assert seen == sorted(seen, reverse=True)

    async def test_a_run_of_another_audience_is_not_found(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        await supply(api, platform, tenant, audience, b"profile_id\na\n")
        run = (await api.get(f"audiences/{audience}/runs")).json()["data"]["runs"][0]
        other = await create_audience(platform, tenant.space_id)
        assert (await api.get(f"audiences/{other}/runs/{run['id']}")).status_code == 404
        assert (await api.get("audiences/aud_unknown/runs")).status_code == 404


class TestSnapshots:
    async def test_say_what_they_hold(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        await supply(api, platform, tenant, audience, b"profile_id,email,age\na,a@b.c,7\n")
        (shown,) = await snapshots(api, audience)
        assert (shown["version"], shown["members"]) == (1, 1)
        assert shown["traits"] == {"age": "BIGINT"}
        assert shown["identifiers"] == ["email"]
        assert (shown["current"], shown["pinned"]) == (True, False)
        assert from_wire(shown["asOf"]) <= datetime.now(UTC)
        one = await api.get(f"audiences/{audience}/snapshots/{shown['id']}")
        assert one.json()["data"]["snapshot"] == shown

    @pytest.mark.walk
    async def test_going_back_and_on_again(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        await supply(api, platform, tenant, audience, b"profile_id\nold\n")
        await supply(api, platform, tenant, audience, b"profile_id\nnew\n")
        newest, first = await snapshots(api, audience)
        path = f"audiences/{audience}/snapshots/{first['id']}/rollback"
        assert (await api.delete(path)).status_code == 409  # not pinned yet
        answer = await api.post(path)
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"]["snapshot"]["pinned"] is True
        assert (await member(api, audience, "old"))["member"] is True
        # Runs go on writing snapshots; the audience stays.
        await supply(api, platform, tenant, audience, b"profile_id\nnewer\n")
        assert (await member(api, audience, "newer"))["member"] is False
        wrong = f"audiences/{audience}/snapshots/{newest['id']}/rollback"
        assert (await api.delete(wrong)).status_code == 409
        assert (await api.delete(path)).status_code == 200
        assert (await member(api, audience, "newer"))["member"] is True

    async def test_unreadable_cursors_are_refused(
        self, api: httpx.AsyncClient, audience: str
    ) -> None:
        for cursor in ("nonsense", "WyJhIiwieCJd"):  # the second is ["a","x"]
            response = await api.get(
                f"audiences/{audience}/snapshots",
                params={"pagination[count]": 1, "pagination[cursor]": cursor},
            )
            assert response.status_code == 422
            assert response.json()["errors"][0]["field"] == "pagination.cursor"
