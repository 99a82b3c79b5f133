"""The API explorer is served from the package alone; it loads nothing from other hosts."""

from __future__ import annotations

import re

import httpx

from app.api.docs.explorer import FOLDER


async def test_page_policy_and_parts(api: httpx.AsyncClient) -> None:
    page = await api.get("/docs", headers={"Authorization": ""})
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    parts = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(parts) == 5
    for part in parts:
        if not part.startswith("data:"):
            assert (await api.get(f"/{part}")).status_code == 200, part
    assert "http" not in page.text
    for name in ("explorer.js", "explorer.css"):
        assert "http" not in (FOLDER / name).read_text()


async def test_each_path_of_the_page_has_the_policy(api: httpx.AsyncClient) -> None:
    policies = {
        (await api.get(path)).headers["content-security-policy"]
        for path in ("/docs", "/docs/index.html", "/docs/explorer.js")
    }
    assert len(policies) == 1


async def test_documents_need_no_token(api: httpx.AsyncClient) -> None:
    for path, count in (("/openapi.json", 60), ("/openapi/segment.json", 27)):
        document = (await api.get(path, headers={"Authorization": ""})).json()
        operations = [
            operation
            for item in document["paths"].values()
            for operation in item.values()
            if "operationId" in operation
        ]
        assert len(operations) >= count


async def test_licences_are_kept() -> None:
    for name in ("swagger-ui.LICENSE", "swagger-ui.NOTICE", "swagger-ui-bundle.js.LICENSE.txt"):
        assert (FOLDER / name).stat().st_size > 0
