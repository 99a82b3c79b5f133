"""Values of another person that mention the erased one become empty; the rest of the other person stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from tests.flow import Flow
from tests.integration.api_extensions.desk import Desk
from tests.integration.services.erasure.leaks import ADA, GRACE, erase, leaks

pytestmark = pytest.mark.installation(stepped=True)

MENTIONS: dict[str, Any] = {
    "note": "call ada@example.com",
    "family": {"sister": "ADA@example.com", "age": 42},
    "friends": ["x@example.com", "ada@example.com"],
    "said": {"words": "late\nada@example.com"},
    "link": "https://shop.example/?next=mailto%3Aada%40example.com",
}
ORDERS = b"customer_id,note,amount\np-ada-17,hers,1\np-grace-3,for Ada@example.com,2\n"


def rows(flow: Flow, kind: str) -> list[dict[str, Any]]:
    """Return the other person's rows in all stored files of a kind."""
    folder = Path(flow.platform.settings.storage.removeprefix("file://"))
    found = [
        row for path in folder.rglob(f"{kind}-*.parquet") for row in pq.read_table(path).to_pylist()
    ]
    assert found, kind
    return [row for row in found if "p-grace-3" in row.values()]


@pytest.mark.walk
async def test_values_that_mention_the_person_become_empty(
    flow: Flow, client: httpx.AsyncClient
) -> None:
    await flow.sign_in(client)
    desk = Desk(flow, client)
    made = await desk.data("POST", "datasets", json={"name": "orders", "kind": "upload"})
    path = f"datasets/{made['dataset']['id']}/content"
    await desk.data("PUT", path, content=ORDERS, headers={"Content-Type": "text/csv"})
    activation = await flow.activate(resync=True, properties=["plan", *MENTIONS])
    await flow.upload([ADA, {**GRACE, **MENTIONS}])
    await flow.quiet(activation)
    assert set(rows(flow, "base")[0]) >= {f"t_{name}" for name in MENTIONS}
    await erase(flow)
    assert await leaks(flow) == []
    assert [(row["note"], row["amount"]) for row in rows(flow, "content")] == [(None, 2)]
    for row in rows(flow, "base"):
        assert row.get("t_plan", "free") == "free"
        assert {name: row.get(f"t_{name}") for name in MENTIONS} == dict.fromkeys(MENTIONS)
    assert {row["traits"] for row in rows(flow, "plan")} <= {None, '{"plan":"free"}'}
    assert flow.received(activation) == {"p-grace-3"}
