from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from app.core.clock import now
from app.sandbox.receiver import WebhookReceiver
from app.sandbox.sandbox import Sandbox

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox([WebhookReceiver(secrets={"*": [SECRET]})]) as running:
        yield running


@pytest.fixture
async def http(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=sandbox.urls["webhook"], trust_env=False) as client:
        yield client


def message(seq: int = 1, **kinds: list[str]) -> bytes:
    data: dict[str, Any] = {"activationId": "act_1", "audience": {"key": "vip"}, "seq": seq}
    for kind in ("entered", "exited", "updated"):
        data[kind] = [{"id": m, "identifiers": {}, "traits": {}} for m in kinds.get(kind, [])]
    return json.dumps({"type": "audience.membership.changed", "data": data}).encode()


async def post(
    http: httpx.AsyncClient, message_id: str, body: bytes, **changes: str
) -> httpx.Response:
    moment = now()
    signature = Webhook(SECRET).sign(message_id, moment, body.decode())
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signature,
        **changes,
    }
    return await http.post("/hook", content=body, headers=headers)


async def members(http: httpx.AsyncClient, list_id: str = "act_1") -> list[str]:
    response = await http.get(f"/_control/webhook/lists/{list_id}/members")
    return sorted(member["id"] for member in response.json()["members"])


async def stats(http: httpx.AsyncClient) -> dict[str, int]:
    found: dict[str, int] = (await http.get("/_control/webhook/stats")).json()
    return found


class TestReceiver:
    async def test_keeps_the_list(self, http: httpx.AsyncClient) -> None:
        await post(http, "a", message(entered=["p1", "p2", "p3"]))
        await post(http, "b", message(2, exited=["p2"], updated=["p1"], entered=["p4"]))
        assert await members(http) == ["p1", "p3", "p4"]
        assert await members(http, "vip") == ["p1", "p3", "p4"]
        assert (await http.get("/_control/webhook/lists/none/members")).status_code == 404

    @pytest.mark.parametrize(
        "changes",
        [
            {"webhook-signature": "v1,AAAA"},
            {"webhook-id": "other"},
            {"webhook-timestamp": str(int(time.time()) - 301)},
            {"webhook-timestamp": "soon"},
            {"webhook-signature": ""},
        ],
    )
    async def test_refuses_a_wrong_signature(
        self, http: httpx.AsyncClient, changes: dict[str, str]
    ) -> None:
        assert (await post(http, "a", message(entered=["p1"]), **changes)).status_code == 401
        assert (await stats(http))["bad_signatures"] == 1
        assert (await http.get("/_control/webhook/lists")).json() == {"lists": []}

    async def test_takes_any_of_several_signatures(self, http: httpx.AsyncClient) -> None:
        moment = now()
        body = message(entered=["p1"])
        good = Webhook(SECRET).sign("a", moment, body.decode())
        response = await post(http, "a", body, **{"webhook-signature": f"v1,AAAA v1a,xx {good}"})
        assert response.status_code == 200

    async def test_drops_repeats_and_notices_changed_ones(self, http: httpx.AsyncClient) -> None:
        await post(http, "a", message(entered=["p1"]))
        await post(http, "a", message(entered=["p1"]))
        await post(http, "a", message(entered=["p2"]))
        found = await stats(http)
        assert (found["messages"], found["repeats"], found["changed_repeats"]) == (3, 2, 1)
        assert await members(http) == ["p1"]

    async def test_counts_inversions_and_drops_them_when_it_honours_seq(
        self, http: httpx.AsyncClient
    ) -> None:
        await post(http, "a", message(2, exited=["p1"]))
        await post(http, "b", message(1, entered=["p1"]))
        assert await members(http) == ["p1"]
        assert (await stats(http))["inversions"] == 1
        await http.post("/_control/webhook/reset")
        await http.post("/_control/webhook/settings", json={"honourSeq": True})
        await post(http, "a", message(2, exited=["p1"]))
        await post(http, "b", message(1, entered=["p1"]))
        assert await members(http) == []

    async def test_refuses_members_on_demand(self, http: httpx.AsyncClient) -> None:
        await http.post("/_control/webhook/rejections", json={"ids": ["p2"], "reason": "no"})
        response = await post(http, "a", message(entered=["p1", "p2"]))
        assert response.json()["rejected"] == [{"id": "p2", "reason": "no"}]
        assert await members(http) == ["p1"]
        # A sender that did not receive the response repeats the message.
        again = await post(http, "a", message(entered=["p1", "p2"]))
        assert again.json() == {**response.json(), "repeat": True}

    async def test_secrets_by_path(self, http: httpx.AsyncClient) -> None:
        await http.post(
            "/_control/webhook/secrets", json={"path": "/hook", "secrets": ["whsec_" + "A" * 32]}
        )
        assert (await post(http, "a", message(entered=["p1"]))).status_code == 401


