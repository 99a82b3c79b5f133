"""What the work of a neighbour costs while another workspace sends every bomb at once, and fills the disk."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import httpx
import pytest

from app.core.disk_reserve import RESERVE_BYTES
from tests.attack import bombs
from tests.attack.accounts import attack, figures
from tests.attack.service import Service, Workspace

SECONDS = 40  # of all bombs at once
LIMIT = 40  # seconds within which each piece of the neighbour's work is complete
CSV = {"Content-Type": "text/csv"}


def definition(query: str) -> Callable[[Workspace], str]:
    def send(attacker: Workspace) -> str:
        run = attacker.compute(query, 120)
        return str(run["error"] or run["status"])

    return send


def upload(
    content: Callable[[], bytes], kind: str, coding: str = "", *, members: bool = False
) -> Any:
    data = content()
    headers = {"Content-Type": kind} | ({"Content-Encoding": coding} if coding else {})

    def send(attacker: Workspace) -> str:
        path = (
            f"/audiences/{attacker.create_audience()}/members"
            if members
            else f"/datasets/{attacker.create_dataset()}/content"
        )
        answer = attacker.request("PUT", path, content=data, headers=headers)
        return f"{answer.status_code} {answer.text[:150]}"

    return send


def all_bombs() -> dict[str, Callable[[Workspace], str]]:
    csv, parquet = "text/csv", "application/vnd.apache.parquet"
    return {
        "45 brackets": definition(bombs.nested_brackets()),
        "repeat of 1e9": definition(bombs.LONG_VALUE),
        "an endless definition": definition(bombs.ENDLESS),
        "250 columns": upload(lambda: bombs.columns(250), csv),
        "2,000 columns": upload(lambda: bombs.columns(2000), csv),
        "270 KB of zstd": upload(bombs.zstd_bomb, csv, "zstd"),
        "7 KB of nested Parquet": upload(bombs.nested_parquet, parquet, members=True),
        "gzip that fills the disk": upload(lambda: bombs.gzip_bomb(3000), csv, "gzip"),
    }


@dataclass
class Attack:
    """Threads that send each bomb again and again; what the last response to each was, and how often."""

    said: dict[str, str] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def repeat(self, service: Service, name: str, send: Callable[[Workspace], str]) -> None:
        own = service.attacker
        headers = {"Authorization": f"Bearer {own.token}"}
        with httpx.Client(base_url=service.url, headers=headers, timeout=90) as http:
            client = Workspace(http, own.space_id, own.token, made=hash(name) % 10**9 * 1000)
            while not self.over.is_set():
                try:
                    self.said[name] = send(client)
                except (httpx.HTTPError, AssertionError) as error:
                    self.said[name] = f"{type(error).__name__}: {error}"
                self.sent[name] = self.sent.get(name, 0) + 1


@contextmanager
def under_attack(service: Service) -> Iterator[Attack]:
    sending = Attack()
    threads = [
        threading.Thread(target=sending.repeat, args=(service, name, send), daemon=True)
        for name, send in all_bombs().items()
    ]
    for thread in threads:
        thread.start()
    try:
        yield sending
    finally:
        sending.over.set()
        for thread in threads:
            thread.join(30)


def work(neighbour: Workspace) -> dict[str, float]:
    """Compute a definition, upload members and a dataset, and change a member. Returns the seconds of each."""
    seconds = {}

    def timed(name: str, do: Callable[[], Any]) -> Any:
        began = time.monotonic()
        done = do()
        seconds[name] = time.monotonic() - began
        return done

    run = timed("run", lambda: neighbour.compute("SELECT '1' AS profile_id"))
    assert run["status"] == "complete", run
    audience, dataset = neighbour.create_audience(), neighbour.create_dataset()
    path = f"/audiences/{audience}/members"
    timed(
        "small dataset",
        lambda: neighbour.call(
            "PUT", f"/datasets/{dataset}/content", content=b"a\n1\n", headers=CSV
        ),
    )
    rows = b"profile_id\n" + b"".join(b"p%d\n" % row for row in range(20_000))

    def supply() -> Any:
        made = neighbour.call("PUT", path, content=rows, headers=CSV)["run"]["id"]
        return neighbour.finish_run(audience, made)

    run = timed("upload of 20,000 members, with its run", supply)
    assert (run["status"], run["entered"]) == ("complete", 20_000), run
    return seconds


@attack
@pytest.mark.timeout(400)
def test_completes_while_every_bomb_and_a_full_disk_are_there(service: Service) -> None:
    """The scenario of the note: prints the seconds without and under the attack."""
    work(service.neighbour)  # the first of each kind starts processes
    alone = [work(service.neighbour) for _ in range(3)]
    with under_attack(service) as sending:
        time.sleep(3)
        began, under = time.monotonic(), []
        fewest = free(service)
        while time.monotonic() - began < SECONDS:
            under.append(work(service.neighbour))
            fewest = min(fewest, free(service))
    for name in alone[0]:
        figures(
            f"{name}: alone {median(each[name] for each in alone):.1f} s; under attack median "
            f"{median(each[name] for each in under):.1f} s, longest {max(each[name] for each in under):.1f} s, {len(under)} times"
        )
    for name, said in sending.said.items():
        figures(f"  {name}: {sending.sent[name]} times; the last: {said}")
    figures(
        f"  highest memory: API {service.memory('api')} MiB, worker {service.memory('worker')} MiB; least free disk "
        f"{fewest // 1024**2} MiB; the neighbour's calls tried again: {sorted(service.neighbour.retried)}"
    )
    assert max(max(each.values()) for each in under) < LIMIT
    assert service.memory("api") < 700
    assert service.memory("worker") < 900
    assert fewest > RESERVE_BYTES // 2


def free(service: Service) -> int:
    """Return the free bytes of the service's disk."""
    return shutil.disk_usage(service.folder).free


@attack
def test_does_not_wait_for_a_crowd_of_endless_definitions(service: Service) -> None:
    """Twelve runs that end at their deadlines, in four spaces of the attacker."""
    attacker, neighbour = service.attacker, service.neighbour
    work(neighbour)
    own, spaces = attacker.space_id, [attacker.space_id]
    for number in range(3):
        made = attacker.http.post("/spaces", json={"name": f"More {number}"}).json()
        spaces.append(made["data"]["space"]["id"])
    for space in spaces * 3:
        attacker.space_id = space
        attacker.start_run(attacker.create_audience(bombs.SLOW))
    attacker.space_id = own
    time.sleep(1)
    seconds = [work(neighbour) for _ in range(3)]
    figures(f"12 endless runs: the neighbour's {[round(each['run'], 1) for each in seconds]} s")
    assert max(each["run"] for each in seconds) < 15, "less than one deadline"
