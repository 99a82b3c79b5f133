from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.connectors import registry
from app.connectors.destinations.file_export.settings import S3Settings
from app.connectors.destinations.talon_one.definition import DEFINITION as TALON_ONE_DEFINITION
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.services.accounts import open_account, seal_settings, unseal_settings
from app.services.platform.platform import Platform
from app.storage.models import AuditEvent, Destination
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.factories import create_activation
from tests.integration.api_extensions.receiver import Receiver, start_receiver

WEBHOOK: dict[str, Any] = {
    "slug": "webhook",
    "name": "Receiver",
    "settings": {"url": "https://hooks.example.com/audiences"},
}
TALON_ONE = {"base_url": "https://ours.europe-west1.talon.one", "api_key": "0123456789abcdef"}
CANARY = "whsec_" + "Q0FOQVJZLUNBTkFSWS1DQU5BUlktQ0FOQVJZ"


async def create(api: httpx.AsyncClient, **settings: Any) -> dict[str, Any]:
    body = {**WEBHOOK, "settings": {**WEBHOOK["settings"], **settings}}
    response = await api.post("destinations", json=body)
    assert response.status_code == 200, response.text
    destination: dict[str, Any] = response.json()["data"]["destination"]
    return destination


def fields(response: httpx.Response) -> list[str | None]:
    return [error.get("field") for error in response.json()["errors"]]


async def test_shows_how_much_of_a_budget_is_used(
    api: httpx.AsyncClient, platform: Platform
) -> None:
    assert await platform.queue.ping()
    body = {"slug": "talon_one", "name": "T", "settings": TALON_ONE}
    response = await api.post("destinations", json=body)
    assert response.status_code == 200, response.text
    made = response.json()["data"]["destination"]
    unused = {"name": "requests", "calls": 20, "windowSeconds": 1, "used": 0, "until": None}
    assert made["rateBudgets"] == [unused]
    gate = platform.budgets.gate(made["id"], TALON_ONE_DEFINITION.rate_budgets, resync=False)
    for _ in range(3):
        await gate(httpx.Request("PUT", "https://talon.example/v2/audiences/1"))
    for path in (f"destinations/{made['id']}", "destinations"):
        data = (await api.get(path)).json()["data"]
        found = data["destination"] if "destination" in data else data["destinations"][0]
        (budget,) = found["rateBudgets"]
        assert budget["used"] in (1, 2, 3)
        assert budget["until"] is not None
    assert (await create(api))["rateBudgets"] == [], "the service does not limit a webhook"


class TestCreate:
    async def test_shows_a_generated_secret_this_once(self, api: httpx.AsyncClient) -> None:
        made = await create(api)
        secret = made["settings"]["secret"]
        assert secret.startswith("whsec_")
        again = (await api.get(f"destinations/{made['id']}")).json()["data"]["destination"]
        assert again["settings"]["secret"] == {"set": True, "last4": secret[-4:]}
        assert again["settings"]["url"] == WEBHOOK["settings"]["url"]
        assert len(made["id"]) == 24

    async def test_a_secret_of_the_user_is_never_answered(self, api: httpx.AsyncClient) -> None:
        made = await create(api, secret=CANARY, headers={"Authorization": "Bearer CANARY-header"})
        assert made["settings"]["secret"] == {"set": True, "last4": CANARY[-4:]}
        assert made["settings"]["headers"] == {"Authorization": {"set": True, "last4": "ader"}}

    async def test_is_kept_encrypted(self, api: httpx.AsyncClient, platform: Platform) -> None:
        await create(api, secret=CANARY)
        async with platform.unit_of_work() as session:
            row = (await session.scalars(select(Destination))).one()
            assert row.settings.startswith(b"v1|k1|")
            assert CANARY.encode() not in row.settings

    async def test_writes_the_audit_trail(self, api: httpx.AsyncClient, platform: Platform) -> None:
        made = await create(api)
        async with platform.unit_of_work() as session:
            event = (await session.scalars(select(AuditEvent))).one()
            assert (event.type, event.resource_id) == ("Destination Created", made["id"])

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"slug": "nowhere", "name": "x"}, "slug"),
            ({"slug": "webhook", "name": "x", "settings": {}}, "settings.url"),
            ({"slug": "webhook", "name": "x", "settings": {"url": "ftp://x"}}, "settings.url"),
            ({"slug": "webhook", "name": "x", "settings": {"url": 7}}, "settings.url"),
            (
                {"slug": "webhook", "name": "x", "settings": {"url": "https://x.y", "colour": 1}},
                "settings.colour",
            ),
            (
                {"slug": "webhook", "name": "x", "settings": {"url": "https://x.y", "secret": "s"}},
                "settings.secret",
            ),
            (
                {
                    "slug": "webhook",
                    "name": "x",
                    "settings": {"url": "https://x.y", "secret": {"set": True, "last4": "abcd"}},
                },
                "settings.secret",
            ),
            ({"slug": "webhook", "settings": {"url": "https://x.y"}}, "name"),
            ({**WEBHOOK, "workspaceId": "wsp_other"}, "workspaceId"),
        ],
    )
    async def test_names_the_field_at_fault(
        self, api: httpx.AsyncClient, body: dict[str, Any], field: str
    ) -> None:
        response = await api.post("destinations", json=body)
        assert response.status_code == 422
        assert fields(response) == [field]

    async def test_a_repeat_under_an_idempotency_key_gets_the_same_answer(
        self, api: httpx.AsyncClient
    ) -> None:
        headers = {"Idempotency-Key": "once"}
        first = await api.post("destinations", json=WEBHOOK, headers=headers)
        second = await api.post("destinations", json=WEBHOOK, headers=headers)
        assert first.json() == second.json()
        listed = (await api.get("destinations")).json()["data"]
        assert listed["pagination"]["totalEntries"] == 1


