"""Definitions that read users' databases: over datasets, or pushed down to one database; and their failures."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from app.core import clock
from app.core.config import Settings
from app.core.errors import Invalid
from app.services.audiences import audiences, previews
from app.services.audiences.recompute import recompute_audience
from app.services.audiences.source_turns import room_of_run
from app.services.datasets import datasets
from app.services.datasets.dataset_content import put_dataset_content
from app.services.platform.platform import Platform, open_platform
from app.services.platform.stored_files import fetch_manifest
from app.snapshots.engine import Manifest
from app.storage.models import Audience, AudiencePreview, Run, Snapshot, Space
from tests.flow import ACTOR, Flow, eventually, installation, worker
from tests.users_database import PASSWORD, UsersDatabase

AS_OF = datetime(2026, 2, 1, tzinfo=UTC)

OVER_DATASETS = """SELECT customer_id AS profile_id, min(email) AS email, count(*) AS pieces, max(bought_at) AS last,
  bool_or(amount > 40) AS big
FROM orders WHERE bought_at < $as_of AND bought_at >= $as_of - INTERVAL '30 days' GROUP BY customer_id"""
IN_DATABASE = f"-- run in: Warehouse\n{OVER_DATASETS}"


@dataclass
class Shop:
    """A space whose audience is computed from a user's database."""

    flow: Flow
    database: UsersDatabase
    workspace_id: str

    @property
    def platform(self) -> Platform:
        return self.flow.platform

    async def dataset(self, name: str, **source: Any) -> str:
        """Create a dataset in the database. Returns its id."""
        fields = {**self.database.fields, **source}
        fields["ssl_mode"] = fields.pop("sslMode")
        async with self.platform.unit_of_work() as session:
            made = await datasets.create_dataset(
                session,
                self.platform.keyring,
                workspace_id=self.workspace_id,
                space_id=self.flow.space_id,
                name=name,
                kind="postgres",
                source=fields,
                actor=ACTOR,
            )
            return made.id

    async def define(self, query: str, audience_type: str = "USERS") -> str:
        """Create an audience. Returns its id."""
        async with self.platform.unit_of_work() as session:
            view = await audiences.create_audience(
                session,
                space_id=self.flow.space_id,
                name="Buyers",
                query=query,
                audience_type=audience_type,
                actor=ACTOR,
                now=clock.now(),
            )
            return view.audience.id

    async def open(self, audience_id: str, as_of: datetime = AS_OF) -> str:
        async with self.platform.unit_of_work() as session:
            run = await audiences.force_run(
                session,
                self.flow.space_id,
                audience_id,
                as_of=as_of,
                actor=ACTOR,
                now=clock.now(),
            )
            return run.id

    async def run(self, audience_id: str, as_of: datetime = AS_OF) -> Run:
        """Compute the audience once."""
        run_id = await self.open(audience_id, as_of)
        await recompute_audience(self.platform, self.flow.space_id, run_id, lane="test")
        return await self.row(run_id)

    async def computed(self, query: str) -> list[dict[str, Any]]:
        """Return the members of a definition, from their snapshot."""
        run = await self.run(await self.define(query))
        assert run.state == "complete", run.error
        return await self.members(run)

    async def members(self, run: Run) -> list[dict[str, Any]]:
        async with self.platform.unit_of_work() as session:
            snapshot = await session.get(Snapshot, (self.flow.space_id, run.snapshot_id))
            assert snapshot is not None
        local = await fetch_manifest(self.platform.objects, Manifest.from_json(snapshot.manifest))
        (file,) = local.base
        return pq.read_table(file).to_pylist()  # type: ignore[no-any-return,unused-ignore]

    async def row(self, run_id: str) -> Run:
        async with self.platform.unit_of_work() as session:
            run = await session.get(Run, (self.flow.space_id, run_id))
            assert run is not None
            return run

    async def preview(self, query: str) -> AudiencePreview:
        async with self.platform.unit_of_work() as session:
            made = await previews.create_preview(
                session,
                space_id=self.flow.space_id,
                audience_type="USERS",
                query=query,
                actor=ACTOR,
                now=clock.now(),
            )
        await previews.compute_preview(self.platform, self.flow.space_id, made.id)
        async with self.platform.unit_of_work() as session:
            return await previews.get_preview(session, self.flow.space_id, made.id)


