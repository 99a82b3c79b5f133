from __future__ import annotations

import gzip
import io
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from sqlalchemy import func, select

from app.services.audiences.recompute import recompute_audience
from app.services.platform.platform import Platform
from app.storage.models import Audience, AuditEvent, Dataset, MemberPatch, Run
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.factories import create_audience

CSV = {"Content-Type": "text/csv"}
NDJSON = {"Content-Type": "application/x-ndjson"}
PARQUET = {"Content-Type": "application/vnd.apache.parquet"}
PEOPLE = b"profile_id,email,city\np1,ada@example.com,London\np2,bob@example.com,\n"


@pytest.fixture
async def audience(platform: Platform, tenant: Tenant) -> str:
    """An audience whose members are supplied."""
    return await create_audience(platform, tenant.space_id)


async def upload(
    api: httpx.AsyncClient, audience: str, content: bytes, headers: dict[str, str] = CSV
) -> httpx.Response:
    return await api.put(f"audiences/{audience}/members", content=content, headers=headers)


async def computed(platform: Platform, tenant: Tenant, response: httpx.Response) -> dict[str, Any]:
    """Carry out the run of a response."""
    assert response.status_code == 200, response.text
    run: dict[str, Any] = response.json()["data"]["run"]
    await recompute_audience(platform, tenant.space_id, run["id"], lane="test")
    return run


async def supply(
    api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str, content: bytes
) -> None:
    await computed(platform, tenant, await upload(api, audience, content))


