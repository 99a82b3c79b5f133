"""dlt's custom destination posts rows to a URL: ``dlt_sink.py URL ROWS BATCH``. Prints ``{"seconds": …}``."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from typing import Any

folder = tempfile.mkdtemp(prefix="dlt-")
os.environ["DLT_DATA_DIR"] = folder
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

import dlt  # noqa: E402 - reads the environment
import orjson  # noqa: E402
import requests  # noqa: E402

url, count, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
session = requests.Session()


@dlt.destination(
    batch_size=batch,
    loader_file_format="typed-jsonl",
    name="sink",
    naming_convention="direct",
    max_table_nesting=0,
)
def post(items: Any, table: Any) -> None:
    """Post one batch."""
    del table
    session.post(url, data=orjson.dumps(items), timeout=20).raise_for_status()


def source() -> Iterable[Any]:
    """Yield the same rows as benchmarks/deliver.py."""
    yield [
        {"id": f"p{i}", "identifiers": {"email": f"p{i}@example.com"}, "traits": {}}
        for i in range(count)
    ]


pipeline = dlt.pipeline("bench", destination=post, pipelines_dir=folder, progress=None)
begin = time.perf_counter()
pipeline.run(source(), table_name="members")
print(json.dumps({"seconds": time.perf_counter() - begin}))
