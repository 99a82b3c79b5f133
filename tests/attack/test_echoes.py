"""Partners that repeat secrets: in each field, in many encodings, with each kind of status."""

from __future__ import annotations

import asyncio
import base64
import html
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.attack.accounts import CANARY, SLUGS, attack, attacked, connector, figures
from tests.unit.connectors.raw_server import read_request, serve

CODES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "URL": lambda text: quote(text, safe=""),
    "small URL": lambda text: quote(text, safe="").lower(),
    "URL twice": lambda text: quote(quote(text, safe=""), safe=""),
    "form": quote_plus,
    "HTML": html.escape,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "upper case": str.upper,
    "lower case": str.lower,
}
STATUSES = (200, 202, 207, 302, 400, 401, 403, 404, 409, 413, 422, 429, 500, 503)


def bodies(said: str) -> list[tuple[str, str]]:
    """Return ``(content type, body)``: the secret in each field that a connector reads."""
    fault = {"code": said, "detail": said, "title": said, "id": said, "status": said, "meta": {said: said},
             "source": {"pointer": said, "parameter": said}}  # fmt: skip
    return [
        ("application/json", json.dumps({"errors": [fault]})),
        ("application/json", json.dumps({"errors": [{**fault, "source": {"pointer": f"/data/attributes/profiles/data/0/{said}"}}]})),
        ("application/json", json.dumps({"message": said, "errors": [{"type": said, "input_array": said, "index": 0}]})),
        ("application/json", json.dumps({"message": said, "errors": [{"title": said, "source": {"pointer": said}}], "StatusCode": 400})),
        ("application/json", json.dumps({"rejected": [{"id": "u0@example.com", "reason": said, "code": said}]})),
        ("application/json", json.dumps({"error": {"message": said, "status": said, "errors": [{"reason": said, "message": said}]}})),
        ("application/json", json.dumps({"access_token": said, "error": said, "error_description": said})),
        ("application/xml", f"<Error><Code>{said}</Code><Message>{said}</Message><Region>{said}</Region><Endpoint>{said}</Endpoint></Error>"),
        ("text/plain", said * 20),
        ("text/html", f"<b>{said}</b>"),
    ]  # fmt: skip


@attack
@pytest.mark.parametrize("slug", SLUGS)
async def test_no_text_that_is_shown_holds_a_secret(slug: str, tmp_path: Path) -> None:
    leaks: set[str] = set()
    tried = 0
    current: list[bytes] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(current[0])

    async with (
        serve(echo) as server,
        connector(slug, server.url, "127.0.0.1", scratch=str(tmp_path)) as made,
    ):
        for coding, code in CODES.items():
            said = code(CANARY)
            for number, (kind, body) in enumerate(bodies(said)):
                status = STATUSES[(tried * 5) % len(STATUSES)]
                head = (
                    f"HTTP/1.1 {status} {said}\r\nx-request-id: {said}\r\nlocation: https://{said}.example/{said}?a={said}\r\n"
                    f"retry-after: {said}\r\ncf-ray: {said}\r\nx-amz-bucket-region: {said}\r\netag: {said}\r\n"
                    f"content-type: {kind}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
                )
                current[:] = [(head + body).encode()]
                tried += 1
                texts = await attacked(made)
                if any(said.strip("=") in text for text in texts):
                    leaks.add(f"{coding}, body {number}, HTTP {status}")
    figures(
        f"{slug}: {tried} responses that repeat the key, {len(leaks)} leaks {sorted(leaks)[:5]}"
    )
    assert not leaks
