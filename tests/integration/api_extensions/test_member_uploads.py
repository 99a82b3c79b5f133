"""Uploads of all members of an audience."""

from __future__ import annotations

import gzip
from typing import Any

import httpx
import pytest
import zstandard

from app.services.platform.platform import Platform
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.factories import create_audience
from tests.integration.api_extensions.supply import (
    CSV,
    NDJSON,
    PARQUET,
    PEOPLE,
    computed,
    member,
    parquet,
    scratch_files,
    supply,
    upload,
)


class TestPut:
    async def test_opens_a_run_that_makes_the_upload_current(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
    ) -> None:
        run = await computed(platform, tenant, await upload(api, audience, PEOPLE))
        assert (run["kind"], run["trigger"], run["status"]) == ("upload", "upload", "new")
        read = [
            (column["name"], column["role"], column["type"]) for column in run["reading"]["columns"]
        ]
        assert read == [
            ("profile_id", "id", "VARCHAR"),
            ("email", "identifier", "VARCHAR[]"),
            ("city", "trait", "VARCHAR"),
        ]
        assert run["reading"]["skipped"] == run["reading"]["absent"] == {}
        shown = (await api.get(f"audiences/{audience}/runs/{run['id']}")).json()["data"]["run"]
        assert shown["status"] == "complete"
        assert shown["reading"] == run["reading"]
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
            (b'{"profile_id":7.5}\n', NDJSON, "must be text"),
            (b'{"profile_id":"p1"}\n{"email":"x"}\n', NDJSON, "Line 2"),
            (b'{"profile_id":"p1"}\n{"profile_id":"p1"}\n', NDJSON, "more than once"),
            (parquet(profile_id=[1.5, 2.5]), PARQUET, "profile_id"),
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


class TestDelimiters:
    BOTH = b"profile_id;city,zip\np1;Bonn,53111\n"

    async def test_two_that_fit_are_asked_for_and_the_answer_is_remembered(
        self, api: httpx.AsyncClient, audience: str
    ) -> None:
        path = f"audiences/{audience}/members"
        response = await api.put(path, content=self.BOTH, headers=CSV)
        assert response.status_code == 422
        assert "query parameter delimiter" in response.json()["errors"][0]["message"]
        for params in ({"delimiter": "semicolon"}, {}):
            response = await api.put(path, content=self.BOTH, headers=CSV, params=params)
            assert response.status_code == 200, response.text
            reading = response.json()["data"]["run"]["reading"]
            assert reading["dialect"]["delimiter"] == ";"
            assert [column["name"] for column in reading["columns"]] == ["profile_id", "city,zip"]

    @pytest.mark.parametrize(
        ("headers", "delimiter"), [(CSV, "ab"), (CSV, '"'), (CSV, "x"), (NDJSON, "comma")]
    )
    async def test_others_are_refused(
        self, api: httpx.AsyncClient, audience: str, headers: dict[str, str], delimiter: str
    ) -> None:
        content = b'{"profile_id":"p1"}\n' if headers is NDJSON else PEOPLE
        path = f"audiences/{audience}/members"
        response = await api.put(
            path, content=content, headers=headers, params={"delimiter": delimiter}
        )
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == "delimiter"

    async def test_an_encoding_that_is_named_is_read(
        self, api: httpx.AsyncClient, audience: str
    ) -> None:
        """Excel's "CSV" in Western Europe."""
        content = "profile_id;stadt\r\np1;Köln\r\np2;Zoë €\r\n".encode("cp1252")
        refused = await upload(api, audience, content)
        assert refused.status_code == 422
        assert "Line 2 is not UTF-8 text" in refused.text
        headers = {"Content-Type": "text/csv; charset=windows-1252"}
        response = await upload(api, audience, content, headers)
        assert response.status_code == 200, response.text
        dialect = response.json()["data"]["run"]["reading"]["dialect"]
        assert (dialect["encoding"], dialect["delimiter"]) == ("windows-1252", ";")

    async def test_an_encoding_is_detected_if_the_upload_asks_for_it(
        self, api: httpx.AsyncClient, audience: str
    ) -> None:
        headers = {"Content-Type": "text/csv; charset=detect"}
        content = "profile_id;stadt\r\np1;Köln\r\np2;Zoë €\r\n".encode("cp1252")
        response = await upload(api, audience, content, headers)
        assert response.status_code == 200, response.text
        dialect = response.json()["data"]["run"]["reading"]["dialect"]
        assert (dialect["encoding"], dialect["detectedBy"]) == ("windows-1252", "ö, ë")
        unclear = await upload(api, audience, "profile_id\nMichèle\n".encode("cp1252"), headers)
        assert unclear.status_code == 422
        assert unclear.json()["errors"][0]["field"] == "charset"
        assert "windows-1252 (its letters are then è) or windows-1250" in unclear.text

    async def test_utf_16_is_read(self, api: httpx.AsyncClient, audience: str) -> None:
        """Excel's "Unicode text"."""
        content = "profile_id\tstadt\r\np1\tKöln\r\n".encode("utf-16")
        headers = {"Content-Type": "text/csv; charset=utf-16"}
        response = await upload(api, audience, content, headers)
        assert response.status_code == 200, response.text
        assert response.json()["data"]["run"]["reading"]["dialect"] == {
            "encoding": "utf-16-le",
            "detectedBy": None,
            "byteOrderMark": True,
            "compression": None,
            "lineEnds": ["CRLF"],
            "delimiter": "\t",
            "quote": '"',
            "skipsBlanks": False,
        }