@pytest.fixture
async def shop(platform: Platform, users_database: UsersDatabase) -> AsyncIterator[Shop]:
    async with installation(platform) as flow:
        async with platform.unit_of_work() as session:
            space = await session.get(Space, flow.space_id)
            assert space is not None
        made = Shop(flow, users_database, space.workspace_id)
        await made.dataset("warehouse")
        await made.dataset("orders", table="public.orders")
        yield made


@contextlib.asynccontextmanager
async def other_platform(settings: Settings, **changes: Any) -> AsyncIterator[Platform]:
    """A worker's platform with other settings."""
    opened = await open_platform(settings.model_copy(update=changes))
    try:
        yield opened
    finally:
        await opened.close()


class TestRuns:
    async def test_a_definition_over_a_dataset_in_a_database(self, shop: Shop) -> None:
        run = await shop.run(await shop.define(OVER_DATASETS))
        assert (run.state, run.members) == ("complete", 2), run.error
        found = {member["member_id"]: member for member in await shop.members(run)}
        assert found["00018"]["t_pieces"] == 2
        assert found["00018"]["id_email"] == ["grace@example.com"]
        assert found["00017"]["t_last"] == datetime(2026, 1, 3, 10)  # noqa: DTZ001

    async def test_run_in_the_database_gives_the_same(self, shop: Shop) -> None:
        here = await shop.computed(OVER_DATASETS)
        there = await shop.computed(IN_DATABASE)
        assert here == there
        assert len(here) == 2

    @pytest.mark.walk
    async def test_the_same_of_many_kinds(self, shop: Shop) -> None:
        for select in (
            "sum(amount) AS spent",
            "string_agg(email, ',' ORDER BY bought_at) AS emails",
            "array_agg(email ORDER BY bought_at) AS email",
            "CAST(min(bought_at) AS date) AS first_day",
            "CAST(avg(amount) AS double precision) AS mean",
            "CASE WHEN count(*) > 1 THEN 'again' END AS kind",
        ):
            query = f"SELECT customer_id AS profile_id, {select} FROM orders WHERE bought_at < $as_of GROUP BY 1"
            here = await shop.computed(query)
            assert here == await shop.computed(f"-- run in: warehouse\n{query}"), select

    @pytest.mark.walk
    async def test_the_moment_of_the_run_is_the_parameters(self, shop: Shop) -> None:
        for query in (OVER_DATASETS, IN_DATABASE):
            audience = await shop.define(query)
            assert (await shop.run(audience, datetime(2026, 1, 10, tzinfo=UTC))).members == 1
            assert (await shop.run(audience, datetime(2026, 4, 1, tzinfo=UTC))).members == 1

    async def test_a_dataset_may_be_a_query_with_the_moment_in_it(self, shop: Shop) -> None:
        await shop.dataset(
            "recent", query="SELECT customer_id FROM orders WHERE bought_at < $as_of -- so far"
        )
        found = await shop.computed("SELECT DISTINCT customer_id AS profile_id FROM recent")
        assert {member["member_id"] for member in found} == {"00017", "00018"}

    async def test_only_the_columns_that_a_definition_names_are_read(self, shop: Shop) -> None:
        """A column with a number that no file can hold is no fault as long as nobody asks for it."""
        await shop.dataset("mixed", query="SELECT customer_id, 'NaN'::numeric AS part FROM orders")
        found = await shop.computed("SELECT DISTINCT Customer_ID AS profile_id FROM mixed")
        assert len(found) == 3
        assert len(await shop.computed("SELECT count(*)::text AS profile_id FROM mixed")) == 1
        for query in (
            "SELECT customer_id AS profile_id, part FROM mixed",
            "SELECT DISTINCT customer_id AS profile_id FROM (SELECT * FROM mixed)",
        ):
            run = await shop.run(await shop.define(query))
            assert "column part has a number" in str(run.error)

    async def test_databases_and_uploads_are_joined(self, shop: Shop, tmp_path: Path) -> None:
        async with shop.platform.unit_of_work() as session:
            made = await datasets.create_dataset(
                session,
                shop.platform.keyring,
                workspace_id=shop.workspace_id,
                space_id=shop.flow.space_id,
                name="consents",
                kind="upload",
                source=None,
                actor=ACTOR,
            )

        async def content() -> AsyncIterator[bytes]:
            yield b"customer_id,agreed\n00017,true\n00018,false\n"

        await put_dataset_content(
            shop.platform,
            content(),
            space_id=shop.flow.space_id,
            dataset_id=made.id,
            content_type="text/csv",
            content_encoding=None,
            announced=None,
            actor=ACTOR,
            now=clock.now(),
        )
        run = await shop.run(
            await shop.define(
                "SELECT DISTINCT o.customer_id AS profile_id FROM orders o JOIN consents c USING (customer_id) "
                "WHERE c.agreed"
            )
        )
        assert run.members == 1, run.error
        assert run.sources is not None
        read = {source["name"]: source for source in run.sources}
        assert (read["orders"]["rows"], read["consents"]["rows"]) == (4, 2)
        assert len(read["consents"]["sha256"]) == 64
        assert read["orders"]["readAt"]

    async def test_only_what_a_definition_names_is_read(self, shop: Shop) -> None:
        await shop.dataset("broken", query="SELECT * FROM nowhere")
        run = await shop.run(await shop.define(OVER_DATASETS))
        assert run.state == "complete", run.error
        assert [source["name"] for source in run.sources or ()] == ["orders"]

    async def test_a_pushed_down_run_says_so(self, shop: Shop) -> None:
        run = await shop.run(await shop.define(IN_DATABASE))
        assert run.sources is not None
        (source,) = run.sources
        assert (source["name"], source["pushedDown"], source["rows"]) == ("warehouse", True, 2)

    async def test_rows_have_no_order_in_the_database_so_they_are_sorted(self, shop: Shop) -> None:
        values = "('b', 2), ('c', 1), ('a', 3)"
        await shop.dataset("up", query=f"SELECT * FROM (VALUES {values}) AS t(email, n)")
        await shop.dataset(
            "down", query=f"SELECT * FROM (VALUES {values}) AS t(email, n) ORDER BY 1 DESC"
        )
        for name in ("up", "down"):
            query = (
                f"SELECT 'p' AS profile_id, string_agg(email, '') AS emails FROM {name} GROUP BY 1"
            )
            run = await shop.run(await shop.define(query))
            (member,) = await shop.members(run)
            assert member["t_emails"] == "abc"
            assert run.notes is not None
            assert "ORDER BY email" in run.notes[0]

    async def test_a_pushed_down_run_has_notes(self, shop: Shop) -> None:
        query = (
            "-- run in: warehouse\nSELECT customer_id AS profile_id FROM orders GROUP BY 1 LIMIT 1"
        )
        run = await shop.run(await shop.define(query))
        assert run.notes is not None
        assert run.notes[0].startswith("LIMIT depends on the order of rows")
        assert (await shop.run(await shop.define(IN_DATABASE))).notes is None

    @pytest.mark.walk
    async def test_columns_without_values_and_ids_that_are_integers(self, shop: Shop) -> None:
        for first in ("", "-- run in: warehouse\n"):
            query = (
                f"{first}SELECT 17 AS profile_id, 4 AS user_id, min(email) AS email, NULL AS phone, NULL AS plan "
                "FROM orders"
            )
            (member,) = await shop.computed(query)
            assert (member["member_id"], member["id_user_id"]) == ("17", ["4"])
            assert member["id_email"] is not None
            assert member["id_phone"] is member["t_plan"] is None

    async def test_entities_of_a_linked_audience(self, shop: Shop) -> None:
        query = "-- run in: warehouse\nSELECT email AS entity_id, customer_id AS profile_id FROM orders GROUP BY 1, 2"
        run = await shop.run(await shop.define(query, "LINKED"))
        assert (run.state, run.members) == ("complete", 3), run.error


