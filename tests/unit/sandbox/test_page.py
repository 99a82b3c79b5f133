"""The sandbox's page, over HTTP: what it shows, what its forms do, and who may send them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.core.page_policy import CONSOLE_HEADERS
from app.sandbox.sandbox import Sandbox

PAGE = "/_control/page"
NASTY = "<script>alert(1)</script>"
KLAVIYO = {
    "authorization": "Klaviyo-API-Key pk_sandbox",
    "revision": "2026-07-15",
    "content-type": "application/vnd.api+json",
}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as running:
        yield running


@pytest.fixture
async def http(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """Provide a browser's view of the webhook receiver's port: forms are sent with its own Origin."""
    url = sandbox.urls["webhook"]
    async with httpx.AsyncClient(base_url=url, trust_env=False, headers={"origin": url}) as client:
        yield client


async def deliver(http: httpx.AsyncClient, members: list[dict[str, Any]], **audience: str) -> int:
    data = {
        "activationId": "act_1",
        "audience": {"key": "vip", "name": "VIP", **audience},
        "seq": 1,
        "entered": members,
    }
    answer = await http.post("/hook", json={"type": "audience.membership.changed", "data": data})
    return answer.status_code


def member(number: int) -> dict[str, Any]:
    return {
        "id": f"p{number}",
        "identifiers": {"email": f"ada{number}@example.com", "phone": f"+49{number:08}"},
        "traits": {"plan": "gold"},
    }


async def text(http: httpx.AsyncClient, path: str = "", status: int = 200) -> str:
    answer = await http.get(PAGE + path)
    assert answer.status_code == status
    return answer.text


class TestShown:
    async def test_received_text_is_escaped_on_each_page(self, http: httpx.AsyncClient) -> None:
        await deliver(http, [{"id": NASTY, "identifiers": {"email": NASTY}, "traits": {NASTY: NASTY}}], name=NASTY)  # fmt: skip
        await http.get(f"/{NASTY}")
        await http.post(f"{PAGE}/refusals", data={"service": "webhook", "ids": NASTY})
        paths = ("/webhook", "/webhook/lists/act_1", "/webhook/requests/1", "/faults")
        for path in paths:
            page = await text(http, path)
            assert "<script>alert" not in page
            assert "alert(1)" in page

    async def test_lists_have_their_name_and_members_are_searched_and_paged(
        self, http: httpx.AsyncClient
    ) -> None:
        await deliver(http, [member(number) for number in range(120)])
        assert re.search(
            r'lists/act_1">VIP</a></td><td class="num">120<', await text(http, "/webhook")
        )
        first, last = [await text(http, f"/webhook/lists/act_1?page={one}") for one in (1, 3)]
        assert first.count('<th scope="row"') == 50
        assert "1 to 50 of 120" in first
        assert last.count('<th scope="row"') == 20
        found = await text(http, "/webhook/lists/act_1?search=ADA77@")
        assert found.count('<th scope="row"') == 1
        assert "+4900000077" in found
        assert "No member found" in await text(http, "/webhook/lists/act_1?search=nobody")
        answer = await http.get(
            "/_control/webhook/lists/act_1/members",
            params={"search": "ada1", "limit": 2, "offset": 1},
        )
        assert answer.json()["count"] == 31
        assert [one["id"] for one in answer.json()["members"]] == ["p10", "p11"]

    async def test_a_list_whose_id_contains_a_slash_has_a_page(
        self, http: httpx.AsyncClient, sandbox: Sandbox
    ) -> None:
        row = {"external_id": "u1", "email": "u1@example.com", "in/vip": True}
        key = {"authorization": "Bearer braze-sandbox-key"}
        url = f"{sandbox.urls['braze']}/users/track"
        assert (await http.post(url, json={"attributes": [row]}, headers=key)).status_code == 201
        address = re.search(r'href="/_control/page(/braze/lists/[^"]+)', await text(http, "/braze"))
        assert address is not None
        assert "u1@example.com" in await text(http, address[1])

    async def test_violations_come_first_with_their_request(
        self, http: httpx.AsyncClient, sandbox: Sandbox
    ) -> None:
        url = sandbox.urls["klaviyo"]
        for _ in range(2):
            await http.post(f"{url}/api/nothing", headers=KLAVIYO, json={})
        page = await text(http, "/klaviyo")
        assert "POST /api/nothing" in page
        assert page.index("2 violations") < page.index(">Lists<")
        assert "2 violations" in await text(http)
        assert (await http.get("/_control/klaviyo/violations")).json() == {
            "violations": [
                {
                    "fault": "the document has no such operation",
                    "times": 2,
                    "request": "POST /api/nothing",
                }
            ],
            "count": 2,
        }

    async def test_a_request_names_the_list_and_shows_its_body(
        self, http: httpx.AsyncClient, sandbox: Sandbox
    ) -> None:
        made = await http.post("/_control/klaviyo/lists", json={"name": "Spring sale"})
        url = sandbox.urls["klaviyo"]
        body = {"data": [{"type": "profile", "id": "none"}]}
        path = f"/api/lists/{made.json()['id']}/relationships/profiles"
        await http.post(url + path, headers=KLAVIYO, json=body)
        number = (await http.get("/_control/klaviyo/requests")).json()["requests"][0]["number"]
        page = await text(http, f"/klaviyo/requests/{number}")
        assert "Spring sale" in page
        assert "&#34;type&#34;: &#34;profile&#34;" in page
        one = (await http.get(f"/_control/klaviyo/requests/{number}")).json()
        assert one["url"] == path
        assert one["receivedAt"].endswith("Z")
        await text(http, "/webhook/requests/1", 404)  # of another emulator

    async def test_pages_and_files_have_the_policy_of_the_console(
        self, http: httpx.AsyncClient
    ) -> None:
        page = await http.get(f"{PAGE}/faults")
        files = re.findall(r'(?:src|href)="(/_control/page/static/[^"]+)"', page.text)
        assert len(files) >= 5
        for answer in (page, *[await http.get(file) for file in files]):
            assert answer.status_code == 200
            assert (
                answer.headers.items() >= {k.lower(): v for k, v in CONSOLE_HEADERS.items()}.items()
            )
        assert "unsafe" not in page.headers["content-security-policy"]
        assert " style=" not in page.text
        assert "<style" not in page.text
        for path in ("/static/console.css/..", "/static/..%2fapp.py", "/static/vendor/editor.js"):
            await text(http, path, 404)


class TestForms:
    async def test_a_fault_that_is_switched_on_acts_on_the_next_request_until_it_is_off(
        self, http: httpx.AsyncClient
    ) -> None:
        fault = {"service": "webhook", "kind": "status", "status": "503", "times": ""}
        answer = await http.post(f"{PAGE}/faults", data=fault)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}/faults")
        page = await text(http, "/faults")
        assert "Status 503." in page
        assert [await deliver(http, [member(1)]) for _ in range(2)] == [503, 503]
        number = re.search(r'name="number" value="(\d+)"', page)
        assert number is not None
        await http.post(f"{PAGE}/faults/off", data={"number": number[1]})
        assert await deliver(http, [member(1)]) == 200
        assert "No fault is switched on" in await text(http, "/faults")

    async def test_refused_members_are_a_partial_success(self, http: httpx.AsyncClient) -> None:
        await http.post(f"{PAGE}/refusals", data={"service": "webhook", "ids": "p1\r\n\r\np3\r\n"})
        rejections = (await http.get("/_control/webhook/rejections")).json()["rejections"]
        assert list(rejections) == ["p1", "p3"]
        await deliver(http, [member(number) for number in range(4)])
        listed = (await http.get("/_control/webhook/lists/act_1/members")).json()
        assert [one["id"] for one in listed["members"]] == ["p0", "p2"]
        await http.post(f"{PAGE}/webhook/reset", data={"service": "webhook"})
        assert (await http.get("/_control/webhook/lists")).json() == {"lists": []}

    @pytest.mark.parametrize(
        ("field", "given"),
        [
            ("status", {"kind": "status", "status": "99"}),
            ("status", {"kind": "status", "status": "many"}),
            ("seconds", {"kind": "slow"}),
            ("times", {"kind": "ignore", "times": "0"}),
            ("probability", {"kind": "ignore", "probability": "nan"}),
            ("service", {"kind": "ignore", "service": "nobody"}),
            ("kind", {"kind": "odd"}),
        ],
    )
    async def test_a_wrong_field_is_named_and_nothing_is_switched_on(
        self, http: httpx.AsyncClient, field: str, given: dict[str, str]
    ) -> None:
        answer = await http.post(f"{PAGE}/faults", data=given)
        assert answer.status_code == 422
        assert f'id="{field}-fault"' in answer.text
        assert (await http.get("/_control/faults")).json()["faults"] == []

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
    @pytest.mark.parametrize("path", ["/faults", "/faults/off", "/refusals", "/webhook/reset"])
    async def test_a_form_of_another_site_is_refused(
        self, http: httpx.AsyncClient, path: str, origin: str | None
    ) -> None:
        await deliver(http, [member(1)])
        await http.post("/_control/faults", json={"kind": "ignore"})
        del http.headers["origin"]
        headers = {"origin": origin} if origin else {}
        form = {"kind": "status", "service": "webhook", "ids": "p1"}
        answer = await http.post(PAGE + path, data=form, headers=headers)
        assert answer.status_code == 403
        (fault,) = (await http.get("/_control/faults")).json()["faults"]
        assert fault["kind"] == "ignore"
        assert (await http.get("/_control/webhook/rejections")).json() == {"rejections": {}}
        assert len((await http.get("/_control/webhook/lists")).json()["lists"]) == 1


async def test_a_number_out_of_range_is_refused_by_the_control_api(
    http: httpx.AsyncClient,
) -> None:
    for fault in ({"status": 1000}, {"status": "x"}, {"seconds": None}, {"times": 1.5}):
        answer = await http.post("/_control/faults", json={"kind": "status", **fault})
        assert answer.status_code == 422
        assert next(iter(fault)) in answer.json()["error"]