class TestSettingsCheck:
    """Settings are checked at the partner before they are saved."""

    async def test_tells_a_wrong_key_and_stores_nothing(self, api: httpx.AsyncClient) -> None:
        async with Sandbox([KlaviyoEmulator(limits=False)]) as sandbox:
            settings = {"base_url": sandbox.urls["klaviyo"], "api_key": "pk_of_nobody"}
            body = {"slug": "klaviyo", "settings": settings}
            wrong = await api.post("destination-checks", json=body)
            assert wrong.status_code == 200, wrong.text
            check = wrong.json()["data"]["check"]
            assert not check["ok"]
            assert "invalid or revoked" in check["message"]
            settings["api_key"] = "pk_sandbox"
            right = await api.post("destination-checks", json=body)
            assert right.json()["data"]["check"]["ok"]
            body["connectionSettings"] = {"list_id": "none"}
            unknown = await api.post("destination-checks", json=body)
            assert "no list none" in unknown.json()["data"]["check"]["message"]
        assert (await api.get("destinations")).json()["data"]["destinations"] == []

    async def test_a_change_is_checked_without_being_saved(self, api: httpx.AsyncClient) -> None:
        async with Sandbox([KlaviyoEmulator(limits=False)]) as sandbox:
            settings = {"base_url": sandbox.urls["klaviyo"], "api_key": "pk_sandbox"}
            body = {"slug": "klaviyo", "name": "K", "settings": settings}
            made = (await api.post("destinations", json=body)).json()["data"]["destination"]
            path = f"destinations/{made['id']}/checks"
            changed = await api.post(path, json={"settings": {"api_key": "pk_of_nobody"}})
            assert not changed.json()["data"]["check"]["ok"]
            stored = await api.post(path, json={})
            assert stored.json()["data"]["check"]["ok"], "the stored key is another one"

    async def test_a_secret_that_will_be_generated_cannot_be_checked(
        self, api: httpx.AsyncClient
    ) -> None:
        body = {"slug": "webhook", "settings": WEBHOOK["settings"]}
        response = await api.post("destination-checks", json=body)
        assert response.status_code == 422
        assert fields(response) == ["settings.secret"]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"slug": "nowhere"}, "slug"),
            ({"slug": "klaviyo", "settings": {}}, "settings.api_key"),
            (
                {
                    "slug": "klaviyo",
                    "settings": {"api_key": "pk_1", "base_url": "http://169.254.169.254/"},
                },
                "settings.base_url",
            ),
        ],
    )
    async def test_names_the_field_at_fault(
        self, api: httpx.AsyncClient, body: dict[str, Any], field: str
    ) -> None:
        response = await api.post("destination-checks", json=body)
        assert response.status_code == 422
        assert fields(response) == [field]


class TestList:
    async def test_pages_in_the_order_of_making(self, api: httpx.AsyncClient) -> None:
        made = [(await create(api))["id"] for _ in range(3)]
        first = (await api.get("destinations?pagination[count]=2")).json()["data"]
        assert first["pagination"]["totalEntries"] == 3
        cursor = first["pagination"]["next"]
        second = (
            await api.get(
                "destinations", params={"pagination[count]": 2, "pagination[cursor]": cursor}
            )
        ).json()["data"]
        found = [row["id"] for row in first["destinations"] + second["destinations"]]
        assert sorted(found) == sorted(made)
        assert "next" not in second["pagination"]