class TestFaults:
    async def test_a_status_for_a_number_of_times(self, http: httpx.AsyncClient) -> None:
        await http.post(
            "/_control/faults", json={"kind": "status", "status": 429, "retry_after": 2, "times": 2}
        )
        responses = [await post(http, "a", message(entered=["p1"])) for _ in range(3)]
        assert [response.status_code for response in responses] == [429, 429, 200]
        assert responses[0].headers["retry-after"] == "2"

    async def test_a_fault_for_a_time(self, http: httpx.AsyncClient) -> None:
        await http.post(
            "/_control/faults", json={"kind": "status", "status": 503, "for_seconds": 0}
        )
        assert (await post(http, "a", message(entered=["p1"]))).status_code == 200

    async def test_apply_then_500(self, http: httpx.AsyncClient) -> None:
        await http.post("/_control/faults", json={"kind": "apply_then_status", "times": 1})
        assert (await post(http, "a", message(entered=["p1"]))).status_code == 500
        assert await members(http) == ["p1"]

    async def test_accept_and_ignore(self, http: httpx.AsyncClient) -> None:
        await http.post("/_control/faults", json={"kind": "ignore", "times": 1})
        assert (await post(http, "a", message(entered=["p1"]))).status_code == 200
        assert (await http.get("/_control/webhook/lists")).json() == {"lists": []}

    async def test_cut_after_some_bytes(self, http: httpx.AsyncClient) -> None:
        await http.post(
            "/_control/faults",
            json=[
                {"kind": "cut", "after_bytes": 30, "times": 1},
                {"kind": "cut_before", "times": 1},
            ],
        )
        for _ in range(2):
            with pytest.raises(httpx.TransportError):
                await post(http, "a", message(entered=["p1"]))
        assert await members(http) == ["p1"]

    async def test_slow_and_applied_although_the_client_hung_up(
        self, http: httpx.AsyncClient
    ) -> None:
        await http.post("/_control/faults", json={"kind": "slow", "seconds": 0.2, "times": 1})
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await post(http, "a", message(entered=["p1"]))
        for _ in range(100):
            if (await stats(http))["entered"]:
                break
            await asyncio.sleep(0.02)
        assert await members(http) == ["p1"]

    async def test_only_for_the_path_and_method_named(self, http: httpx.AsyncClient) -> None:
        await http.post(
            "/_control/faults", json={"kind": "status", "path": "/other", "method": "POST"}
        )
        await http.post("/_control/faults", json={"kind": "status", "service": "klaviyo"})
        assert (await post(http, "a", message(entered=["p1"]))).status_code == 200
        await http.delete("/_control/faults")
        assert (await http.get("/_control/faults")).json() == {"faults": [], "used": 0}

    @pytest.mark.parametrize("fault", [{"kind": "odd"}, {"kind": "status", "what": 1}, {}])
    async def test_an_unknown_fault_is_refused(
        self, http: httpx.AsyncClient, fault: dict[str, Any]
    ) -> None:
        assert (await http.post("/_control/faults", json=fault)).status_code == 422


class TestRecordedRequests:
    async def test_lists_received_requests(self, http: httpx.AsyncClient) -> None:
        body = message(entered=["p1"])
        await post(http, "a", body)
        (record,) = (await http.get("/_control/webhook/requests")).json()["requests"]
        assert record["body"] == body.decode()
        assert (record["service"], record["method"], record["url"], record["status"]) == (
            "webhook",
            "POST",
            "/hook",
            200,
        )
        assert record["headers"]["webhook-id"] == "a"

    @pytest.mark.parametrize(
        "origin", ["https://evil.example", "null", "http://localhost:1", "https://{host}"]
    )
    async def test_the_page_of_another_site_cannot_use_the_controls(
        self, http: httpx.AsyncClient, origin: str
    ) -> None:
        own = http.base_url.netloc.decode()
        headers = {"origin": origin.format(host=own), "content-type": "text/plain"}
        for method in ("GET", "POST", "DELETE"):
            answer = await http.request(method, "/_control/faults", headers=headers, content="[]")
            assert answer.status_code == 403
        own_page = {"origin": f"http://{own}"}
        assert (await http.delete("/_control/faults", headers=own_page)).status_code == 200


class TestProcess:
    @pytest.mark.walk
    async def test_runs_as_a_process_and_records_to_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "requests.ndjson"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app.sandbox", "--port", "0", "--record", str(file),
            stdout=asyncio.subprocess.PIPE, env={**os.environ},
        )  # fmt: skip
        try:
            assert process.stdout is not None
            ready = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
            assert ready["ready"] is True
            async with httpx.AsyncClient(
                base_url=ready["urls"]["webhook"], trust_env=False
            ) as http:
                await http.post("/hook", content=b"\xff\xfe")
            async with httpx.AsyncClient(base_url=ready["urls"]["braze"], trust_env=False) as http:
                key = {"authorization": "Bearer no-such-key"}
                await http.post("/users/track?x=%C3%A9", content=b'{"a": "\xc3\xa9"}', headers=key)
            first, second = map(json.loads, file.read_bytes().splitlines())
            assert first.pop("headers")["content-length"] == "2"
            assert first == {
                "service": "webhook",
                "method": "POST",
                "url": "/hook",
                "body_base64": "//4=",
                "status": 400,
                "response_body": '{"error":"not JSON"}',
            }
            assert second.pop("headers")["authorization"] == "Bearer no-such-key"
            assert second == {
                "service": "braze",
                "method": "POST",
                "url": "/users/track?x=%C3%A9",
                "body": '{"a": "é"}',
                "status": 401,
                "response_body": '{"message":"Error authorizing API key"}',
            }
            assert file.stat().st_mode & 0o077 == 0  # the headers hold keys
        finally:
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 10) == 0
