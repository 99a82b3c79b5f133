"""Every route of the extensions: tokens, scopes, and what another workspace sees. The routes come from the application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import text

from app.api.edge import ApiRoute
from app.api.extensions import router
from app.services.platform.platform import Platform
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.factories import Scene, create_activation

ROUTES = [
    (method, route.path)
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
]
#: Routes of the installation: no token of the tests below has their scope.
OPERATOR = {
    (method, route.path)
    for route in router.routes
    if isinstance(route, ApiRoute) and route.operation.scope == "operator"
    for method in route.methods or ()
}
#: Of the workspace of the token: there is no name of another's in the path.
TRAIL = ("GET", "/audit-changes")
#: The same for all workspaces.
CATALOGUE = {("GET", "/catalogue"), ("GET", "/catalogue/{slug}")}
OF_SPACES = [one for one in ROUTES if one not in {*OPERATOR, *CATALOGUE, TRAIL}]
LISTINGS = (
    "summary",
    "syncs",
    "destinations",
    "datasets",
    "activations",
    "options",
    "notices",
    "erasures",
    "notices/test",
    "destination-checks",
    "profiles/{id}",  # what is not found is an empty result
)
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/destinations"): {"slug": "webhook", "name": "x", "settings": {"url": "https://x.y"}},
    ("POST", "/destination-checks"): {"slug": "webhook", "settings": {"url": "https://x.y"}},
    ("POST", "/datasets"): {"name": "x", "kind": "upload"},
    ("PATCH", "/members"): {"add": [{"profile_id": "x"}]},
    ("POST", "/test-sends"): {"profileId": "p1"},
    ("POST", "/notices/test"): {"email": "crm@example.com"},
}


@dataclass(frozen=True)
class Belongings:
    """One resource of each kind, in the other workspace's space."""

    tenant: Tenant
    scene: Scene
    dataset_id: str

    def path(self, template: str, **others: str) -> str:
        names = {
            "spaceId": self.tenant.space_id,
            "audienceId": self.scene.audience_id,
            "id": self.scene.activation_id,
            "destinationId": self.scene.destination_id,
            "datasetId": self.dataset_id,
            "contentId": "cnt_1",
            "runId": "run_1",
            "snapshotId": "snp_1",
            "syncId": "syn_1",
            "profileId": "p1",
            "tokenId": "none",
            "slug": "webhook",
            "erasureId": "ers_1",
            **others,
        }
        return template.format(**names)


async def create_belongings(
    platform: Platform, client: httpx.AsyncClient, tenant: Tenant
) -> Belongings:
    headers = {"Authorization": f"Bearer {tenant.token}"}
    base = f"/spaces/{tenant.space_id}"
    destination = await client.post(
        f"{base}/destinations",
        json={"slug": "webhook", "name": "x", "settings": {"url": "https://x.y"}},
        headers=headers,
    )
    dataset = await client.post(
        f"{base}/datasets", json={"name": "theirs", "kind": "upload"}, headers=headers
    )
    scene = await create_activation(
        platform, tenant.space_id, destination.json()["data"]["destination"]["id"]
    )
    return Belongings(tenant, scene, dataset.json()["data"]["dataset"]["id"])


@pytest.fixture
async def belongings(platform: Platform, client: httpx.AsyncClient, stranger: Tenant) -> Belongings:
    """The other workspace's resources."""
    return await create_belongings(platform, client, stranger)


def request_of(method: str, template: str) -> dict[str, Any]:
    for (verb, end), body in BODIES.items():
        if verb == method and template.endswith(end):
            return {"json": body}
    if method == "PUT":
        return {"content": b"profile_id\np1\n", "headers": {"Content-Type": "text/csv"}}
    return {"json": {}} if method in ("POST", "PATCH") else {}


async def ask(
    client: httpx.AsyncClient, method: str, path: str, template: str, token: str | None
) -> httpx.Response:
    options = request_of(method, template)
    headers = dict(options.pop("headers", {}))
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return await client.request(method, path, headers=headers, **options)


async def contents(platform: Platform) -> dict[str, list[str]]:
    """Return all rows of all tables that a route could change, as text."""
    tables = ("destination", "dataset", "activation", "audience", "run", "sync", "member_patch")
    async with platform.unit_of_work() as session:
        return {
            table: sorted(
                row[0]
                for row in await session.execute(text(f"SELECT CAST(t AS text) FROM {table} t"))
            )
            for table in tables
        }