class TestUpdate:
    async def test_merges_settings_and_keeps_the_secret(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant
    ) -> None:
        from app.services.accounts.settings import unseal_settings

        made = await create(api, secret=CANARY, headers={"X-Api-Key": "CANARY-header-value"})
        shown = (await api.get(f"destinations/{made['id']}")).json()["data"]["destination"]
        # The returned settings can be sent back with one change.
        settings = {**shown["settings"], "method": "PUT"}
        response = await api.patch(
            f"destinations/{made['id']}", json={"name": "New", "settings": settings}
        )
        assert response.status_code == 200, response.text
        assert response.json()["data"]["destination"]["name"] == "New"
        async with platform.unit_of_work() as session:
            row = (await session.scalars(select(Destination))).one()
        kept = unseal_settings(platform.keyring, tenant.workspace_id, row)
        assert kept["secret"] == CANARY
        assert kept["headers"] == {"X-Api-Key": "CANARY-header-value"}
        assert kept["method"] == "PUT"

    async def test_a_null_secret_makes_a_new_one_and_the_old_signs_on(
        self, api: httpx.AsyncClient
    ) -> None:
        made = await create(api)
        response = await api.patch(
            f"destinations/{made['id']}", json={"settings": {"secret": None}}
        )
        settings = response.json()["data"]["destination"]["settings"]
        assert settings["secret"].startswith("whsec_")
        assert settings["secret"] != made["settings"]["secret"]
        assert settings["previous_secret"]["last4"] == made["settings"]["secret"][-4:]

    async def test_bad_settings_change_nothing(self, api: httpx.AsyncClient) -> None:
        made = await create(api)
        response = await api.patch(
            f"destinations/{made['id']}", json={"name": "New", "settings": {"url": "x"}}
        )
        assert response.status_code == 422
        assert fields(response) == ["settings.url"]
        shown = (await api.get(f"destinations/{made['id']}")).json()["data"]["destination"]
        assert shown["name"] == "Receiver"

    async def test_an_unknown_key_is_refused(self, api: httpx.AsyncClient) -> None:
        made = await create(api)
        response = await api.patch(f"destinations/{made['id']}", json={"slug": "file-download"})
        assert response.status_code == 422
        assert fields(response) == ["slug"]

    async def test_new_settings_reactivate_what_the_account_had_paused(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant
    ) -> None:
        made = await create(api)
        scene = await create_activation(platform, tenant.space_id, made["id"])
        await scene.pause_by_account(platform)
        await api.patch(
            f"destinations/{made['id']}", json={"settings": {"url": "https://fixed.example.com/"}}
        )
        assert await scene.state(platform) == "active"


