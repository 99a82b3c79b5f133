"""Datasets in a user's database: created, changed and checked; no response contains the password."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest

from app.core import clock
from app.core.config import Settings
from app.core.crypto import Keyring, KeyringError
from app.services.datasets import datasets
from app.services.platform.platform import Platform, open_platform
from app.services.tenancy import key_rotation
from app.storage.models import Dataset
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.factories import create_audience
from tests.integration.services.tenancy.test_key_rotation import NEW, under
from tests.users_database import PASSWORD, UsersDatabase

FIELDS = {"host": "db.example.com", "database": "shop", "user": "reader", "password": PASSWORD}


async def create(
    api: httpx.AsyncClient, source: dict[str, Any], name: str = "orders"
) -> dict[str, Any]:
    body = {"name": name, "kind": "postgres", "source": source}
    response = await api.post("datasets", json=body)
    assert response.status_code == 200, response.text
    dataset: dict[str, Any] = response.json()["data"]["dataset"]
    return dataset


async def check(api: httpx.AsyncClient, dataset_id: str) -> dict[str, Any]:
    response = await api.post(f"datasets/{dataset_id}/checks")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()["data"]["check"]
    return found


class TestCreate:
    async def test_answers_all_but_the_password(self, api: httpx.AsyncClient) -> None:
        made = await create(api, {**FIELDS, "table": "public.orders"})
        assert made["source"] == {
            "host": "db.example.com",
            "port": 5432,
            "database": "shop",
            "user": "reader",
            "password": {"set": True},
            "sslMode": "verify-full",
            "caCertificate": None,
            "table": "public.orders",
            "query": None,
        }
        assert (made["kind"], made["rows"], made["columns"]) == ("postgres", None, [])
        listed = await api.get("datasets")
        assert PASSWORD not in listed.text
        assert listed.json()["data"]["datasets"] == [made]

    async def test_an_upload_has_no_source(self, api: httpx.AsyncClient) -> None:
        made = (await api.post("datasets", json={"name": "sales", "kind": "upload"})).json()
        assert made["data"]["dataset"]["source"] is None

    @pytest.mark.parametrize(
        ("source", "field"),
        [
            (None, "source"),
            ({**FIELDS, "host": "/var/run/postgresql"}, "source.host"),
            ({**FIELDS, "host": "a.example.com,b.example.com"}, "source.host"),
            ({**FIELDS, "host": "db.example.com?sslrootcert=/etc/passwd"}, "source.host"),
            ({**FIELDS, "port": 0}, "source.port"),
            ({**FIELDS, "port": "5432"}, "source.port"),
            ({**FIELDS, "database": "shop\n"}, "source.database"),
            ({**FIELDS, "password": ""}, "source.password"),
            ({**FIELDS, "password": {"set": True}}, "source.password"),
            ({**FIELDS, "sslMode": "prefer"}, "source.sslMode"),
            ({**FIELDS, "sslrootcert": "/etc/passwd"}, "source.sslrootcert"),
            ({**FIELDS, "dsn": "postgresql://x"}, "source.dsn"),
            ({**FIELDS, "caCertificate": "/etc/ssl/ca.pem"}, "source.caCertificate"),
            ({**FIELDS, "caCertificate": "¢("}, "source.caCertificate"),
            ({**FIELDS, "table": 'a"; DROP'}, "source.table"),
            ({**FIELDS, "table": "a.b.c"}, "source.table"),
            ({**FIELDS, "query": "DELETE FROM orders"}, "source.query"),
            ({**FIELDS, "query": "SELECT 1; SELECT 2"}, "source.query"),
            ({**FIELDS, "query": "SELECT now() AS at"}, "source.query"),
            ({**FIELDS, "table": "a", "query": "SELECT 1"}, "source"),
            ({name: value for name, value in FIELDS.items() if name != "user"}, "source.user"),
        ],
    )
    async def test_names_the_field_at_fault_and_not_the_password(
        self, api: httpx.AsyncClient, source: Any, field: str
    ) -> None:
        body = {"name": "orders", "kind": "postgres", "source": source}
        response = await api.post("datasets", json=body)
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == field, response.text
        assert PASSWORD not in response.text

    async def test_a_source_is_for_databases(self, api: httpx.AsyncClient) -> None:
        body = {"name": "orders", "kind": "upload", "source": FIELDS}
        response = await api.post("datasets", json=body)
        assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "source")

    async def test_nothing_is_put_into_it(self, api: httpx.AsyncClient) -> None:
        made = await create(api, FIELDS)
        response = await api.put(
            f"datasets/{made['id']}/content",
            content=b"a\n1\n",
            headers={"Content-Type": "text/csv"},
        )
        assert response.status_code == 409


class TestSecrets:
    async def test_the_row_and_the_trail_hold_no_password(
        self, api: httpx.AsyncClient, platform: Platform
    ) -> None:
        made = await create(api, FIELDS)
        await api.patch(f"datasets/{made['id']}", json={"source": {"password": "another-password"}})
        for table in ("dataset", "audit_event", "idempotency_key"):
            rows = await platform.hot.fetch(f"SELECT t::text AS row FROM {table} t")
            for row in rows:
                assert PASSWORD not in row["row"]
                assert "another-password" not in row["row"]
                assert PASSWORD.encode().hex() not in row["row"]

    @pytest.mark.walk
    async def test_the_log_holds_no_password(
        self,
        api: httpx.AsyncClient,
        users_database: UsersDatabase,
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            made = await create(api, {**users_database.fields, "password": "not-this-password"})
            assert not (await check(api, made["id"]))["ok"]
        assert "not-this-password" not in caplog.text
        assert "not-this-password" not in "".join(capfd.readouterr())

    async def test_another_key_is_taken_over(
        self, api: httpx.AsyncClient, platform: Platform, settings: Settings, tenant: Tenant
    ) -> None:
        made = await create(api, FIELDS)
        assert settings.encryption_keys is not None
        old = settings.encryption_keys.get_secret_value()
        both = await open_platform(under(settings, NEW, old))
        try:
            done = await key_rotation.rotate_keys(both)
            assert (done.written, done.unreadable) == (1, [])
            assert done.left == {"k2": 1, "k1": 0}
        finally:
            await both.close()
        async with platform.unit_of_work() as session:
            row = await session.get(Dataset, (tenant.space_id, made["id"]))
            assert row is not None
            assert row.settings is not None
            assert Keyring.key_of(row.settings) == "k2"

    async def test_a_ciphertext_of_another_row_does_not_open(
        self, api: httpx.AsyncClient, platform: Platform
    ) -> None:
        """A person who can write to our database cannot move a secret to a row that they can read."""
        await create(api, FIELDS, "one")
        other = await create(api, FIELDS, "other")
        await platform.hot.execute(
            "UPDATE dataset SET settings = (SELECT settings FROM dataset WHERE name = 'one')"
        )
        with pytest.raises(KeyringError):
            await api.get(f"datasets/{other['id']}")


class TestUpdate:
    async def test_merges_and_a_table_takes_the_place_of_a_query(
        self, api: httpx.AsyncClient
    ) -> None:
        made = await create(api, {**FIELDS, "query": "SELECT 1 AS one"})
        path = f"datasets/{made['id']}"
        changed = (await api.patch(path, json={"source": {"table": "orders"}})).json()
        source = changed["data"]["dataset"]["source"]
        assert (source["table"], source["query"], source["host"]) == (
            "orders",
            None,
            "db.example.com",
        )
        changed = (await api.patch(path, json={"source": {"table": None}})).json()
        assert changed["data"]["dataset"]["source"]["table"] is None

    @pytest.mark.parametrize(
        "change",
        [
            {"host": "evil.example.com"},
            {"port": 6432},
            {"sslMode": "disable"},
            {"sslMode": "require"},
        ],
    )
    async def test_the_stored_password_goes_nowhere_else(
        self, api: httpx.AsyncClient, change: dict[str, Any]
    ) -> None:
        """Otherwise a user with the write scope could have it sent to another server."""
        made = await create(api, FIELDS)
        path = f"datasets/{made['id']}"
        response = await api.patch(path, json={"source": change})
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == "source.password"
        again = {**change, "password": PASSWORD}
        assert (await api.patch(path, json={"source": again})).status_code == 200

    async def test_an_upload_has_nothing_to_change(self, api: httpx.AsyncClient) -> None:
        made = (await api.post("datasets", json={"name": "sales", "kind": "upload"})).json()
        path = f"datasets/{made['data']['dataset']['id']}"
        assert (await api.patch(path, json={"source": {"user": "x"}})).status_code == 409
        assert (await api.post(f"{path}/checks")).status_code == 409


class TestCheck:
    @pytest.mark.walk
    async def test_shows_columns_and_keeps_them(
        self, api: httpx.AsyncClient, users_database: UsersDatabase
    ) -> None:
        made = await create(api, {**users_database.fields, "table": "orders"})
        found = await check(api, made["id"])
        assert found["ok"], found
        assert {column["name"]: column["type"] for column in found["columns"]} == {
            "customer_id": "VARCHAR",
            "email": "VARCHAR",
            "amount": "DECIMAL",
            "bought_at": "TIMESTAMP",
        }
        dataset = (await api.get(f"datasets/{made['id']}")).json()["data"]["dataset"]
        assert dataset["columns"] == found["columns"]

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"password": "not-this-password"}, "refused the login of reader"),
            ({"database": "elsewhere"}, 'database "elsewhere" does not exist'),
            ({"query": "SELECT nope\nFROM orders"}, 'column "nope" does not exist (line 1, column 8)'),
            ({"host": "169.254.169.254", "port": 5432}, "its address is not public"),
            ({"host": "localhost", "port": 1}, "ACTIVATIONS_OUTBOUND_ALLOW"),
        ],
    )  # fmt: skip
    async def test_says_in_words_what_is_wrong(
        self,
        api: httpx.AsyncClient,
        users_database: UsersDatabase,
        change: dict[str, Any],
        words: str,
    ) -> None:
        made = await create(api, {**users_database.fields, **change})
        found = await check(api, made["id"])
        assert not found["ok"]
        if change.get("host") != "localhost":  # which may mean ::1 as well
            assert words in found["message"]

    async def test_a_loopback_that_nobody_opened_is_refused(
        self,
        api: httpx.AsyncClient,
        tenant: Tenant,
        settings: Settings,
        users_database: UsersDatabase,
    ) -> None:
        made = await create(api, users_database.fields)
        closed = await open_platform(settings.model_copy(update={"outbound_allow": ""}))
        try:
            found = await datasets.check_dataset(
                closed,
                workspace_id=tenant.workspace_id,
                space_id=tenant.space_id,
                dataset_id=made["id"],
                now=clock.now(),
            )
        finally:
            await closed.close()
        assert not found.ok
        assert "may not be called" in found.message
        assert (await check(api, made["id"]))["ok"]


class TestDelete:
    async def test_a_definition_that_runs_there_is_a_conflict(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant
    ) -> None:
        made = await create(api, FIELDS, "warehouse")
        audience = await create_audience(
            platform, tenant.space_id, query="-- run in: warehouse\nSELECT id AS profile_id FROM t"
        )
        response = await api.delete(f"datasets/{made['id']}")
        assert response.status_code == 409
        assert audience in response.json()["errors"][0]["message"]


class TestTenancy:
    async def test_a_stranger_sees_and_changes_nothing(
        self, api: httpx.AsyncClient, stranger: Tenant
    ) -> None:
        made = await create(api, FIELDS)
        path = f"datasets/{made['id']}"
        api.headers["Authorization"] = f"Bearer {stranger.token}"
        for response in (
            await api.get(path),
            await api.patch(path, json={"source": {"user": "x"}}),
            await api.post(f"{path}/checks"),
        ):
            assert response.status_code == 404
        # In the other workspace's space, the id is unknown.
        theirs = f"/spaces/{stranger.space_id}/{path}"
        assert (await api.get(f"http://service{theirs}")).status_code == 404

    async def test_who_may_only_read_changes_and_checks_nothing(
        self, api: httpx.AsyncClient, tenant: Tenant
    ) -> None:
        made = await create(api, FIELDS)
        api.headers["Authorization"] = f"Bearer {tenant.reader}"
        path = f"datasets/{made['id']}"
        assert (await api.patch(path, json={"source": {"user": "x"}})).status_code == 403
        assert (await api.post(f"{path}/checks")).status_code == 403