class TestFailures:
    @pytest.mark.walk
    async def test_a_wrong_definition_fails_the_run_at_once(self, shop: Shop) -> None:
        for query, words in [
            ("-- run in: warehouse\nSELECT nope AS profile_id FROM orders", 'column "nope" does not exist (line 2, column 8)'),
            ("-- run in: warehouse\nSELECT customer_id FROM orders", "The column profile_id is missing"),
            ("-- run in: warehouse\nSELECT 1.5 AS profile_id", "must be text"),
            ("-- run in: warehouse\nSELECT customer_id AS profile_id FROM orders", "must be unique"),
            ("-- run in: warehouse\nSELECT secret AS profile_id FROM secrets", "permission denied"),
            ("-- run in: warehouse\nWITH x AS (SELECT 'a' AS p), y AS (DELETE FROM orders RETURNING 1) SELECT p AS profile_id FROM x", "top level"),
            ("SELECT id AS profile_id FROM warehouse", "-- run in: warehouse"),
            ("SELECT nope AS profile_id FROM orders", "nope"),
        ]:  # fmt: skip
            run = await shop.run(await shop.define(query))
            assert run.state == "failed", query
            assert run.error is not None
            assert words in run.error["message"]

    async def test_a_wrong_password_fails_the_run_at_once_and_is_not_told(self, shop: Shop) -> None:
        await shop.dataset("locked", password="not-this-password", table="orders")
        for query in (
            "SELECT customer_id AS profile_id FROM locked",
            "-- run in: locked\nSELECT customer_id AS profile_id FROM orders",
        ):
            run = await shop.run(await shop.define(query))
            assert run.state == "failed"
            assert run.error is not None
            assert run.error["message"].startswith("Dataset locked: 127.0.0.1")
            assert "not-this-password" not in str(run.error)

    async def test_an_address_inside_fails_the_run(self, shop: Shop, settings: Settings) -> None:
        audience = await shop.define(IN_DATABASE)
        async with other_platform(settings, outbound_allow="") as closed:
            run_id = await shop.open(audience)
            await recompute_audience(closed, shop.flow.space_id, run_id, lane="test")
        run = await shop.row(run_id)
        assert run.state == "failed"
        assert "may not be called" in str(run.error)

    @pytest.mark.walk
    async def test_a_database_that_is_away_is_tried_again_then_fails_the_run_and_nothing_is_sent(
        self, shop: Shop
    ) -> None:
        query = "-- run in: warehouse\nSELECT DISTINCT customer_id AS profile_id FROM orders"
        audience = await shop.define(query)
        first = await shop.run(audience)
        shop.database.kill()
        try:
            async with worker(shop.platform):
                run = await shop.flow.finished(await shop.open(audience))
        finally:
            shop.database.start()
        assert run.state == "failed"
        assert run.attempts > 1
        assert run.error is not None
        assert "no PostgreSQL listens there" in run.error["message"]
        assert PASSWORD not in str(run.error)
        async with shop.platform.unit_of_work() as session:
            row = await session.get(Audience, (shop.flow.space_id, audience))
            assert row is not None
            assert row.current_snapshot_id == first.snapshot_id
        assert (await shop.run(audience)).state == "complete"

    @pytest.mark.walk
    async def test_a_database_that_dies_while_it_is_read_and_comes_back_is_read_again(
        self, shop: Shop
    ) -> None:
        await shop.dataset(
            "numbers",
            query="SELECT i::text AS id FROM generate_series(1, 50000) AS i "
            "UNION ALL SELECT 'the last' FROM (SELECT pg_sleep(2)) AS nap",
        )
        audience = await shop.define("SELECT id AS profile_id FROM numbers")
        run_id = await shop.open(audience)
        task = asyncio.create_task(
            recompute_audience(shop.platform, shop.flow.space_id, run_id, lane="test")
        )
        await eventually(lambda: shop.database.active() > 0)
        shop.database.kill()
        await task
        shop.database.start()
        run = await shop.row(run_id)
        assert (run.state, run.snapshot_id) == ("new", None)
        assert "Dataset numbers: the connection" in str(run.error)
        async with worker(shop.platform):
            run = await shop.flow.finished(run_id)
        assert (run.state, run.members, run.error) == ("complete", 50_001, None)

    async def test_a_worker_that_stops_cancels_the_query_at_the_server(self, shop: Shop) -> None:
        audience = await shop.define(
            "-- run in: warehouse\nSELECT pg_sleep(60)::text AS profile_id"
        )
        run_id = await shop.open(audience)
        task = asyncio.create_task(
            recompute_audience(shop.platform, shop.flow.space_id, run_id, lane="test")
        )
        await eventually(lambda: shop.database.active() == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: shop.database.connected() == 0)
        assert (await shop.row(run_id)).state == "new"

    @pytest.mark.walk
    async def test_a_query_that_takes_too_long_is_stopped_there_too(
        self, shop: Shop, settings: Settings
    ) -> None:
        audience = await shop.define(
            "-- run in: warehouse\nSELECT pg_sleep(60)::text AS profile_id"
        )
        async with other_platform(settings, source_timeout=timedelta(seconds=1)) as hasty:
            run_id = await shop.open(audience)
            await recompute_audience(hasty, shop.flow.space_id, run_id, lane="test")
        run = await shop.row(run_id)
        assert run.state == "failed"
        assert "took longer than 1 seconds" in str(run.error)
        assert shop.database.connected() == 0

    @pytest.mark.parametrize("query", [OVER_DATASETS, IN_DATABASE])
    async def test_without_room_it_is_put_off_and_called_when_there_is_some(
        self, shop: Shop, settings: Settings, query: str
    ) -> None:
        run_id = await shop.open(await shop.define(query))
        async with other_platform(settings, source_concurrency=1) as busy:
            async with room_of_run(busy, "another", "run"):
                await recompute_audience(busy, shop.flow.space_id, run_id, lane="test")
                run = await shop.row(run_id)
                assert (run.state, run.attempts, run.error) == ("new", 0, None)
                assert run.next_at is not None, "it would be taken up again at once"
            assert (await shop.row(run_id)).next_at is None, "nobody called it"
            await recompute_audience(busy, shop.flow.space_id, run_id, lane="test")
        run = await shop.row(run_id)
        assert (run.state, run.attempts, run.error) == ("complete", 1, None)

    @pytest.mark.walk
    async def test_slow_databases_hold_up_neither_uploads_nor_syncs(self, shop: Shop) -> None:
        """There are more of them than a worker recomputes at a time."""
        query = "-- run in: warehouse\nSELECT pg_sleep(12)::text AS profile_id"
        for _ in range(16):
            await shop.open(await shop.define(query))
        activation_id = await shop.flow.activate(resync=True)
        async with worker(shop.platform):
            await eventually(lambda: shop.database.active() > 0)
            await asyncio.sleep(0.5)
            supplied = await shop.flow.supply([{"profile_id": "p1", "email": "a@example.com"}])
            run = await shop.flow.finished(supplied.id, 8)
            assert (run.state, run.error) == ("complete", None)
            await eventually(lambda: shop.flow.received(activation_id) == {"p1"}, 8)
            assert shop.database.active() > 0, "they were done before"

    @pytest.mark.walk
    async def test_a_run_tells_how_far_it_is(self, shop: Shop) -> None:
        await shop.dataset(
            "slow",
            query="SELECT i::text AS id FROM generate_series(1, 3999) AS i "
            "UNION ALL SELECT 'the last' FROM (SELECT pg_sleep(2.5)) AS nap",
        )
        run_id = await shop.open(await shop.define("SELECT id AS profile_id FROM slow"))
        task = asyncio.create_task(
            recompute_audience(shop.platform, shop.flow.space_id, run_id, lane="test")
        )

        async def rows() -> int | None:
            sources = (await shop.row(run_id)).sources or [{"rows": 0}]
            return int(sources[0]["rows"]) or None

        seen = await eventually(rows, 20)
        assert 0 < seen < 4000
        await task
        assert (await shop.row(run_id)).members == 4000


