"""Pages of the console with 1,000 activations and 100,000 syncs, beside a plain page of FastAPI, Jinja and asyncpg (row S20).

The pages are found by their links: from Home, one page of each kind is opened, with all its tabs. The page of left-out members is that of a
sync of 10,000 members, of whom 1,000 were left out. Then each is read in turn with the peer, which shows 25 syncs of the same database in a
table. Seconds are from the request to the last byte, over a kept connection on loopback.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

import asyncpg
import httpx

from benchmarks.due_work import Filler, fill, make_one_of_each
from benchmarks.get_activation import serving
from benchmarks.rows import Aim, Figures, Row, percentile, turns
from benchmarks.service import Service, database, service
from benchmarks.sink import sink

ACTIVATIONS = 1_000
SYNCS_OF_EACH = 100
EVENTS = 50_000  # of the audit
MEMBERS = 10_000  # of the sync whose left-out members are shown
LEFT_OUT_ONE_OF = 10
READS = 20  # of each page, for each repeat

_ID = re.compile(r"(?<=/)(?:[a-z]{2,4}_[\w-]+|[0-9a-f]{24})(?=/|$)")
_LINK = re.compile(r'<a\b[^>]*\bhref="([^"]+)"')
_TOKEN = re.compile(r'name="([^"]+)" value="([^"]*)"')
_NOT_PAGES = (".csv", "/static/", "/sign-out", "/docs", "/openapi", "/exports/")
_SHOWN = "SELECT id, activation_id, state, number, finished_at FROM sync WHERE space_id = $1 ORDER BY finished_at DESC LIMIT 25"
_TABLE = """<!doctype html><title>Syncs</title><table>{% for row in rows %}
<tr>{% for value in row %}<td>{{ value }}{% endfor %}{% endfor %}</table>"""


def bare() -> object:
    """Return the program to compare with: one page with a table of 25 syncs."""
    from fastapi import FastAPI, Response
    from jinja2 import Environment

    app, page = FastAPI(), Environment(autoescape=True).from_string(_TABLE)
    kept: list[Any] = []

    @app.get("/{space_id}")
    async def syncs(space_id: str) -> Response:
        if not kept:
            kept.append(
                await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=4)
            )
        rows = await kept[0].fetch(_SHOWN, space_id)
        return Response(page.render(rows=rows), media_type="text/html")

    return app


async def fill_database(url: str, scale: float) -> None:
    """Fill up to the number of activations, syncs and events of the audit."""
    connection = await asyncpg.connect(url, server_settings={"statement_timeout": "0"})
    activations = max(10, int(ACTIVATIONS * scale))
    await fill(connection, 0, activations, activations * SYNCS_OF_EACH, of_each=SYNCS_OF_EACH)
    # The settings of an account can only be read under its own id: all belong to the first account.
    for table in ("destination_connection", "activation", "sync"):
        await connection.execute(
            f"UPDATE {table} SET destination_id = (SELECT id FROM destination WHERE id NOT LIKE 'dst\\_%') "
            "WHERE destination_id LIKE 'dst\\_%'"
        )
    await connection.execute("DELETE FROM destination WHERE id LIKE 'dst\\_%'")
    # A file of outcomes names the number of its sync, so that it cannot belong to a copy.
    await connection.execute("UPDATE sync SET outcome = NULL WHERE id LIKE 'syn\\_%'")
    await Filler(connection).copy(
        "audit_event",
        1,
        int(EVENTS * scale),
        {"id": "'evt_' || n", "timestamp": "now() - n * interval '1 minute'"},
        "space_id IS NOT NULL",
    )
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


def make_left_out(running: Service, receiver: str) -> str:
    """Let a sync leave members out, and return the address of the page that lists them."""
    audience, activation = running.webhook_activation(receiver)
    activation_path = f"/audiences/{audience}/activations/{activation}"
    running.call("PATCH", f"{activation_path}/delivery-options", json={"consent": "ok"})
    rows = "".join(
        f"p{n},p{n}@example.com,{'false' if n % LEFT_OUT_ONE_OF == 0 else 'true'}\n"
        for n in range(MEMBERS)
    )
    running.call(
        "PUT",
        f"/audiences/{audience}/members",
        content=f"profile_id,email,ok\n{rows}".encode(),
        headers={"Content-Type": "text/csv"},
    )
    sync = running.wait_for_sync(audience, activation, 1)
    assert sync["leftOut"] == {"no_consent": MEMBERS // LEFT_OUT_ONE_OF}, sync
    return f"/console/spaces/{running.space_id}{activation_path}/syncs/{sync['id']}/left-out"


def sign_in(http: httpx.Client, token: str) -> None:
    """Sign in by the form."""
    form = dict(_TOKEN.findall(http.get("/console/sign-in").text))
    answer = http.post(
        "/console/sign-in",
        data={**form, "token": token},
        headers={"origin": str(http.base_url).rstrip("/")},
    )
    assert answer.status_code == 303, answer.text


def _kind(address: str) -> str:
    """Return the address without ids, and of its query only which tab is shown."""
    parts = urlsplit(address)
    tab = re.search(r"(?:^|&)tab=([\w-]+)", parts.query)
    return _ID.sub("*", parts.path) + (f"?tab={tab[1]}" if tab else "")


def find_pages(http: httpx.Client, first: str) -> dict[str, str]:
    """Return one address of each kind of page that links lead to, by its kind."""
    found, waiting = {_kind(first): first}, [first]
    while waiting:
        address = waiting.pop(0)
        answer = http.get(address, follow_redirects=True)
        assert answer.status_code == 200, (address, answer.status_code)
        for link in _links(answer.text, str(answer.url)):
            if _kind(link) not in found:
                found[_kind(link)] = link
                waiting.append(link)
    return found


def _links(page: str, base: str) -> Iterator[str]:
    for link in _LINK.findall(page):
        whole = urlsplit(urljoin(base, unescape(link)))
        address = whole.path + (f"?{whole.query}" if whole.query else "")
        if whole.path.startswith("/console/") and not any(word in address for word in _NOT_PAGES):
            yield address


def _seconds(http: httpx.Client, address: str) -> float:
    begun = time.perf_counter()
    answer = http.get(address)
    taken = time.perf_counter() - begun
    assert answer.status_code < 400, (address, answer.status_code)
    return taken


def measure(repeats: int, scale: float) -> Figures:
    """Read all pages and the peer's in turn. The first read of each does not count."""
    with (
        database() as url,
        sink() as receiver,
        service(DATABASE_URL=url) as running,
        serving("bare", {"DATABASE_URL": url}, "benchmarks.console:bare") as port,
        httpx.Client(base_url=running.url, timeout=60) as http,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as peer,
    ):
        make_one_of_each(running, receiver)
        asyncio.run(fill_database(url, scale))
        sign_in(http, running.headers["Authorization"].removeprefix("Bearer "))
        pages = find_pages(http, f"/console/spaces/{running.space_id}")
        left_out = make_left_out(running, receiver)
        pages[_kind(left_out)] = left_out
        return _read_all(http, pages, peer, f"/{running.space_id}", repeats)


def _read_all(
    http: httpx.Client, pages: dict[str, str], peer: httpx.Client, plain: str, repeats: int
) -> Figures:
    found: Figures = {"slowest page, p95 ms": [], "pages": [], "slowest page, x plain page": []}
    for _ in turns(repeats):
        slowest: list[float] = []
        others: list[float] = []
        for kind, address in pages.items():
            _seconds(http, address)
            mine = []
            for _ in range(READS):
                mine.append(_seconds(http, address))
                others.append(_seconds(peer, plain))
            slowest.append(percentile(mine, 0.95))
            found.setdefault(f"{kind}, p95 ms", []).append(slowest[-1] * 1000)
        found["pages"].append(len(pages))
        found["slowest page, p95 ms"].append(max(slowest) * 1000)
        found["slowest page, x plain page"].append(max(slowest) / percentile(others, 0.95))
    return found


ROWS = (
    Row(
        "S20",
        f"pages of the console with {ACTIVATIONS:,} activations and {ACTIVATIONS * SYNCS_OF_EACH:,} syncs",
        (Aim("slowest page, p95 ms", "ms for 95 of 100 reads of the slowest page", 150),),
        measure,
    ),
)
