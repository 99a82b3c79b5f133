"""Hostile uploads: archives, lying lengths and footers, endless structures, odd names, and odd framing."""

from __future__ import annotations

import contextlib
import socket
import time

from tests.attack.accounts import attack, figures
from tests.attack.hostile_files import GOOD, all_files
from tests.attack.service import Service

LONGEST = 15.0  # seconds of one upload


@attack
def test_hostile_files_are_refused_or_read_and_nobody_waits(service: Service) -> None:
    attacker, wrong, refused, tried = service.attacker, [], 0, 0
    before = dict(service.pids)
    audience, dataset = attacker.create_audience(), attacker.create_dataset()
    paths = (f"/audiences/{audience}/members", f"/datasets/{dataset}/content")
    for number, file in enumerate(all_files()):
        began = time.monotonic()
        answer = attacker.request(
            "PUT", paths[number % 2], content=file.data, headers=file.headers, timeout=60
        )
        seconds = time.monotonic() - began
        tried, refused = tried + 1, refused + (answer.status_code != 200)
        said = answer.json()["errors"][0]["message"] if answer.status_code != 200 else "read"
        right = set(file.statuses) | (
            {200} if number % 2 else set()
        )  # a dataset needs no profile_id
        if answer.status_code not in right or seconds > LONGEST or not said:
            wrong.append((file.name, answer.status_code, round(seconds, 1), said[:200]))
    figures(f"hostile files: {tried}, {refused} refused; memory of the API {service.memory('api')} MiB")  # fmt: skip
    assert not wrong
    assert service.running() == before
    assert service.memory("api") < 700
    assert service.neighbour.compute("SELECT '1' AS profile_id")["status"] == "complete"


def raw(service: Service, path: str, head: str, body: bytes) -> bytes:
    """Send one upload with its own framing; returns what comes back."""
    token = service.attacker.token
    start = (
        f"PUT /spaces/{service.attacker.space_id}{path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: text/csv\r\nConnection: close\r\n{head}\r\n\r\n"
    )
    with socket.create_connection(service.address, timeout=20) as opened:
        with contextlib.suppress(OSError):
            opened.sendall(start.encode() + body)
            opened.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(OSError):
            while piece := opened.recv(65536):
                answer += piece
    return answer


def chunks(data: bytes, size: int = 1) -> bytes:
    pieces = (data[start : start + size] for start in range(0, len(data), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


@attack
def test_framing_that_lies_stores_nothing(service: Service) -> None:
    """name: head, body, and whether the upload is complete."""
    many = b"profile_id\n" + b"".join(b"p%d\n" % row for row in range(3000))
    chunked = "Transfer-Encoding: chunked"
    cases = {
        "a length that is too long": ("Content-Length: 5000", GOOD, False),
        "a length of 10^18": (f"Content-Length: {10**18}", GOOD, False),
        "a length of 10^40": (f"Content-Length: {10**40}", GOOD, False),
        "a length of one less": (f"Content-Length: {len(GOOD) - 1}", GOOD, True),
        "no length and no body": ("X: y", b"", False),
        "chunks of one byte": (chunked, chunks(many) + b"0\r\n\r\n", True),
        "chunks without the last": (chunked, chunks(many, 500), False),
        "a chunk that is cut": (chunked, b"fff\r\n" + GOOD, False),
        "a chunk size that is no number": (chunked, chunks(GOOD) + b"zz\r\n", False),
        "trailers of 1 MB": (chunked, chunks(GOOD, 99) + b"0\r\n" + b"A: b\r\n" * 170_000 + b"\r\n", False),
        "extensions of 1 MB": (chunked, b"3;" + b"a" * 1_000_000 + b"\r\nabc\r\n0\r\n\r\n", False),
        "100-continue twice": (f"Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: {len(GOOD)}", GOOD, True),
    }  # fmt: skip
    wrong = []
    for name, (head, body, complete) in cases.items():
        dataset = service.attacker.create_dataset()
        answer = raw(service, f"/datasets/{dataset}/content", head, body)
        found = service.attacker.call("GET", f"/datasets/{dataset}")["dataset"]
        stored = found.get("rows") is not None
        if b"HTTP/1.1 5" in answer or (stored and not complete):
            wrong.append((name, answer[:200], found))
    figures(f"framing of uploads: {len(cases)}, {len(wrong)} wrong")
    assert not wrong