class TestEveryRoute:
    async def test_asks_for_a_token(
        self, client: httpx.AsyncClient, belongings: Belongings
    ) -> None:
        assert len(ROUTES) > 30
        # Not every token with every route: wrong tokens from one address are limited.
        wrong = (None, "aact_live_wrong", belongings.tenant.token[:-1] + "_")
        transport = client._transport
        assert isinstance(transport, httpx.ASGITransport)
        for number, (method, template) in enumerate(ROUTES):
            transport.client = (f"192.0.2.{number // 50}", 1)
            path = belongings.path(template)
            response = await ask(client, method, path, template, wrong[number % len(wrong)])
            assert response.status_code == 401, (method, template)
            assert response.json()["errors"][0]["type"] == "unauthorized"

    @pytest.mark.walk
    async def test_that_writes_asks_for_the_scope(
        self, client: httpx.AsyncClient, belongings: Belongings, platform: Platform
    ) -> None:
        before = await contents(platform)
        for method, template in ROUTES:
            path = belongings.path(template)
            response = await ask(client, method, path, template, belongings.tenant.reader)
            if method == "GET" and (method, template) not in OPERATOR:
                # 409: the webhook of the test has no lists.
                assert response.status_code in (200, 404, 409), (method, template, response.text)
            else:
                assert response.status_code == 403, (method, template)
        assert await contents(platform) == before

    async def test_of_the_installation_asks_for_the_scope_operator(
        self, client: httpx.AsyncClient, belongings: Belongings, platform: Platform
    ) -> None:
        before = await contents(platform)
        assert OPERATOR
        for method, template in OPERATOR:
            path = belongings.path(template)
            response = await ask(client, method, path, template, belongings.tenant.token)
            assert response.status_code == 403, (method, template)
        assert await contents(platform) == before

    async def test_shows_a_stranger_nothing_and_lets_nothing_be_changed(
        self,
        client: httpx.AsyncClient,
        belongings: Belongings,
        platform: Platform,
        tenant: Tenant,
    ) -> None:
        before = await contents(platform)
        unknown = {"spaceId": "spa_unknown"}
        for method, template in OF_SPACES:
            theirs = await ask(client, method, belongings.path(template), template, tenant.token)
            nobodys = await ask(
                client, method, belongings.path(template, **unknown), template, tenant.token
            )
            assert theirs.status_code == 404, (method, template, theirs.text)
            # The message repeats the id that was asked for, and nothing else differs.
            said = theirs.text.replace(belongings.tenant.space_id, "spa_unknown")
            assert said == nobodys.text
        own, theirs = [
            await ask(client, *TRAIL, TRAIL[1], token)
            for token in (tenant.token, belongings.tenant.token)
        ]
        assert not own.json()["data"]["events"]
        assert len(theirs.json()["data"]["events"]) == 2
        assert await contents(platform) == before

    async def test_finds_nothing_of_others_under_the_own_space(
        self,
        client: httpx.AsyncClient,
        belongings: Belongings,
        platform: Platform,
        tenant: Tenant,
    ) -> None:
        before = await contents(platform)
        for method, template in OF_SPACES:
            if template.removeprefix("/spaces/{spaceId}/") in LISTINGS:
                continue  # name nothing but the space
            path = belongings.path(template, spaceId=tenant.space_id)
            response = await ask(client, method, path, template, tenant.token)
            assert response.status_code == 404, (method, template, response.text)
        assert await contents(platform) == before

    @pytest.mark.walk
    async def test_does_not_know_what_does_not_exist(
        self, client: httpx.AsyncClient, platform: Platform, tenant: Tenant
    ) -> None:
        own = await create_belongings(platform, client, tenant)
        for name in (
            "audienceId",
            "id",
            "destinationId",
            "datasetId",
            "runId",
            "snapshotId",
            "syncId",
        ):
            for method, template in ROUTES:
                if f"{{{name}}}" not in template or template.endswith("/profiles/{id}"):
                    continue
                path = own.path(template, **{name: "nothing' OR '1'='1"})
                response = await ask(client, method, path, template, tenant.token)
                assert response.status_code == 404, (method, template, response.text)

    async def test_answers_errors_in_the_envelope_when_the_method_is_wrong(
        self, client: httpx.AsyncClient, belongings: Belongings
    ) -> None:
        for _, template in ROUTES:
            response = await ask(
                client, "TRACE", belongings.path(template), template, belongings.tenant.token
            )
            assert response.status_code == 405
            assert response.json()["errors"]

    def test_declares_its_errors_and_an_answer(self) -> None:
        for route in router.routes:
            if getattr(route, "path", "") == "/exports/{token}":
                continue  # a link for browsers: its token is its right, and its answer is a file
            assert isinstance(route, APIRoute)
            declared = set(route.responses)
            of_space = {404, 422} if "{" in route.path else set()
            assert {200, 401, 403, 429, *of_space} <= declared, route.path
            assert route.tags, route.path
            if (route.methods or set()) & {"PUT"}:
                assert {413, 415, 507} <= declared, route.path
