"""Operations of operators: tokens, workspaces and encryption keys."""

from __future__ import annotations

from app.core import clock
from app.services.tenancy import tokens
from tests.integration.api_extensions.desk import Desk

ROOT = "http://service"


async def test_an_operator_manages_tokens_workspaces_and_keys(desk: Desk) -> None:
    platform = desk.flow.platform
    async with platform.unit_of_work() as session:
        row, text = await tokens.create_token(
            session,
            keyring=platform.keyring,
            workspace_id=await desk.flow.workspace_id(),
            name="operator",
            scopes=tokens.SCOPES,
            now=clock.now(),
        )
    desk.api.headers["Authorization"] = f"Bearer {text}"
    for body, field in (
        ({"name": "x", "scopes": ["admin"]}, "scopes"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "days": 0}, "days"),
        ({"name": " "}, "name"),
    ):
        refused = await desk.api.post(f"{ROOT}/tokens", json=body)
        assert refused.status_code == 422, body
        assert refused.json()["errors"][0]["field"] == field
    made = await desk.data("POST", f"{ROOT}/tokens", json={"name": "crm", "days": 1})
    assert made["token"]["scopes"] == ["read", "write"]
    theirs = {"Authorization": f"Bearer {made['text']}"}
    assert (await desk.api.get(f"{ROOT}/spaces", headers=theirs)).status_code == 200
    assert (await desk.api.get(f"{ROOT}/tokens", headers=theirs)).status_code == 403
    listed = await desk.data("GET", f"{ROOT}/tokens")
    assert {one["id"] for one in listed["tokens"]} >= {row.id, made["token"]["id"]}
    assert made["text"] not in str(listed)
    renewed = await desk.data("POST", f"{ROOT}/tokens/{made['token']['id']}/renew")
    assert renewed["token"]["expiresAt"] == made["token"]["expiresAt"]
    ids = [one["id"] for one in (await desk.data("GET", f"{ROOT}/tokens"))["tokens"]]
    assert made["token"]["id"] not in ids
    await desk.data("DELETE", f"{ROOT}/tokens/{renewed['token']['id']}")
    gone = await desk.api.delete(f"{ROOT}/tokens/{renewed['token']['id']}")
    assert gone.status_code == 404
    created = (await desk.data("POST", f"{ROOT}/workspaces", json={"name": "Acme"}))["created"]
    other = {"Authorization": f"Bearer {created['token']}"}
    spaces = (await desk.api.get(f"{ROOT}/spaces", headers=other)).json()["data"]["spaces"]
    assert [one["id"] for one in spaces] == [created["spaceId"]]
    assert (await desk.api.delete(f"{ROOT}/tokens/{row.id}", headers=other)).status_code == 403
    names = [one["name"] for one in (await desk.data("GET", f"{ROOT}/workspaces"))["workspaces"]]
    assert names[-1] == "Acme"
    keys = (await desk.data("GET", f"{ROOT}/encryption-keys"))["keys"]
    assert [one["current"] for one in keys] == [True]
    rotation = (await desk.data("POST", f"{ROOT}/encryption-keys/rotate"))["rotation"]
    assert (rotation["written"], rotation["unreadable"]) == (0, [])
    assert rotation["left"] == {keys[0]["id"]: 1}
