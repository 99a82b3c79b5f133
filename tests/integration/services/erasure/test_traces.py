"""Nothing of a person is left: in a dump of the database, and in all files of the installation, by independent readers."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pyarrow.parquet as pq
import pytest

from app.storage.models import Erasure
from tests.flow import Flow
from tests.integration.api_extensions.desk import Desk
from tests.integration.services.erasure.history import MENTIONING, NAMES, ask, live
from tests.integration.services.erasure.leaks import carried_out
from tests.traces import dumped, files, traces

pytestmark = [pytest.mark.walk, pytest.mark.installation(stepped=True)]


@pytest.fixture
async def desk(flow: Flow, client: httpx.AsyncClient) -> Desk:
    await flow.sign_in(client)
    return Desk(flow, client)


def folder(desk: Desk) -> Path:
    return Path(desk.flow.platform.settings.data_dir)


def stored(desk: Desk) -> list[str]:
    """Return where the person is in the data folder: objects, copies and scratch files."""
    return traces(files(folder(desk)), *NAMES)


async def test_nothing_is_left_in_a_dump_and_in_files(desk: Desk, database_url: str) -> None:
    activations = await live(desk)
    before = [*stored(desk), *traces({"dump": [await dumped(database_url)]}, *NAMES)]
    assert {Path(place.partition(":")[0]).suffix for place in before} >= {"", ".gz", ".parquet"}
    erasure = await carried_out(desk.flow, await ask(desk))
    assert stored(desk) == []
    assert traces({"dump": [await dumped(database_url)]}, *NAMES) == []
    for activation in activations:
        assert desk.flow.received(activation) >= {"p-grace-3", "p-alan-9"}
    assert "p-ada-17" not in desk.flow.received(activations[0])
    _check_others(desk)
    _check_counts(desk, erasure)


def _check_others(desk: Desk) -> None:
    """Other persons stay, with what does not mention the person, and empty values for what does."""
    graces = list(_graces(folder(desk)))
    assert {kind for kind, _ in graces} == {
        "content",
        "base",
        "plan",
        "outcome",
        "csv",
        "exported",
    }
    for kind, row in graces:
        filled = {name for name, value in row.items() if value not in (None, "", [])}
        if kind == "content":
            assert (row["note"], row["amount"]) == (None, 20)
        elif kind == "plan":
            # None, or those of a plan that was made after the erasure
            assert set(orjson.loads(row["traits"] or "{}")).isdisjoint(MENTIONING), row
        elif kind != "outcome":
            assert {name.removeprefix("t_") for name in filled}.isdisjoint(MENTIONING), (kind, row)
            # One audience has the property plan, the other one amount.
            assert {"plan", "amount"} & {name.removeprefix("t_") for name in filled}, (kind, row)


def _graces(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of another person, each with the kind of its file."""
    for path in folder.rglob("*"):
        name = path.name
        if name.endswith(".csv.gz"):
            with gzip.open(path, "rt", newline="") as text:
                rows: list[dict[str, Any]] = list(csv.DictReader(text, delimiter=";"))
            kind = "csv"
        elif name.endswith(".parquet"):
            rows = pq.read_table(path).to_pylist()
            kind = "exported" if "exports" in path.parts else name.partition("-")[0]
        else:
            continue
        yield from ((kind, row) for row in rows if "p-grace-3" in row.values())


def _check_counts(desk: Desk, erasure: Erasure) -> None:
    found = erasure.found["places"]
    assert (found["datasets"], found["formerContents"]) == (
        {"files": 1, "rows": 2, "values": 3},
        {"files": 1, "rows": 2, "values": 3},
    )
    assert {"snapshots", "holdings", "plans", "outcomes", "exports"} <= set(found)
    for path in (folder(desk) / "objects" / "exports").rglob("*.manifest.json"):
        manifest = json.loads(path.read_bytes())
        assert manifest["rows"] + manifest.get("erased", 0) == sum(manifest["counts"].values())
