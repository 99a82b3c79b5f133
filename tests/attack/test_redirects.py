"""Redirects, of each status, for each destination and method: no call may follow one, and the message names the target."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.attack.accounts import SLUGS, attack, attacked, connector, figures
from tests.unit.connectors.raw_server import read_request, serve

STATUSES = (300, 301, 302, 303, 305, 306, 307, 308, 399)
FORMS = (
    "Location: {inside}",
    "location: //127.0.0.1:{port}/x",
    "LOCATION: {inside}\r\nLocation: {inside}other",
    "Location: http://169.254.169.254/latest/meta-data/",
    "Refresh: 0; url={inside}\r\nLocation: {inside}",
    "Content-Location: {inside}\r\nLink: <{inside}>; rel=canonical",
)


@attack
@pytest.mark.parametrize("slug", SLUGS)
async def test_are_followed_by_nobody(slug: str, tmp_path: Path) -> None:
    methods: set[str] = set()
    named = tried = 0
    async with serve() as inside:
        current: list[bytes] = []

        async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head, _ = await read_request(reader)
            methods.add(head.split(b" ", 1)[0].decode())
            writer.write(current[0])

        async with serve(redirect) as outside:
            allowed = f"127.0.0.1:{outside.port}"
            async with connector(slug, outside.url, allowed, scratch=str(tmp_path)) as made:
                for status in STATUSES:
                    for form in FORMS:
                        where = form.format(inside=inside.url, port=inside.port)
                        head = f"HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: 0\r\n{where}\r\n\r\n"
                        current[:] = [head.encode()]
                        texts = await attacked(made)
                        tried += 1
                        named += any(str(inside.port) in text for text in texts)
    figures(
        f"{slug}: {tried} redirects, methods {sorted(methods)}, {inside.accepted} followed, {named} named their target"
    )
    assert inside.accepted == 0
    assert tried == len(STATUSES) * len(FORMS)
