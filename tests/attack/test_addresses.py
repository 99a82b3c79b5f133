"""Addresses: hostile forms of URLs, names that change their address, odd answers of DNS, and entries of the allow list."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from app.connectors.errors import ConnectorError
from app.connectors.http import make_client
from tests.attack.accounts import SLUGS, attack, attacked, connector, figures
from tests.unit.connectors.raw_server import plain_answer, serve
from tests.unit.connectors.test_http import HOSTILE, Names

CLOSED = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
MORE = (
    "http://127.0.0.1%2f@example.com:{port}/", "http://0.0.0.0.:{port}/", "http://[::ffff:0:127.0.0.1]:{port}/",
    "http://[0000::1]:{port}/", "http://127.0.0.1:{port}\t/", "http://127.0.0.1:0{port}/", "http://0x7f000001.:{port}/",
    "http://127.0.0.1:{port}%00.example.com/", "http://%6c%6f%63%61%6c%68%6f%73%74:{port}/", "http://ⓛocalhost:{port}/",
    "http://localhost%E3%80%82:{port}/", "http://[::1%25]:{port}/", "http:127.0.0.1:{port}/", "http:/127.0.0.1:{port}/",
    "http://127.0.0.1;{port}/", "http://00000177.0.0.1:{port}/", "http://127.0.1.3:{port}/", "HTTP://127.0.0.1:{port}/",
    "https://127.0.0.1:{port}", "http://localhost\u200b:{port}/",
)  # fmt: skip


@attack
@pytest.mark.parametrize("slug", SLUGS)
async def test_no_hostile_form_reaches_a_listener(slug: str, tmp_path: Path) -> None:
    refused = tried = 0
    async with serve() as inside:
        for form in (*HOSTILE, *MORE):
            url = form.format(port=inside.port)
            if slug != "webhook":
                url = url.rstrip("/")
            async with connector(slug, url, "", scratch=str(tmp_path)) as made:
                tried += 1
                if made is None:
                    refused += 1
                else:
                    await attacked(made, delivers=False)
    figures(f"{slug}: {tried} forms, {refused} refused when stored, {inside.accepted} connections")
    assert inside.accepted == 0


@attack
@pytest.mark.parametrize("slug", SLUGS)
async def test_a_name_is_dialled_at_the_address_that_was_checked(
    slug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look-up of the guard gets 127.0.0.2, which is allowed; any other look-up gets 127.0.0.1, which is not."""
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *more: Any, **named: Any) -> Any:
        return real("127.0.0.2" if host == "localhost" else host, port, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    async with serve() as inside:
        url = f"http://localhost:{inside.port}"
        async with connector(slug, url, "127.0.0.2", scratch=str(tmp_path)) as made:
            for _ in range(3):
                await attacked(made)
    figures(f"{slug}: 3 rebindings, {inside.accepted} connections to the second address")
    assert inside.accepted == 0


ANSWERS: list[list[list[str]]] = [
    [["8.8.8.8", "127.0.0.1"]],
    [["127.0.0.1"], ["8.8.8.8"]],
    [["::ffff:127.0.0.1"]],
    [["::127.0.0.1"]],
    [["64:ff9b::7f00:1"]],
    [["2002:7f00:1::"]],
    [["fe80::1"]],
    [["0.0.0.0"]],
    [["169.254.169.254"]],
    [["100.64.0.1"]],
    [["255.255.255.255"]],
    [["127.0.0.1"] * 40],
    [[]],
]


@attack
@pytest.mark.parametrize("slug", SLUGS)
async def test_odd_answers_of_dns_reach_nothing(slug: str, tmp_path: Path) -> None:
    async with serve() as inside:
        for answers in ANSWERS:
            for scheme in ("http", "https"):
                url = f"{scheme}://odd.example:{inside.port}"
                names = Names(*answers)
                async with connector(slug, url, "", resolver=names, scratch=str(tmp_path)) as made:
                    if made is not None:
                        await attacked(made, delivers=False)
    figures(f"{slug}: {2 * len(ANSWERS)} answers, {inside.accepted} connections")
    assert inside.accepted == 0


@attack
async def test_an_entry_for_a_name_opens_nothing_else() -> None:
    """After calls by name: the address itself, other names of it, other forms of it, at once and at the same time."""
    reached: list[str] = []
    async with serve(plain_answer(CLOSED)) as inside:
        others = [
            f"http://{host}:{inside.port}/"
            for host in (
                "127.0.0.1",
                "other.internal",
                "hooks.internal.evil.example",
                "xhooks.internal",
                "[::ffff:127.0.0.1]",
            )
        ]
        client = make_client(
            outbound_allow=f"hooks.internal:{inside.port}", resolver=Names(["127.0.0.1"])
        )
        async with client as http:

            async def call(url: str, *, directly: bool) -> None:
                try:
                    await (http.call("POST", url, headers={}) if directly else http.post(url))
                    reached.append(url)
                except ConnectorError:
                    pass

            named = f"http://hooks.internal:{inside.port}/"
            for turn in range(4):
                for url in [named, *others]:
                    await call(url, directly=turn % 2 > 0)
            calls = [
                call(url, directly=number % 2 > 0)
                for number in range(6)
                for url in [named, *others]
            ]
            await asyncio.gather(*calls)
    wrong = [url for url in reached if url != named]
    figures(f"{len(others) * 10} calls beside the opened name, {len(wrong)} got through")
    assert len(reached) - len(wrong) == 10
    assert wrong == []
