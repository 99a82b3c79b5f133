"""Pagination: all query dialects, and listing while rows are inserted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from app.core import clock
from app.core.errors import Invalid
from app.core.pagination import PageRequest, Position
from app.services.activations import activations
from app.services.platform.platform import Platform
from tests.integration.api.conftest import Tenant
from tests.integration.api.scene import Scene, create_activation, create_scene

DIALECTS: dict[str, Callable[[int, str], str]] = {
    "json": lambda count, cursor: (
        "pagination=" + quote(json.dumps({"cursor": cursor, "count": count}))
    ),
    "typescript": lambda count, cursor: (
        f"pagination%5Bcursor%5D={quote(cursor)}&pagination%5Bcount%5D={count}"
    ),
    "go": lambda count, cursor: f"pagination[count]={count}&pagination[cursor]={quote(cursor)}",
    "java": lambda count, cursor: f"pagination.count={count}&pagination.cursor={quote(cursor)}",
    "curl": lambda count, cursor: (
        f"pagination.cursor={quote(cursor, safe='')}&pagination.count={count}"
    ),
    "printed": lambda count, cursor: (
        "pagination=" + quote(f"pagination.count={count}") + f"&pagination.cursor={quote(cursor)}"
    ),
}


@pytest.fixture
async def scene(api: httpx.AsyncClient, tenant: Tenant) -> Scene:
    return await create_scene(api, tenant)


class TestDialects:
    async def test_all_give_the_same_page(self, api: httpx.AsyncClient, scene: Scene) -> None:
        made = [await create_activation(api, scene, activationName=str(n)) for n in range(5)]
        first = (await api.get(f"{scene.activations}?pagination.count=2")).json()["data"]
        assert first["activations"] == made[:2]
        assert first["pagination"]["totalEntries"] == 5
        assert "previous" not in first["pagination"]
        cursor = first["pagination"]["next"]
        pages = {
            name: (await api.get(f"{scene.activations}?{spell(2, cursor)}")).json()["data"]
            for name, spell in DIALECTS.items()
        }
        for name, page in pages.items():
            assert page == pages["json"], name
        page = pages["json"]
        assert page["activations"] == made[2:4]
        for back in ("previous", "current"):
            again = await api.get(
                f"{scene.activations}?{DIALECTS['json'](2, page['pagination'][back])}"
            )
            expected = made[:2] if back == "previous" else made[2:4]
            assert again.json()["data"]["activations"] == expected

    @pytest.mark.parametrize(
        "query",
        [
            "pagination.count=0",
            "pagination.count=1001",
            "pagination.count=x",
            "pagination.count=2.5",
            "pagination[count]=-1",
            "pagination=" + quote('{"count": "2"}'),
            "pagination=" + quote('{"count": true}'),
            "pagination=" + quote('{"count": 2.0}'),
            "pagination=" + quote('{"cursor": "x"}'),
            "pagination=" + quote("[1]"),
            "pagination=5",
            "pagination.count=2&pagination.cursor=nonsense",
            "pagination.count=2&pagination.cursor=" + quote("MA=="),
            "pagination.count=2&pagination.cursor=%00",
        ],
    )
    async def test_what_cannot_be_read_is_422(
        self, api: httpx.AsyncClient, scene: Scene, query: str
    ) -> None:
        answer = await api.get(f"{scene.activations}?{query}")
        assert answer.status_code == 422, query
        assert answer.json()["errors"][0]["field"].startswith("pagination")

    async def test_none_and_empty_are_the_default(
        self, api: httpx.AsyncClient, scene: Scene
    ) -> None:
        for query in (
            "",
            "?pagination=",
            "?pagination=null",
            "?pagination.count=9&pagination.cursor=",
        ):
            data = (await api.get(f"{scene.activations}{query}")).json()["data"]
            assert data["activations"] == []
            assert data["pagination"]["current"]

    async def test_audiences_have_at_most_200(self, api: httpx.AsyncClient, scene: Scene) -> None:
        assert (await api.get(f"{scene.space}/audiences?pagination.count=200")).status_code == 200
        assert (await api.get(f"{scene.space}/audiences?pagination.count=201")).status_code == 422


class TestWalk:
    @pytest.mark.walk
    async def test_neither_skips_nor_repeats_under_inserts(
        self, api: httpx.AsyncClient, scene: Scene, platform: Platform
    ) -> None:
        expected = await _make(platform, scene, 100)
        stop = asyncio.Event()
        inserting = asyncio.create_task(_insert(platform, scene, stop))
        found: list[str] = []
        query = "pagination.count=17"
        while True:
            data = (await api.get(f"{scene.activations}?{query}")).json()["data"]
            found += [activation["id"] for activation in data["activations"]]
            cursor = data["pagination"].get("next")
            if cursor is None or len(found) > 3000:
                break
            query = f"pagination.count=17&pagination.cursor={quote(cursor)}"
            if len(found) >= 100:
                stop.set()
        stop.set()
        inserted = await inserting
        assert len(found) == len(set(found))
        assert found[:100] == expected
        assert inserted


async def _make(platform: Platform, scene: Scene, count: int) -> list[str]:
    made: list[str] = []
    while len(made) < count:
        async with platform.unit_of_work() as session:
            for _ in range(50):
                view = await activations.create_activation(
                    session,
                    space_id=scene.tenant.space_id,
                    audience_id=scene.audience_id,
                    connection_id=scene.connection_id,
                    wanted=activations.NewActivation("Audience Entered", "x", False),
                    actor="test",
                    now=clock.now(),
                )
                made.append(view.activation.id)
    return sorted(made)


async def _insert(platform: Platform, scene: Scene, stop: asyncio.Event) -> int:
    count = 0
    while not stop.is_set():
        count += len(await _make_one(platform, scene))
        await asyncio.sleep(0)
    return count


async def _make_one(platform: Platform, scene: Scene) -> list[Any]:
    async with platform.unit_of_work() as session:
        return [
            await activations.create_activation(
                session,
                space_id=scene.tenant.space_id,
                audience_id=scene.audience_id,
                connection_id=scene.connection_id,
                wanted=activations.NewActivation("Audience Entered", "x", False),
                actor="test",
                now=clock.now(),
            )
        ]


class TestCursor:
    def test_a_position_survives_its_text(self) -> None:
        for position in (Position(), Position("after", ("act_1",)), Position("before", ("é", "x"))):
            request = PageRequest(5, position.encode())
            assert request.position(len(position.key) or 1) == position

    def test_another_listings_cursor_is_refused(self) -> None:
        with pytest.raises(Invalid):
            PageRequest(5, Position("after", ("a", "b")).encode()).position(1)