def parquet(**columns: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


async def member(api: httpx.AsyncClient, audience: str, profile: str) -> dict[str, Any]:
    response = await api.get(f"audiences/{audience}/members/{profile}")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()["data"]["membership"]
    return found


class TestPut:
    async def test_opens_a_run_that_makes_the_upload_current(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        run = await computed(platform, tenant, await upload(api, audience, PEOPLE))
        assert (run["kind"], run["trigger"], run["status"]) == ("upload", "upload", "new")
        shown = (await api.get(f"audiences/{audience}/runs/{run['id']}")).json()["data"]["run"]
        assert shown["status"] == "complete"
        assert (shown["members"], shown["entered"], shown["exited"]) == (2, 2, 0)
        assert shown["becameCurrent"] is True
        listed = (await api.get(f"audiences/{audience}/members")).json()["data"]
        assert listed["snapshotId"] == shown["snapshotId"]
        assert listed["members"][0] == {
            "id": "p1",
            "profileId": "p1",
            "identifiers": {"email": ["ada@example.com"]},
            "traits": {"city": "London"},
            "entities": {},
        }

    @pytest.mark.parametrize(
        ("content", "headers"),
        [
            (gzip.compress(PEOPLE, mtime=0), {**CSV, "Content-Encoding": "gzip"}),
            (zstandard.compress(PEOPLE), {**CSV, "Content-Encoding": "zstd"}),
            (b'{"profile_id":"p1"}\n{"profile_id":"p2"}\n', NDJSON),
            (parquet(profile_id=["p1", "p2"], email=["a@b.c", None]), PARQUET),
            (PEOPLE, {"Content-Type": "text/csv; charset=UTF-8"}),
        ],
    )
    async def test_takes_all_formats(
        self,
        api: httpx.AsyncClient,
        platform: Platform,
        tenant: Tenant,
        audience: str,
        content: bytes,
        headers: dict[str, str],
    ) -> None:
        await computed(platform, tenant, await upload(api, audience, content, headers))
        assert (await member(api, audience, "p2"))["member"] is True

    @pytest.mark.parametrize(
        ("content", "headers", "said"),
        [
            (b"", CSV, "empty"),
            (b"email\na@b.c\n", CSV, "profile_id"),
            (b"profile_id,email\np1,a@b.c\np2\n", CSV, "Line 3"),
            (b"profile_id,email\np1,a@b.c,x\n", CSV, "Line 2"),
            (b"profile_id,email\np1,\xff\xfe\n", CSV, "UTF-8"),
            (b"profile_id,email\np1,a\n,b\n", CSV, "Line 3 has no profile_id"),
            (b"profile_id\na\nb\nc\nd\na\nb\nc\nd\n", CSV, "more than once: a, b, c"),
            (b"profile_id,email\np1,x\0y\n", CSV, "NUL"),
            (b'profile_id,email\np1,"open\n', CSV, "quoted"),
            (b"profile_id,profile_id\n1,2\n", CSV, "Duplicate column"),
            (b"profile_id\n" + b"x" * 3_000_000, CSV, "longer than"),
            (b"\x89PNG\r\n\x1a\n" + bytes(range(128, 256)), CSV, ""),
            (b'{"profile_id":"p1"}\n{"profile_id":\n', NDJSON, "Line 2"),
            (b'{"profile_id":"p1"}\n[1]\n', NDJSON, "Line 2"),
            (b'{"profile_id":7}\n', NDJSON, "must be text"),
            (b'{"profile_id":"p1"}\n{"email":"x"}\n', NDJSON, "Line 2"),
            (b'{"profile_id":"p1"}\n{"profile_id":"p1"}\n', NDJSON, "more than once"),
            (parquet(profile_id=[1, 2]), PARQUET, "profile_id"),
            (parquet(profile_id=["a"], email=[1.5]), PARQUET, "email"),
            (parquet(email=["a"]), PARQUET, "profile_id"),
            (parquet(profile_id=["a"] * 100)[:-20], PARQUET, "Parquet"),
            (b"profile_id\np1\n", PARQUET, "Parquet"),
            (gzip.compress(PEOPLE, mtime=0)[:-10], {**CSV, "Content-Encoding": "gzip"}, "cut"),
            (PEOPLE, {**CSV, "Content-Encoding": "gzip"}, "gzip"),
            (zstandard.compress(PEOPLE)[:-5], {**CSV, "Content-Encoding": "zstd"}, "cut"),
        ],
    )
    async def test_bad_input_is_said_at_once_and_changes_nothing(
        self,
        api: httpx.AsyncClient,
        platform: Platform,
        tenant: Tenant,
        audience: str,
        content: bytes,
        headers: dict[str, str],
        said: str,
    ) -> None:
        await supply(api, platform, tenant, audience, PEOPLE)
        before = (await api.get(f"audiences/{audience}/runs")).json()["data"]["runs"]
        response = await upload(api, audience, content, headers)
        assert response.status_code == 422, response.text
        assert said in response.json()["errors"][0]["message"]
        after = (await api.get(f"audiences/{audience}/runs")).json()["data"]["runs"]
        assert after == before
        assert (await member(api, audience, "p1"))["member"] is True
        assert scratch_files(platform) == []

    async def test_a_huge_line_is_refused(self, api: httpx.AsyncClient, audience: str) -> None:
        async def stream() -> Any:
            yield b"profile_id,email\np1,"
            for _ in range(100):
                yield b"x" * 1024 * 1024

        response = await api.put(f"audiences/{audience}/members", content=stream(), headers=CSV)
        assert response.status_code == 422
        assert "longer than" in response.json()["errors"][0]["message"]

    async def test_names_row_and_column_as_data(
        self, api: httpx.AsyncClient, audience: str
    ) -> None:
        response = await upload(api, audience, b"profile_id,email\np1,a\n,b\n")
        assert response.json()["errors"][0]["data"] == {"row": 3, "column": "profile_id"}

    async def test_other_types_are_415(self, api: httpx.AsyncClient, audience: str) -> None:
        for headers in (
            {"Content-Type": "application/json"},
            {"Content-Type": "text/csv; charset=latin-1"},
            {**CSV, "Content-Encoding": "br"},
        ):
            assert (await upload(api, audience, PEOPLE, headers)).status_code == 415

    async def test_more_than_allowed_is_413(
        self, api: httpx.AsyncClient, platform: Platform, audience: str
    ) -> None:
        platform.settings.__dict__["max_upload_bytes"] = 100  # the settings are frozen
        assert (await upload(api, audience, b"x" * 101)).status_code == 413

        async def stream() -> Any:
            for _ in range(11):
                yield b"x" * 10

        response = await api.put(f"audiences/{audience}/members", content=stream(), headers=CSV)
        assert response.status_code == 413
        assert scratch_files(platform) == []

    async def test_a_full_disk_is_507(
        self,
        api: httpx.AsyncClient,
        platform: Platform,
        audience: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        from collections import namedtuple

        usage = namedtuple("usage", "total used free")
        monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10, 10, 0))
        response = await upload(api, audience, PEOPLE)
        assert response.status_code == 507
        assert response.json()["errors"][0]["type"] == "insufficient-storage"

    async def test_a_slow_upload_is_ended(
        self, api: httpx.AsyncClient, audience: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import asyncio

        monkeypatch.setattr("app.services.platform.uploads._WINDOW_SECONDS", 0.2)

        async def stream() -> Any:
            yield b"profile_id\n"
            await asyncio.Event().wait()

        response = await api.put(f"audiences/{audience}/members", content=stream(), headers=CSV)
        assert response.status_code == 400
        assert "slower" in response.json()["errors"][0]["message"]

    async def test_a_definition_of_sql_takes_no_members(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant
    ) -> None:
        audience = await create_audience(platform, tenant.space_id, query="SELECT 1")
        assert (await upload(api, audience, PEOPLE)).status_code == 409
        response = await api.patch(f"audiences/{audience}/members", json={"remove": ["p1"]})
        assert response.status_code == 409

    async def test_a_linked_audience_has_entities_as_members(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant
    ) -> None:
        audience = await create_audience(platform, tenant.space_id, audience_type="LINKED")
        response = await upload(api, audience, PEOPLE)
        assert response.status_code == 422
        assert "entity_id" in response.json()["errors"][0]["message"]
        content = b"entity_id,profile_id\nhouse1,p1\nhouse2,p1\n"
        await computed(platform, tenant, await upload(api, audience, content))
        found = await member(api, audience, "house2")
        assert found["row"]["profileId"] == "p1"


def scratch_files(platform: Platform) -> list[str]:
    folder = platform.engine.scratch_file("").parent
    return [path.name for path in folder.iterdir() if path.is_file()]


class TestPatch:
    async def test_adds_replaces_and_removes(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        await supply(api, platform, tenant, audience, PEOPLE)
        response = await api.patch(
            f"audiences/{audience}/members",
            json={
                "add": [
                    {"profile_id": "p1", "email": ["old@example.com", "ada@example.org"]},
                    {"profile_id": "p3", "city": "Paris"},
                ],
                "remove": ["p2"],
            },
        )
        run = await computed(platform, tenant, response)
        assert run["kind"] == "patch"
        listed = (await api.get(f"audiences/{audience}/members")).json()["data"]["members"]
        assert [(row["id"], row["identifiers"], row["traits"]) for row in listed] == [
            ("p1", {"email": ["old@example.com", "ada@example.org"]}, {}),
            ("p3", {}, {"city": "Paris"}),
        ]
        assert scratch_files(platform) == []

    async def test_integers_of_any_size_are_taken(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        response = await api.patch(
            f"audiences/{audience}/members", json={"add": [{"profile_id": "p1", "points": 2**70}]}
        )
        await computed(platform, tenant, response)
        listed = (await api.get(f"audiences/{audience}/members")).json()["data"]["members"]
        assert float(listed[0]["traits"]["points"]) == 2**70

    async def test_patches_that_wait_share_a_run_and_the_last_word_counts(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        path = f"audiences/{audience}/members"
        first = await api.patch(path, json={"add": [{"profile_id": "p1"}, {"profile_id": "p2"}]})
        second = await api.patch(path, json={"remove": ["p1"]})
        assert first.json()["data"]["run"]["id"] == second.json()["data"]["run"]["id"]
        await computed(platform, tenant, second)
        assert (await member(api, audience, "p1"))["member"] is False
        assert (await member(api, audience, "p2"))["member"] is True
        async with platform.unit_of_work() as session:
            assert await session.scalar(select(func.count()).select_from(MemberPatch)) == 0

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "add"),
            ({"add": [], "remove": []}, "add"),
            ({"add": [{"profile_id": "p9"}, {"email": "x"}]}, "add.1.profile_id"),
            ({"add": [{"profile_id": 7}]}, "add.0.profile_id"),
            ({"add": [{"profile_id": "p9"}, {"profile_id": "p9"}]}, "add"),
            ({"add": [{"profile_id": "p9"}], "remove": ["p9"]}, "add"),
            ({"add": ["p9"]}, "add.0"),
            ({"remove": [""]}, "remove.0"),
            ({"remove": [7]}, "remove.0"),
            ({"members": []}, "members"),
        ],
    )
    async def test_names_what_is_wrong_and_keeps_nothing(
        self,
        api: httpx.AsyncClient,
        platform: Platform,
        audience: str,
        body: dict[str, Any],
        field: str,
    ) -> None:
        response = await api.patch(f"audiences/{audience}/members", json=body)
        assert response.status_code == 422, response.text
        assert response.json()["errors"][0]["field"] == field
        async with platform.unit_of_work() as session:
            for table in (MemberPatch, Run):
                assert await session.scalar(select(func.count()).select_from(table)) == 0

    async def test_a_value_that_does_not_fit_the_trait_is_refused_before_it_is_accepted(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        await supply(api, platform, tenant, audience, b"profile_id,age\np1,41\n")
        response = await api.patch(
            f"audiences/{audience}/members", json={"add": [{"profile_id": "p2", "age": "old"}]}
        )
        assert response.status_code == 422
        assert "age" in response.text


class TestPage:
    async def test_walks_one_snapshot_whatever_comes_meanwhile(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        ids = ["a,b", "é", "ü/x", "zz", "😀"]
        await supply(api, platform, tenant, audience, b"profile_id\n" + _lines(ids))
        seen: list[str] = []
        params: dict[str, Any] = {"pagination[count]": 2}
        while True:
            data = (await api.get(f"audiences/{audience}/members", params=params)).json()["data"]
            seen += [row["id"] for row in data["members"]]
            assert data["pagination"]["totalEntries"] == 5
            if not data["pagination"].get("next"):
                break
            if len(seen) == 2:
                await supply(api, platform, tenant, audience, b"profile_id\nnew\n")
            params["pagination[cursor]"] = data["pagination"]["next"]
        assert sorted(seen) == sorted(ids)
        fresh = (await api.get(f"audiences/{audience}/members")).json()["data"]
        assert [row["id"] for row in fresh["members"]] == ["new"]

    async def test_an_audience_that_was_never_computed_has_no_page(
        self, api: httpx.AsyncClient, audience: str
    ) -> None:
        data = (await api.get(f"audiences/{audience}/members")).json()["data"]
        assert data["members"] == []
        assert data["snapshotId"] is None

    async def test_a_cursor_of_another_audience_is_refused(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        await supply(api, platform, tenant, audience, b"profile_id\na\nb\n")
        data = (await api.get(f"audiences/{audience}/members?pagination[count]=1")).json()["data"]
        other = await create_audience(platform, tenant.space_id)
        response = await api.get(
            f"audiences/{other}/members",
            params={"pagination[count]": 1, "pagination[cursor]": data["pagination"]["next"]},
        )
        assert response.status_code == 422


def _lines(ids: list[str]) -> bytes:
    return "".join(f'"{member_id}"\n' for member_id in ids).encode()


class TestFind:
    async def test_says_since_which_snapshot(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        for content in (b"p1\np2", b"p2", b"p1\np2", b"p1\np2\np3"):
            await supply(api, platform, tenant, audience, b"profile_id\n" + content + b"\n")
        snapshots = (await api.get(f"audiences/{audience}/snapshots")).json()["data"]["snapshots"]
        by_version = {row["version"]: row["id"] for row in snapshots}
        one, two = await member(api, audience, "p1"), await member(api, audience, "p2")
        assert one["sinceSnapshotId"] == by_version[3]
        assert two["sinceSnapshotId"] == by_version[1]
        assert one["sinceIsExact"] is True
        assert one["snapshotId"] == by_version[4]

    async def test_a_stranger_is_not_in(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        assert (await member(api, audience, "p1"))["snapshotId"] is None
        await supply(api, platform, tenant, audience, PEOPLE)
        found = await member(api, audience, "nobody'; --")
        assert found["member"] is False
        assert found["row"] is None
        assert found["snapshotId"]


class TestStorage:
    async def test_an_upload_leaves_one_object_and_no_dataset(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        await supply(api, platform, tenant, audience, PEOPLE)
        keys = [key async for key, _, _ in platform.objects.list(f"spaces/{tenant.space_id}")]
        assert len(keys) == 1
        async with platform.unit_of_work() as session:
            assert await session.scalar(select(func.count()).select_from(Dataset)) == 0
            row = (await session.scalars(select(Audience))).one()
            assert row.current_snapshot_id is not None
            event = (await session.scalars(select(AuditEvent))).one()
            assert (event.type, event.resource_id) == ("Audience Members Supplied", audience)
