"""Many small audiences: uploads with 1 % of other members, one audience after another, until each is delivered (row S12).

The peer is a plain script: DuckDB reads the file, compares it with the one before and keeps it as Parquet, and a client posts
the changes. It has no lease, no receipt and no retry.

``python -m benchmarks.small_audiences 1000`` lets that many audiences with three activations each deliver all at once, and prints
how long it takes and whether the receiver got every change.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import httpx

from benchmarks.rows import Aim, Figures, Row, turns
from benchmarks.service import Service, service
from benchmarks.sink import sink
from benchmarks.upload import CHURN, upload

AUDIENCES = 20
MEMBERS = 10_000


def _content(members: int, turn: int) -> bytes:
    """Return a CSV file; each turn replaces 1 % of the members."""
    first = int(members * CHURN) * turn
    rows = (f"user-{n:07},user-{n}@example.com\n" for n in range(first, first + members))
    return ("profile_id,email\n" + "".join(rows)).encode()


class Script:
    """The plain script, which keeps one Parquet file for each audience."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder, self._url = folder, url
        self._http = httpx.Client()

    def send(self, number: int, content: bytes) -> None:
        """Compare a file with the one before, and post what has changed."""
        source, kept = self._folder / "new.csv", self._folder / f"{number}.parquet"
        source.write_bytes(content)
        with duckdb.connect(config={"threads": 2}) as engine:
            engine.execute(
                f"CREATE TABLE now AS FROM read_csv('{source}', all_varchar=true) ORDER BY profile_id"
            )
            changes: list[tuple[str, ...]] = []
            if kept.exists():
                changes = engine.execute(
                    f"SELECT 'entered', n.* FROM now n ANTI JOIN '{kept}' k USING (profile_id) UNION ALL "
                    f"SELECT 'exited', k.* FROM '{kept}' k ANTI JOIN now n USING (profile_id)"
                ).fetchall()
            engine.execute(f"COPY now TO '{kept}' (COMPRESSION zstd)")
        if changes:
            self._http.post(self._url, content=json.dumps(changes).encode()).raise_for_status()


def measure(repeats: int, scale: float) -> Figures:
    """Measure both in turn for each audience. The first round does not count."""
    audiences = max(2, int(AUDIENCES * scale))
    found: Figures = {"ms for each audience": [], "script, ms": [], "x a plain script": []}
    with tempfile.TemporaryDirectory() as folder, sink() as url, service() as running:
        script = Script(Path(folder), url)
        pairs = [running.webhook_activation(f"{url}/{n}") for n in range(audiences)]
        for turn in turns(repeats + 2):
            content = _content(MEMBERS, turn)
            ours, theirs = [], []
            for number, pair in enumerate(pairs):
                begun = time.perf_counter()
                upload(running, pair[0], content)
                running.wait_for_sync(*pair, turn + 1)
                middle = time.perf_counter()
                script.send(number, content)
                ours.append(middle - begun)
                theirs.append(time.perf_counter() - middle)
            if turn > 1:  # the first only stores, the second is the warm-up
                found["ms for each audience"].append(statistics.mean(ours) * 1000)
                found["script, ms"].append(statistics.mean(theirs) * 1000)
                found["x a plain script"].append(sum(ours) / sum(theirs))
    return found


ROWS = (
    Row(
        "S12",
        f"audiences of {MEMBERS:,} members, 1 % of them others, one after another, from upload to settled",
        (Aim("ms for each audience", "ms for each audience", 100),),
        measure,
    ),
)


def _make_many(running: Service, url: str, audiences: int) -> list[tuple[str, list[str]]]:
    """Create audiences with three activations each, and upload their first members. Returns their ids."""
    made = []
    for number in range(audiences):
        audience, first = running.webhook_activation(f"{url}/{number}")
        found = running.call("GET", f"/audiences/{audience}/activations/{first}")["activation"]
        path = f"/audiences/{audience}/destination-connections/{found['connectionId']}/activations"
        body = {"enabled": True, "performResync": False, "activationName": "More",
                "activationType": "Audience Membership Changed"}  # fmt: skip
        others = [running.call("POST", path, json=body)["activation"]["id"] for _ in range(2)]
        upload(running, audience, _content(MEMBERS, 0))
        made.append((audience, [first, *others]))
    return made


def main(audiences: int) -> None:
    """Let all audiences change at once, and print how long it takes until all is delivered."""
    with sink() as url, service() as running:
        made = _make_many(running, url, audiences)
        pairs = [(audience, one) for audience, activations in made for one in activations]
        for pair in pairs:
            running.wait_for_sync(*pair, 1)
        begun, content = time.perf_counter(), _content(MEMBERS, 1)
        for audience, _ in made:
            upload(running, audience, content)
        uploaded = time.perf_counter() - begun
        ended = [running.wait_for_sync(*pair, 2) for pair in pairs]
        whole = time.perf_counter() - begun
    delivered = sum(sync["delivered"] for sync in ended)
    wanted = len(pairs) * 2 * int(MEMBERS * CHURN)
    print(
        f"{audiences} audiences x 3 activations: uploaded in {uploaded:.0f} s, all delivered after {whole:.0f} s "
        f"({whole / audiences * 1000:.0f} ms for each audience), {delivered:,} of {wanted:,} changes"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