class TestSaving:
    async def test_names_the_field_and_the_way_out(self, shop: Shop) -> None:
        for query, words in [
            ("-- run in: elsewhere\nSELECT 1", r"elsewhere, which is no database .* there are: orders, warehouse"),
            ("-- run in:\nSELECT 1", "nothing, which is no database"),
            ("-- run in: warehouse\nDELETE FROM orders", "begins with SELECT or WITH"),
            ("-- run in: warehouse\nSELECT 1; SELECT 2", "semicolon"),
            ("-- run in: warehouse\nSELECT now()", r"\$as_of"),
            ("-- run in: warehouse\nSELECT $1", r"only parameter is \$as_of"),
            ("-- run in: warehouse", "begins with SELECT"),
        ]:  # fmt: skip
            with pytest.raises(Invalid) as caught:
                await shop.define(query)
            (problem,) = caught.value.problems
            assert problem.field == "definition.query"
            assert re.search(words, problem.message), problem.message

    async def test_takes_postgresqls_own_dialect(self, shop: Shop) -> None:
        for query in [
            "--RUN IN: WAREHOUSE  \r\nSELECT 'a' AS profile_id",
            "\n  -- run in: warehouse\n-- and more\nWITH x AS (SELECT 'a' AS p) SELECT p AS profile_id FROM x;",
            "-- run in: orders\nSELECT data @> '{}' AS ok, 'a' AS profile_id FROM t",
        ]:
            await shop.define(query)

    async def test_an_ordinary_comment_is_one(self, shop: Shop) -> None:
        await shop.define("-- source: the shop; run in: nothing\nSELECT 'a' AS profile_id")

    async def test_databases_of_other_spaces_are_not_there(self, shop: Shop) -> None:
        async with installation(shop.platform) as other:
            stranger = Shop(other, shop.database, shop.workspace_id)
            with pytest.raises(Invalid, match="no database"):
                await stranger.define("-- run in: warehouse\nSELECT 1")
            with pytest.raises(Invalid) as refused:
                await stranger.define("SELECT 1 AS profile_id FROM orders")
            assert "no dataset orders" in refused.value.problems[0].message


class TestPreviews:
    async def test_both_ways(self, shop: Shop) -> None:
        for query in (OVER_DATASETS, IN_DATABASE):
            preview = await shop.preview(query)
            assert preview.status in {"COMPLETED", "FAILED"}, preview.failure_reason
            assert preview.failure_reason is None
            assert preview.size is not None

    @pytest.mark.walk
    async def test_where_there_is_no_room_it_says_so_before_its_lease_ends(
        self, shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(previews, "_LATEST", timedelta(seconds=1))
        async with contextlib.AsyncExitStack() as readings:
            for _ in range(settings.source_concurrency):
                await readings.enter_async_context(shop.platform.readings.short)
            preview = await shop.preview(IN_DATABASE)
        assert "no room" in str(preview.failure_reason)

    async def test_says_what_is_wrong(self, shop: Shop) -> None:
        preview = await shop.preview("-- run in: warehouse\nSELECT nope AS profile_id FROM orders")
        assert preview.status == "FAILED"
        assert 'column "nope" does not exist' in str(preview.failure_reason)