class TestDelete:
    async def test_removes(self, api: httpx.AsyncClient) -> None:
        made = await create(api)
        response = await api.delete(f"destinations/{made['id']}")
        assert response.json() == {"data": {"status": "SUCCESS"}}
        assert (await api.get(f"destinations/{made['id']}")).status_code == 404
        assert (await api.delete(f"destinations/{made['id']}")).status_code == 404

    async def test_in_use_is_a_conflict_that_names_the_audience(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant
    ) -> None:
        made = await create(api)
        scene = await create_activation(platform, tenant.space_id, made["id"])
        response = await api.delete(f"destinations/{made['id']}")
        assert response.status_code == 409
        error = response.json()["errors"][0]
        assert scene.audience_id in error["message"]
        assert error["data"] == {"audiences": [scene.audience_id]}

    async def test_one_that_receives_notices_is_a_conflict_that_names_the_activation(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant
    ) -> None:
        made, told = await create(api), await create(api)
        scene = await create_activation(platform, tenant.space_id, made["id"])
        path = f"audiences/{scene.audience_id}/activations/{scene.activation_id}/delivery-options"
        for recipients, status in (({"destinationId": told["id"]}, 409), ({}, 200)):
            saved = await api.patch(path, json={"notifications": recipients})
            assert saved.status_code == 200, saved.text
            response = await api.delete(f"destinations/{told['id']}")
            assert response.status_code == status
            if status == 409:
                error = response.json()["errors"][0]
                assert scene.activation_id in error["message"]
                assert error["data"] == {"activations": [scene.activation_id]}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Run an HTTP server on the loopback with a given response."""
    async with start_receiver() as running:
        yield running


class TestCheck:
    async def test_says_that_the_receiver_takes_it(
        self, api: httpx.AsyncClient, receiver: Receiver
    ) -> None:
        made = await create(api, url=receiver.url)
        response = await api.post(f"destinations/{made['id']}/checks", json={})
        assert response.status_code == 200, response.text
        assert response.json()["data"]["check"]["ok"] is True
        assert receiver.requests == 1

    async def test_says_what_is_wrong_in_the_partners_terms(
        self, api: httpx.AsyncClient, receiver: Receiver
    ) -> None:
        receiver.status = 401
        made = await create(api, url=receiver.url)
        check = (await api.post(f"destinations/{made['id']}/checks")).json()["data"]["check"]
        assert check["ok"] is False
        assert "401" in check["message"]

    async def test_a_private_address_that_is_not_opened_is_refused(
        self, api: httpx.AsyncClient
    ) -> None:
        body = {"slug": "webhook", "name": "Hook", "settings": {"url": "https://10.1.2.3/hook"}}
        refused = await api.post("destinations", json=body)
        (error,) = refused.json()["errors"]
        assert (refused.status_code, error["field"]) == (422, "settings.url")
        assert "add 10.1.2.3:443 to ACTIVATIONS_OUTBOUND_ALLOW" in error["message"]

    async def test_a_pass_reactivates_what_the_account_had_paused(
        self, api: httpx.AsyncClient, receiver: Receiver, platform: Platform, tenant: Tenant
    ) -> None:
        made = await create(api, url=receiver.url)
        scene = await create_activation(platform, tenant.space_id, made["id"])
        await scene.pause_by_account(platform)
        receiver.status = 500
        await api.post(f"destinations/{made['id']}/checks")
        assert await scene.state(platform) == "error"
        receiver.status = 204
        await api.post(f"destinations/{made['id']}/checks")
        assert await scene.state(platform) == "active"
        async with platform.unit_of_work() as session:
            row = (await session.scalars(select(Destination))).one()
            assert row.open_until is None

    async def test_says_nothing_of_settings_that_came_while_it_ran(
        self, api: httpx.AsyncClient, receiver: Receiver, platform: Platform, tenant: Tenant
    ) -> None:
        made = await create(api, url=receiver.url)
        scene = await create_activation(platform, tenant.space_id, made["id"])

        async def change() -> None:
            receiver.on_request = None
            body = {"settings": {"url": receiver.url + "/other"}}
            await api.patch(f"destinations/{made['id']}", json=body)
            await scene.pause_by_account(platform)

        receiver.on_request = change
        check = (await api.post(f"destinations/{made['id']}/checks")).json()["data"]["check"]
        assert check["ok"] is True
        assert await scene.state(platform) == "error"

    async def test_no_transaction_is_open_while_the_partner_is_asked(
        self, api: httpx.AsyncClient, receiver: Receiver, platform: Platform
    ) -> None:
        made = await create(api, url=receiver.url)
        seen: list[int] = []

        async def look() -> None:
            seen.append(platform.database.engine.pool.checkedout())  # type: ignore[attr-defined]  # a QueuePool

        receiver.on_request = look
        await api.post(f"destinations/{made['id']}/checks")
        assert seen == [0]


ACCOUNTS: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "webhook": (
        {"url": "https://hooks.example.com/in", "headers": {"X-Team": "1234567", "X-Api-Key": "k"}},
        {"url": "https://evil.example/in"},
        ["headers"],
    ),
    "klaviyo": ({"api_key": "pk_key"}, {"base_url": "https://evil.example"}, ["api_key"]),
    "braze": (
        {"api_key": "key", "rest_endpoint": "https://rest.iad-01.braze.com"},
        {"rest_endpoint": "https://rest.iad-02.braze.com"},
        ["api_key"],
    ),
    "talon-one": (
        {"base_url": "https://one.talon.one", "api_key": "k1", "management_key": "k2"},
        {"base_url": "https://two.talon.one"},
        ["api_key", "management_key"],
    ),
    "s3": (
        {"bucket": "files", "access_key_id": "id", "secret_access_key": "key"},
        {"endpoint_url": "https://evil.example"},
        ["secret_access_key"],
    ),
    "gcs": (
        {
            "bucket": "files",
            "service_account_json": json.dumps(
                {"type": "service_account", "client_email": "a@b.example", "private_key": "x"}
            ),
        },
        {"endpoint_url": "https://evil.example"},
        ["service_account_json"],
    ),
}


class TestWhereSecretsGo:
    @pytest.mark.parametrize("slug", ACCOUNTS)
    async def test_a_stored_secret_never_goes_to_another_place(
        self, api: httpx.AsyncClient, slug: str
    ) -> None:
        settings, move, secrets = ACCOUNTS[slug]
        made = await api.post("destinations", json={**WEBHOOK, "slug": slug, "settings": settings})
        assert made.status_code == 200, made.text
        shown = made.json()["data"]["destination"]
        path = f"destinations/{shown['id']}"
        masked = {name: shown["settings"][name] for name in secrets}
        for change in (move, move | masked):
            response = await api.patch(path, json={"settings": change})
            assert response.status_code == 422, response.text
            assert fields(response) == [f"settings.{name}" for name in secrets]
            assert f"because {next(iter(move))} changes" in response.json()["errors"][0]["message"]
        again = move | {name: settings[name] for name in secrets}
        moved = await api.patch(path, json={"settings": again})
        assert moved.status_code == 200, moved.text
        # Settings that decide the target host may be sent unchanged without the secrets.
        same = await api.patch(
            path, json={"settings": moved.json()["data"]["destination"]["settings"]}
        )
        assert same.status_code == 200, same.text

    async def test_a_webhook_that_only_signs_moves_freely(self, api: httpx.AsyncClient) -> None:
        made = await create(api, secret=CANARY)
        body = {"settings": {"url": "https://elsewhere.example.com/in"}}
        response = await api.patch(f"destinations/{made['id']}", json=body)
        assert response.status_code == 200, response.text

    def test_every_setting_that_is_an_address_is_named_as_one(self) -> None:
        for definition in registry.definitions():
            model = registry.get(definition.slug).settings_model
            addresses = {
                name for name in model.model_fields if name.endswith(("url", "endpoint", "host"))
            }
            assert addresses == set(model.where_to), definition.slug


def service_account(token_uri: Any) -> str:
    key = {"type": "service_account", "client_email": "a@b.example", "private_key": "x"}
    return json.dumps({**key, "token_uri": token_uri})


S3_KEY = {"bucket": "files", "access_key_id": "id", "secret_access_key": "key"}
TOKEN_URIS: list[Any] = [
    5,
    ["x"],
    {},
    "",
    "ftp://x.example",
    "https://0177.0.0.1",
    "https://u:p@a.example",
    "https://",
    True,
]
UNREADABLE: list[tuple[dict[str, Any], str]] = [
    *(
        ({"slug": slug, "settings": {**settings, "endpoint_url": url}}, "settings.endpoint_url")
        for slug, settings in (("s3", S3_KEY), ("gcs", {"bucket": "files"}))
        for url in (
            "https://0177.0.0.1", "https://127.0.0.01", "https://[::1", "https://a:99999", "https://a:0",
            "https://xn--a.example", "https://a.example:80:80", "https://%", "https://a b",
        )
    ),
    *(
        ({"slug": "gcs", "settings": {"bucket": "files", "service_account_json": service_account(uri)}},
         "settings.service_account_json")
        for uri in TOKEN_URIS
    ),
    *(({"slug": "webhook", "settings": {"url": url}}, "settings.url") for url in ("https://0177.0.0.1", "https://a:99999/")),
    ({"slug": "klaviyo", "settings": {"api_key": "pk_key", "base_url": "https://0177.0.0.1"}}, "settings.base_url"),
]  # fmt: skip


class TestAddresses:
    async def test_that_cannot_be_read_are_refused_when_they_are_stored(
        self, api: httpx.AsyncClient
    ) -> None:
        for body, field in UNREADABLE:
            response = await api.post("destinations", json={"name": "x", **body})
            assert response.status_code == 422, body
            assert fields(response) == [field], response.text


ROLE = {"bucket": "files", "role_arn": "arn:aws:iam::123456789012:role/theirs"}


class TestRoles:
    async def test_are_refused_until_the_operator_permits_them(
        self, api: httpx.AsyncClient
    ) -> None:
        body = {"slug": "s3", "name": "x", "settings": ROLE}
        response = await api.post("destinations", json=body)
        assert (response.status_code, fields(response)) == (422, ["settings.role_arn"])
        assert "ACTIVATIONS_S3_ROLES" in response.text

    async def test_are_assumed_with_the_external_id_of_the_workspace(
        self,
        api: httpx.AsyncClient,
        platform: Platform,
        tenant: Tenant,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setitem(platform.settings.__dict__, "s3_roles", "on")
        ours = f"audience-activations-{tenant.workspace_id}"
        theirs = {"slug": "s3", "name": "x", "settings": {**ROLE, "external_id": "of-another"}}
        response = await api.post("destinations", json=theirs)
        assert (response.status_code, fields(response)) == (422, ["settings.external_id"])
        assert ours in response.text
        body = {"slug": "s3", "name": "x", "settings": ROLE}
        made = (await api.post("destinations", json=body)).json()["data"]["destination"]
        assert made["settings"]["external_id"] == ours
        path = f"destinations/{made['id']}"
        same = await api.patch(path, json={"settings": made["settings"]})
        assert same.status_code == 200, same.text
        # Settings that were stored before, with an external id of the user's, load and do not use it.
        stored = {**ROLE, "external_id": "of-another"}
        async with platform.unit_of_work() as session:
            row = await session.get(Destination, (tenant.space_id, made["id"]))
            assert row is not None
            row.settings = seal_settings(platform.keyring, tenant.workspace_id, row.id, stored)
            account = open_account(platform.keyring, tenant.workspace_id, row)
        assert isinstance(account.settings, S3Settings)
        assert account.settings.external_id is not None
        assert account.settings.external_id.get_secret_value() == ours
        shown = (await api.get(path)).json()["data"]["destination"]["settings"]
        assert shown["external_id"] == ours
        renamed = await api.patch(path, json={"settings": {"region": "eu-west-1"}})
        assert renamed.status_code == 200, renamed.text


class TestWriteOnly:
    async def test_header_values_and_parameters_of_a_webhook_are_not_shown(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant
    ) -> None:
        url = "https://hooks.example.com/in?token=CANARY-in-the-url&b=2"
        made = await create(api, url=url, headers={"X-Team": "CANARY-in-a-header", "X-B": "b"})
        path = f"destinations/{made['id']}"
        shown = (await api.get(path)).json()["data"]["destination"]["settings"]
        assert shown["url"] == "https://hooks.example.com/in?token=<hidden>&b=<hidden>"
        assert shown["headers"] == {
            "X-Team": {"set": True, "last4": "ader"},
            "X-B": {"set": True, "last4": None},
        }
        assert "CANARY" not in json.dumps(made)
        # What is shown may be sent back, with a header more.
        more = {"headers": {**shown["headers"], "X-C": "c"}, "url": shown["url"]}
        changed = await api.patch(path, json={"settings": more})
        assert changed.status_code == 200, changed.text
        async with platform.unit_of_work() as session:
            row = await session.get(Destination, (tenant.space_id, made["id"]))
            assert row is not None
            stored = unseal_settings(platform.keyring, tenant.workspace_id, row)
        assert stored["url"] == url
        assert stored["headers"] == {"X-Team": "CANARY-in-a-header", "X-B": "b", "X-C": "c"}

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"url": "https://other.example.com/in?token=<hidden>&b=<hidden>"}, "settings.url"),
            ({"headers": {"X-New": {"set": True, "last4": None}}}, "settings.headers.X-New"),
        ],
    )
    async def test_what_hides_nothing_is_refused(
        self, api: httpx.AsyncClient, change: dict[str, Any], field: str
    ) -> None:
        made = await create(
            api, url="https://hooks.example.com/in?token=x", headers={"X-Team": "t"}
        )
        response = await api.patch(f"destinations/{made['id']}", json={"settings": change})
        assert (response.status_code, fields(response)) == (422, [field]), response.text


class TestSecrets:
    async def test_never_come_back_in_answers_or_logs(
        self, api: httpx.AsyncClient, receiver: Receiver, capfd: pytest.CaptureFixture[str]
    ) -> None:
        made = await create(
            api, url=receiver.url, secret=CANARY, headers={"X-Api-Key": "CANARY-header-value"}
        )
        path = f"destinations/{made['id']}"
        receiver.status = 403
        answers = [
            json.dumps(made),
            (await api.get(path)).text,
            (await api.get("destinations")).text,
            (await api.patch(path, json={"settings": {"method": "PUT"}})).text,
            (await api.patch(path, json={"settings": {"url": CANARY}})).text,
            (await api.patch(path, json={"settings": {"secret": CANARY + "!"}})).text,
            (await api.post(path + "/checks")).text,
            (await api.get("../../audit-events")).text,
            (await api.delete(path)).text,
        ]
        output = capfd.readouterr()
        for text in (*answers, output.out, output.err):
            assert CANARY not in text
            assert "CANARY-header-value" not in text
