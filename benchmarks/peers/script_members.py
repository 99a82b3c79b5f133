"""A nightly script as people write it: compares the file with that of the last night, and posts what was added and removed.

``script_members.py URL CSV FOLDER``: the folder keeps the last file. Requests are repeated as urllib3 does it, with ``Retry-After``.
"""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

BATCH = 500

url, file, last = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]) / "last.csv"
session = requests.Session()
retry = Retry(
    total=5, backoff_factor=1, status_forcelist=[429, 500, 502, 503, 504], allowed_methods=None
)
session.mount("http://", HTTPAdapter(max_retries=retry))


def read(path: Path) -> dict[str, dict[str, str]]:
    """Return the rows of a file by id."""
    if not path.exists():
        return {}
    with path.open() as lines:
        return {row["profile_id"]: row for row in csv.DictReader(lines)}


def post(what: str, rows: list[dict[str, str]]) -> None:
    """Post rows in batches."""
    for first in range(0, len(rows), BATCH):
        body = {what: rows[first : first + BATCH]}
        session.post(url, json=body, timeout=20).raise_for_status()


before, now = read(last), read(file)
post("add", [row for key, row in now.items() if key not in before])
post("remove", [row for key, row in before.items() if key not in now])
shutil.copy(file, last)
