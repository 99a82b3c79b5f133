"""Odd requests on the wire: framing, smuggling, upgrades, headers, paths, and JSON that parsers fear."""

from __future__ import annotations

import base64
import json
import socket
import time
from typing import Any
from urllib.parse import quote

import httpx

from tests.attack.accounts import attack, figures
from tests.attack.service import CANARY, Service

GET = "GET /health/live HTTP/1.1\r\nHost: a\r\n"
POST = "POST /spaces HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
SECOND = "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
#: name: bytes. The service may answer once; a second answer means that a part of a body became a request.
SMUGGLED: dict[str, str] = {
    "length and chunked": POST + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND,
    "two lengths": POST + f"Content-Length: 0\r\nContent-Length: {len(SECOND)}\r\n\r\n" + SECOND,
    "a list of lengths": POST + "Content-Length: 0, 5\r\n\r\n" + SECOND,
    "plus in the length": POST + "Content-Length: +0\r\n\r\n" + SECOND,
    "hexadecimal length": POST + "Content-Length: 0x0\r\n\r\n" + SECOND,
    "underscores in the length": POST + "Content-Length: 1_0\r\n\r\n" + SECOND,
    "negative length": POST + "Content-Length: -1\r\n\r\n" + SECOND,
    "length with blanks": POST + "Content-Length : 0\r\n\r\n" + SECOND,
    "chunked twice": POST + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + SECOND,
    "chunked, not last": POST + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SECOND,
    "chunked in a tab": POST + "Transfer-Encoding:\tchunked\x0b\r\n\r\n0\r\n\r\n" + SECOND,
    "xchunked": POST + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SECOND,
    "bytes after a chunk": POST + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}XX0\r\n\r\n" + SECOND,  # CVE-2025-43859
    "chunk of lone line feeds": POST + "Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n" + SECOND,
    "endless chunk size": POST + "Transfer-Encoding: chunked\r\n\r\n" + "0" * 70_000 + "2\r\n{}\r\n0\r\n\r\n",
    "negative chunk": POST + "Transfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n",
    "huge chunk": POST + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}\r\n",
    "chunk extension of a line feed": POST + "Transfer-Encoding: chunked\r\n\r\n2;a=\n5\r\n{}\r\n0\r\n\r\n" + SECOND,
    "folded header": "GET /health/live HTTP/1.1\r\nHost: a\r\nX: a\r\n Content-Length: 9\r\n\r\n",
    "lone line feeds": "GET /health/live HTTP/1.1\nHost: a\n\n",
    "lone carriage returns": "GET /health/live HTTP/1.1\rHost: a\r\r",
    "NUL in a header": GET + "X: a\0b\r\n\r\n",
    "no host": "GET /health/live HTTP/1.1\r\n\r\n",
    "two hosts": GET + "Host: b\r\n\r\n",
    "version 3": "GET /health/live HTTP/3.7\r\nHost: a\r\n\r\n",
    "HTTP/2 prior knowledge": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    "upgrade to HTTP/2": GET + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    "websocket": GET + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "CONNECT": "CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n",
    "absolute form": "GET http://169.254.169.254/latest HTTP/1.1\r\nHost: a\r\n\r\n",
    "TRACE": "TRACE / HTTP/1.1\r\nHost: a\r\nX-Secret: 1\r\n\r\n",
    "a method of 9 KB": "G" * 9000 + " / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a path of 200 KB": "GET /" + "a" * 200_000 + " HTTP/1.1\r\nHost: a\r\n\r\n",
    "a header of 200 KB": GET + "X: " + "a" * 200_000 + "\r\n\r\n",
    "20,000 headers": GET + "A: b\r\n" * 20_000 + "\r\n",
    "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "binary": "\x00\xff\xfe" * 1000,
}  # fmt: skip

