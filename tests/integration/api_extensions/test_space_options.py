"""Words for "no value": those of a space, and the counts of absent values in runs."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.services.platform.platform import Platform
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.factories import create_audience
from tests.integration.api_extensions.supply import computed, member, upload

PEOPLE = b"""profile_id;E-Mail;phone;user_id
p1;NULL;+49 170 1234567;none
p2;\"\"\"Ann\"\" <ann@example.com>\";0170 1234567;NONE
p3;a@x.com, b@x.com;call me;-
p4;a@x.com b@x;+1;nan
p5;anna@;;Unbekannt
p6;NO-Email@example.com;unbekannt;u6
p7;p7@example.com;+441632960001;u7
"""
ABSENT = {
    "E-Mail": {"word": 1, "display_name": 1, "address_list": 2, "not_an_address": 1},
    "phone": {"not_a_number": 3},
    "user_id": {"shared_word": 2},
}


async def options(api: httpx.AsyncClient, words: list[Any] | None = None) -> httpx.Response:
    if words is None:
        return await api.get("options")
    return await api.patch("options", json={"absentWords": words})


async def shown(api: httpx.AsyncClient, audience: str, run: dict[str, Any]) -> dict[str, Any]:
    answer = await api.get(f"audiences/{audience}/runs/{run['id']}")
    found: dict[str, Any] = answer.json()["data"]["run"]
    return found


@pytest.mark.walk
async def test_a_run_counts_absent_values_by_reason(
    api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
) -> None:
    run = await computed(platform, tenant, await upload(api, audience, PEOPLE))
    assert run["absent"] == run["reading"]["absent"] == ABSENT
    after = await shown(api, audience, run)
    assert after["absent"] == ABSENT
    assert len(after["notes"]) == 4
    for words in ("display name", "JSON array", "no e-mail addresses", "3 are no phone numbers"):
        assert any(words in note for note in after["notes"]), words
    # GET …/members shows what was supplied.
    row = (await member(api, audience, "p1"))["row"]
    assert row["identifiers"]["email"] == ["NULL"]


@pytest.mark.walk
async def test_of_changes_and_definitions(
    api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
) -> None:
    answer = await api.patch(
        f"audiences/{audience}/members",
        json={"add": [{"profile_id": "p1", "email": ["n/a", "ann@example.com"]}]},
    )
    run = await computed(platform, tenant, answer)
    assert (await shown(api, audience, run))["absent"] == {"email": {"word": 1}}
    query = "SELECT 'p1' AS profile_id, 'NULL' AS email UNION ALL SELECT 'p2', 'ann@example.com'"
    defined = await create_audience(platform, tenant.space_id, query=query)
    run = await computed(platform, tenant, await api.post(f"audiences/{defined}/runs", json={}))
    assert (await shown(api, defined, run))["absent"] == {"email": {"word": 1}}


async def test_words_of_a_space_count_from_the_next_upload_on(
    api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str
) -> None:
    assert (await options(api)).json()["data"]["options"] == {"absentWords": []}
    words = [" Unbekannt ", "no-email@example.com", "UNBEKANNT"]
    saved = await options(api, words)
    assert saved.json()["data"]["options"] == {"absentWords": ["unbekannt", "no-email@example.com"]}
    run = await computed(platform, tenant, await upload(api, audience, PEOPLE))
    assert run["absent"]["E-Mail"]["word"] == 2
    assert run["absent"]["phone"] == {"not_a_number": 2, "word": 1}
    assert run["absent"]["user_id"] == {"shared_word": 2, "word": 1}
    refused = await upload(api, audience, b"profile_id\np1\nunbekannt\n")
    assert refused.status_code == 422
    assert "Line 3 has no profile_id" in refused.text
    patched = await api.patch(
        f"audiences/{audience}/members", json={"add": [{"profile_id": "Unbekannt"}]}
    )
    assert patched.status_code == 422


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["ok", ""], "absentWords.1"),
        ([" \u200b"], "absentWords.0"),
        (["x" * 101], "absentWords.0"),
        (["a\nb"], "absentWords.0"),
        ([f"w{n}" for n in range(101)], "absentWords"),
        ([1], "absentWords.0"),
    ],
)
async def test_faulty_words_are_refused(
    api: httpx.AsyncClient, words: list[Any], field: str
) -> None:
    refused = await options(api, words)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == field
