"""dlt sends the rows of a file that are new since its last run to a URL: ``dlt_members.py URL CSV FOLDER``.

As its documentation recommends: a custom destination for reverse ETL, incremental loading by a column, its own client, which repeats
requests, and a pipeline that first completes what an interrupted run has left.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

url, file, folder = sys.argv[1:4]
os.environ["DLT_DATA_DIR"] = folder
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

import dlt  # noqa: E402 - reads the environment
from dlt.sources.helpers import requests  # noqa: E402

BATCH = 500


@dlt.destination(
    batch_size=BATCH,
    loader_file_format="typed-jsonl",
    name="receiver",
    naming_convention="direct",
    max_table_nesting=0,
    skip_dlt_columns_and_tables=True,
)
def post(items: Any, table: Any) -> None:
    """Post one batch."""
    del table
    requests.post(url, json=items, timeout=20).raise_for_status()


@dlt.resource(name="members", primary_key="profile_id")
def members(
    updated: Any = dlt.sources.incremental("updated_at", range_start="open"),  # noqa: B008
) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of the file; dlt keeps those whose ``updated_at`` is new."""
    del updated
    with Path(file).open() as lines:
        yield [{**row, "updated_at": int(row["updated_at"])} for row in csv.DictReader(lines)]


pipeline = dlt.pipeline("members", destination=post, pipelines_dir=folder, progress=None)
if pipeline.has_pending_data:
    pipeline.run()
pipeline.run(members())