PATHS = (
    "/spaces/../metrics", "/spaces/%2e%2e/metrics", "/spaces/{s}/../{n}/audiences", "/spaces/{s}%2f..%2f{n}/audiences",
    "/spaces/{s}/audiences/%00", "/spaces/{s}/audiences/%0d%0aX-Injected:1", "/spaces/{s}/audiences/%ff%fe", "/spaces/{s};x={n}/audiences",
    "//spaces/{n}/audiences", "/spaces/{n}/audiences/", "/SPACES/{n}/audiences", "/spaces/{n}/audiences?spaceId={s}", "/spaces/{n}/audiences#",
    "/spaces/%F0%9F%92%A9/audiences", "/spaces/{s}/audiences/" + "a" * 7000, "/spaces/{s}/audiences/'%20OR%201=1--", "/spaces/{s}/audiences/$%7Bjndi:ldap://x%7D",
    "/exports/../../etc/passwd", "/exports/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/docs/../app/main.py", "/static/..%2f..%2fconfig.py", "/exports/{n}/x.csv?signature=0",
    "/spaces/{s}/audiences?pagination.count=99999999999999999999", "/spaces/{s}/audiences?pagination.count=-1", "/spaces/{s}/audiences?pagination.count=1e9",
    "/spaces/{s}/audiences?pagination.count=%00", "/spaces/{s}/audiences?pagination.cursor=%00", "/spaces/{s}/audiences?" + "a=1&" * 1500,
    "/spaces/{s}/audiences?search=" + quote("(a+)+$" * 50), "/spaces/{s}/audiences?search=%25%25%25%27%22%5C", "/spaces/{s}/activations?state=%00&search=%ed%a0%80",
    "/audit-events?startTime=0001-01-01T00:00:00Z&endTime=9999-12-31T23:59:59.999999%2B14:00", "/audit-events?startTime=10000-01-01", "/audit-events?resourceId={n}",
)  # fmt: skip

DEEP = "[" * 100_000
JSONS: dict[str, str] = {
    "deep": '{"name":' + DEEP + "]" * 100_000 + "}",
    "deep objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "a number of a million digits": '{"name":' + "9" * 900_000 + "}",
    "1e999999999": '{"name":1e999999999,"enabled":-1e-999999999}',
    "NaN": '{"name":NaN,"enabled":Infinity}',
    "twice the same key": '{"name":"a","name":"b","name":' + '"c"}',
    "half a surrogate": '{"name":"\\ud800"}',
    "NUL": '{"name":"a\\u0000b"}',
    "overlong UTF-8": '{"name":"\udcc0\udcaf"}',
    "UTF-16": "\udcff\udcfe{\0}\0",
    "prototype": '{"__proto__":{"a":1},"constructor":{"prototype":{}},"name":"x"}',
    "a million keys": "{" + ",".join(f'"k{n}":1' for n in range(80_000)) + "}",
    "keys that collide": "{" + ",".join(f'"{n * (2**61 - 1)}":1' for n in range(30_000)) + "}",
    "text only": '"' + "x" * 1_000_000 + '"',
    "comments": '{"name":"a"/* */}',
    "trailing bytes": '{"name":"a"}{"name":"b"}',
    "big name": json.dumps({"name": "n" * 1_000_000}),
    "control characters": json.dumps({"name": "a\r\nBcc: x@example.com\x1b[31m\u202e"}),
    "empty": "",
    "null": "null",
}


@attack
def test_framing_never_makes_two_requests_of_one(service: Service) -> None:
    twice, wrong = [], []
    for name, data in SMUGGLED.items():
        raw = data.encode("latin-1").replace(
            b"\r\nHost: a\r\nContent-Type", _token(service) + b"\r\nHost: a\r\nContent-Type"
        )
        answer = service.send(raw, seconds=1.0)
        statuses = [
            line.split(b" ")[1][:3]
            for line in answer.split(b"\r\n")
            if line.startswith(b"HTTP/1.1 ")
        ]
        twice += [name] if len(statuses) > 1 else []
        wrong += [name] if b"500" in statuses or b"101" in statuses else []
        if name == "TRACE":
            assert b"X-Secret" not in answer
    figures(
        f"framing: {len(SMUGGLED)} requests, {len(twice)} answered twice {twice}, {len(wrong)} wrong {wrong}"
    )
    assert not twice
    assert not wrong


def _token(service: Service) -> bytes:
    return f"\r\nAuthorization: Bearer {service.attacker.token}".encode()


@attack
def test_odd_paths_and_queries_find_nothing_of_others(service: Service) -> None:
    service.neighbour.create_audience(f"SELECT '{CANARY}' AS profile_id")
    own, other = service.attacker.space_id, service.neighbour.space_id
    for form in PATHS:
        path = form.replace("{s}", own).replace("{n}", other)
        head = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n".encode()[:-2]
        answer = service.send(head + _token(service) + b"\r\n\r\n")
        assert b"HTTP/1.1 5" not in answer[:20], (path, answer)
        assert CANARY.encode() not in answer, path
        assert b"X-Injected" not in answer.partition(b"\r\n\r\n")[0], path
        assert b"root:" not in answer, path
    figures(f"paths: {len(PATHS)}, none found anything")


