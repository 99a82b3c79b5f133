"""What the audit trail records of datasets that files and uploads fill."""

from __future__ import annotations

import json

import httpx

from tests.integration.api_extensions.conftest import Tenant


async def test_files_and_contents(client: httpx.AsyncClient, tenant: Tenant) -> None:
    headers = {"Authorization": f"Bearer {tenant.token}"}
    datasets = f"/spaces/{tenant.space_id}/datasets"
    url = "https://files.example.com/people.csv?sig=first-signature"
    file = {"url": url, "authorization": "Bearer first-secret"}
    body = {"name": "people", "kind": "object", "file": file}
    made = await client.post(datasets, json=body, headers=headers)
    assert made.status_code == 200, made.text
    dataset_id = made.json()["data"]["dataset"]["id"]
    change = {
        "file": {
            "url": url.replace("first", "second"),
            "authorization": "Bearer second-secret",
            "maxAgeHours": 26,
        }
    }
    changed = await client.patch(f"{datasets}/{dataset_id}", json=change, headers=headers)
    assert changed.status_code == 200, changed.text
    made = await client.post(datasets, json={"name": "list", "kind": "upload"}, headers=headers)
    upload_id = made.json()["data"]["dataset"]["id"]
    sent = await client.put(
        f"{datasets}/{upload_id}/content",
        content=b"id,email\n1,ada@example.com\n",
        headers={**headers, "Content-Type": "text/csv"},
    )
    assert sent.status_code == 200, sent.text
    found = await client.get("/audit-changes?resourceType=dataset", headers=headers)
    content, _, edited, created = found.json()["data"]["events"]
    shown = {one["field"]: (one["before"], one["after"]) for one in content["changes"]}
    assert shown["rows"] == (None, 1)
    assert [column["name"] for column in shown["columns"][1]] == ["id", "email"]
    assert {one["field"]: one["after"] for one in created["changes"]} == {
        "name": "people",
        "kind": "object",
        "file.url": "https://files.example.com/people.csv?sig=<hidden>",
        "file.format": "csv",
        "file.allowBreaking": False,
        "file.authorization": {"set": True},
    }
    assert [one["field"] for one in edited["changes"]] == [
        "file.url",
        "file.maxAgeHours",
        "file.authorization",
    ]
    assert "first" not in json.dumps(found.json())
    assert "ada@example.com" not in json.dumps(found.json())
