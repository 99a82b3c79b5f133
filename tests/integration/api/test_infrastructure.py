"""Versions, errors, routing and health: what all requests share."""

from __future__ import annotations

import httpx
from fastapi import FastAPI

from app.core.version import VERSION
from tests.integration.api.conftest import Tenant

ALPHA = "application/vnd.segment.v1alpha+json"


class TestRouting:
    async def test_unknown_route_is_404_in_the_envelope(self, api: httpx.AsyncClient) -> None:
        answer = await api.get("/nothing/here")
        assert answer.status_code == 404
        words = "There is no path /nothing/here. The page /docs lists all operations."
        assert answer.json() == {"errors": [{"type": "not-found", "message": words}]}

    async def test_wrong_method_is_405(self, api: httpx.AsyncClient) -> None:
        answer = await api.delete("/spaces")
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
        assert answer.json()["errors"][0]["type"] == "method-not-allowed"

    async def test_leading_slashes_collapse(self, api: httpx.AsyncClient, tenant: Tenant) -> None:
        for path in ("//spaces", f"///spaces/{tenant.space_id}"):
            assert (await api.get(f"http://service{path}")).status_code == 200

    async def test_trailing_slash_is_404_and_no_redirect(self, api: httpx.AsyncClient) -> None:
        assert (await api.get("/spaces/")).status_code == 404

    async def test_options_and_head(self, api: httpx.AsyncClient) -> None:
        assert (await api.options("/spaces")).headers["allow"] == "GET, HEAD, OPTIONS, POST"
        assert (await api.head("/spaces")).status_code == 200

    async def test_nul_in_an_id_is_404(self, api: httpx.AsyncClient) -> None:
        assert (await api.get("/spaces/a%00b")).status_code == 404


class TestBodies:
    async def test_broken_json_is_400(self, api: httpx.AsyncClient) -> None:
        for body in (b"{", b"", b'{"name": NaN}', b"\xff", b"[" * 100_000):
            answer = await api.post("/spaces", content=body)
            assert answer.status_code == 400, body[:20]
            assert answer.json()["errors"][0]["type"] == "bad-request"

    async def test_faults_are_422_with_their_path(self, api: httpx.AsyncClient) -> None:
        for body, field in (
            ({}, "name"),
            ({"name": 3}, "name"),
            ({"name": None}, "name"),
            ({"name": "a\0b"}, "name"),
            ({"name": "x" * 256}, "name"),
        ):
            answer = await api.post("/spaces", json=body)
            assert answer.status_code == 422, body
            error = answer.json()["errors"][0]
            assert error["type"] == "input-validation"
            assert error["field"] == field
            assert "input" not in error

    async def test_half_a_surrogate_pair_is_422(self, api: httpx.AsyncClient) -> None:
        answer = await api.post("/spaces", content=b'{"name": "\\ud800"}')
        assert answer.status_code == 422

    async def test_too_deep_is_422(self, api: httpx.AsyncClient) -> None:
        deep = b'{"name": "x", "extra": ' + b"[" * 40 + b"]" * 40 + b"}"
        assert (await api.post("/spaces", content=deep)).status_code == 422

    async def test_too_large_is_413(self, api: httpx.AsyncClient) -> None:
        answer = await api.post("/spaces", content=b'{"name": "' + b"x" * 2_000_000 + b'"}')
        assert answer.status_code == 413
        assert answer.json()["errors"][0]["type"] == "payload-too-large"

    async def test_unknown_keys_of_segments_operations_are_dropped(
        self, api: httpx.AsyncClient, tenant: Tenant
    ) -> None:
        body = {"name": "Keys", "audienceType": "USERS", "definition": {"query": ""}}
        answer = await api.post(
            f"/spaces/{tenant.space_id}/audiences", json={**body, "id": "aud_x", "rows": 1}
        )
        assert answer.status_code == 200
        assert answer.json()["data"]["audience"]["id"] != "aud_x"

    async def test_unknown_keys_of_our_own_operations_are_refused(
        self, api: httpx.AsyncClient
    ) -> None:
        answer = await api.post("/spaces", json={"name": "Keys", "workspaceId": "ws_x"})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "workspaceId"


class TestVersions:
    async def test_vendor_type_is_echoed(self, api: httpx.AsyncClient) -> None:
        for accept in (ALPHA, "application/vnd.segment.alpha+json"):
            answer = await api.get("/spaces", headers={"Accept": accept})
            assert answer.headers["content-type"] == accept

    async def test_generic_types_get_json(self, api: httpx.AsyncClient) -> None:
        for accept in ("*/*", "application/*", "application/json", "text/html, */*;q=0.1"):
            answer = await api.get("/spaces", headers={"Accept": accept})
            assert answer.headers["content-type"] == "application/json"

    async def test_q_decides(self, api: httpx.AsyncClient) -> None:
        answer = await api.get(
            "/spaces", headers={"Accept": f"application/json;q=0.2, {ALPHA};q=0.9"}
        )
        assert answer.headers["content-type"] == ALPHA

    async def test_a_version_that_is_lacking_is_406(self, api: httpx.AsyncClient) -> None:
        for accept in ("application/vnd.segment.v1+json", "text/html", f"{ALPHA};q=0"):
            answer = await api.get("/spaces", headers={"Accept": accept})
            assert answer.status_code == 406, accept
            assert answer.headers["content-type"] == "application/json"

    async def test_body_types(self, api: httpx.AsyncClient) -> None:
        for good in (ALPHA, "application/json; charset=utf-8", "application/vnd.segment.v9+json"):
            answer = await api.post("/spaces", content=b"{}", headers={"Content-Type": good})
            assert answer.status_code == 422, good
        for bad in ("text/plain", "application/xml", "application/x-www-form-urlencoded"):
            answer = await api.post("/spaces", content=b"{}", headers={"Content-Type": bad})
            assert answer.status_code == 415, bad


class TestBugs:
    async def test_are_500_with_an_empty_detail(
        self, application: FastAPI, api: httpx.AsyncClient
    ) -> None:
        application.state.gate = None
        answer = await api.get("/spaces")
        assert answer.status_code == 500
        assert answer.json() == {"errors": [{"type": "internal", "message": ""}]}


NO_WORKER = "no worker is live: uploads are accepted, but nothing is computed or sent"


class TestHealth:
    async def test_live_ready_and_metrics(self, api: httpx.AsyncClient) -> None:
        assert (await api.get("/health/live")).json() == {"status": "live", "version": VERSION}
        ready = await api.get("/health/ready")
        assert ready.json() == {
            "status": "ready",
            "version": VERSION,
            "database": True,
            "migrations": True,
            "store": True,
            "redis": True,
            "workers": 0,
            "reasons": {"workers": NO_WORKER},
        }
        metrics = await api.get("/metrics")
        assert metrics.status_code == 200
        assert f'activations_build_info{{version="{VERSION}"}} 1.0' in metrics.text