@attack
def test_json_that_parsers_fear_is_refused_or_stored(service: Service) -> None:
    statuses: dict[str, list[int]] = {}
    attacker = service.attacker
    audience = attacker.create_audience()
    for name, text in JSONS.items():
        data = text.encode("utf-8", "surrogateescape")
        for method, path in (
            ("POST", f"/spaces/{attacker.space_id}/audiences"),
            ("PATCH", f"/spaces/{attacker.space_id}/audiences/{audience}"),
            ("PATCH", f"/spaces/{attacker.space_id}/audiences/{audience}/members"),
            ("POST", f"/spaces/{attacker.space_id}/destinations"),
        ):
            headers = {"Content-Type": "application/json"}
            answer = attacker.http.request(method, path, content=data, headers=headers)
            statuses.setdefault(name, []).append(answer.status_code)
    figures(f"JSON: {len(JSONS)} bodies on 4 operations: {statuses}")
    assert all(status < 500 for found in statuses.values() for status in found), statuses


@attack
def test_cursors_of_another_workspace_show_nothing(service: Service) -> None:
    """A cursor is a position, not a right."""
    neighbour, attacker = service.neighbour, service.attacker
    for _ in range(3):
        neighbour.create_audience(f"SELECT '{CANARY}' AS profile_id")
    first = neighbour.call("GET", "/audiences?pagination.count=1")
    cursor = first["pagination"]["next"]
    forged = [
        cursor,
        *(
            base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
            for value in (
                ["s"], ["a", ""], ["b", "zzz"], ["a", "0", "x"], ["a", neighbour.space_id], [["a"]], ["a", {"x": 1}],
                ["a", "' OR 1=1 --"], ["a", "\0"], ["a", "x" * 3000], {"a": 1}, "a", None, 1e308, ["x", "1"],
            )
        ),
    ]  # fmt: skip
    for text in forged:
        for listing in ("/audiences", "/destinations", "/datasets", "/activations"):
            answer = attacker.request(
                "GET", listing, params={"pagination.cursor": text, "pagination.count": "5"}
            )
            assert answer.status_code in (200, 422, 400), (text, answer.text)
            assert CANARY not in answer.text
    figures(f"cursors: {len(forged)} on 4 listings, none showed anything of another")


@attack
def test_tokens_in_odd_places_are_none(service: Service) -> None:
    token, path = service.attacker.token, f"/spaces/{service.attacker.space_id}"
    odd: list[dict[str, Any]] = [
        {"params": {"token": token}}, {"params": {"access_token": token}}, {"params": {"authorization": f"Bearer {token}"}},
        {"headers": {"Cookie": f"token={token}"}}, {"headers": {"Cookie": f"Authorization=Bearer {token}"}}, {"headers": {"X-Api-Key": token}},
        {"headers": {"Authorization": token}}, {"headers": {"Authorization": f"Token {token}"}}, {"headers": {"Authorization": f"Bearer {token} x"}},
        {"headers": {"Authorization": f"Bearer {token[:-1]}"}}, {"headers": {"Authorization": f"Bearer {token}A"}},
        {"headers": {"Authorization": f"Bearer {token.upper()}"}}, {"headers": {"Proxy-Authorization": f"Bearer {token}"}},
        {"headers": {"Authorization": "Basic " + base64.b64encode(f"{token}:".encode()).decode()}}, {"headers": {"Authorization": "Bearer null"}},
        {"headers": {"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0."}}, {"headers": {"Authorization": "Bearer %00"}},
        {"headers": {"Authorization": "Bearer " + "a" * 20_000}}, {"headers": {"X-Workspace-Id": "ws_1", "X-HTTP-Method-Override": "DELETE"}},
    ]  # fmt: skip
    with httpx.Client(base_url=service.url, timeout=10) as http:
        statuses = [http.request("GET", path, **given).status_code for given in odd]
    figures(f"tokens: {len(odd)} odd places and forms: {statuses}")
    assert all(status in (401, 429, 400, 431) for status in statuses)


@attack
def test_slow_and_half_requests_do_not_delay_others(service: Service) -> None:
    opened = []
    for number in range(150):
        connection = socket.create_connection(service.address, timeout=5)
        start = POST + "Content-Length: 1000\r\n\r\n{" if number % 2 else GET + "X-Slow: "
        connection.sendall(start.encode())
        opened.append(connection)
    seconds = []
    for _ in range(5):
        began = time.monotonic()
        service.neighbour.call("GET", "/audiences")
        seconds.append(time.monotonic() - began)
    for connection in opened:
        connection.close()
    figures(f"150 half requests: another's request took at most {max(seconds):.2f} s")
    assert max(seconds) < 3
