"""What in a definition depends on the order of rows: notes with the repeatable form, and when order has no effect."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.snapshots.definitions import analyse_order
from app.snapshots.definitions.definition_check import check_definition

COLUMNS = {"c": ["a"], "email": ["x"], "day": [1], "amount": [Decimal("2.50")]}


@pytest.fixture
def exact(tmp_path: Path) -> dict[str, Path]:
    """A dataset without floating-point columns."""
    path = tmp_path / "exact.parquet"
    pq.write_table(pa.table(COLUMNS), path)
    return {"t": path}


@pytest.fixture
def inexact(tmp_path: Path) -> dict[str, Path]:
    """A dataset with one."""
    path = tmp_path / "inexact.parquet"
    pq.write_table(pa.table({**COLUMNS, "weight": [1.5]}), path)
    return {"t": path}


DEPENDENT = [
    ("SELECT c, last(email) FROM t GROUP BY c", "arg_max(email, (t, email))"),
    ("SELECT c, first(email) FROM t GROUP BY c", "max(email)"),
    ("SELECT c, any_value(email) FROM t GROUP BY c", "max(email)"),
    ("SELECT c, last(email ORDER BY day) FROM t GROUP BY c", "arg_max"),
    ("SELECT c, arg_max(email, day) FROM t GROUP BY c", "arg_max(email, (day, email))"),
    ("SELECT c, arg_min(t.email, day) FROM t GROUP BY c", "arg_min(t.email, (day, t.email))"),
    ("SELECT c, max_by(email, day) FROM t GROUP BY c", "max_by(email, (day, email))"),
    ("SELECT c, mode(email) FROM t GROUP BY c", "mode(email ORDER BY email)"),
    ("SELECT c, list(email) FROM t GROUP BY c", "list(email ORDER BY email)"),
    ("SELECT c, list(DISTINCT email) FROM t GROUP BY c", "list(email ORDER BY email)"),
    ("SELECT c, string_agg(email, ';') FROM t GROUP BY c", "string_agg(email, ',' ORDER BY email)"),
    ("SELECT c, approx_quantile(day, 0.5) FROM t GROUP BY c", "quantile_disc"),
    ("SELECT DISTINCT ON (c) c, email FROM t ORDER BY c, day", "ORDER BY"),
    ("SELECT c FROM t LIMIT 3", "ORDER BY"),
    ("SELECT c, sum(day) AS s FROM t GROUP BY c ORDER BY s LIMIT 3", "ORDER BY"),
    ("SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY c ORDER BY day) AS r FROM t) WHERE r = 1", "ORDER BY"),
    ("SELECT c, lag(email) OVER (PARTITION BY c ORDER BY day) FROM t", "ORDER BY"),
    ("SELECT c, sum(day) OVER (ORDER BY day ROWS 1 PRECEDING) FROM t", "ORDER BY"),
    ("SELECT c, sum(weight) FROM t GROUP BY c HAVING sum(weight) > 3", "DECIMAL"),
    ("SELECT c FROM (SELECT c, avg(weight) AS w FROM t GROUP BY c) WHERE w > 3", "DECIMAL"),
    ("SELECT c AS profile_id, sum(weight) AS w FROM t GROUP BY c ORDER BY w, c LIMIT 9", "DECIMAL"),
    ("SELECT c FROM t GROUP BY c HAVING sum(CAST(amount AS DOUBLE)) > 1", "sum(CAST(amount AS DECIMAL"),
    ("SELECT c FROM t GROUP BY c HAVING avg(amount::REAL) FILTER (day > 1) > 1", "avg(CAST(amount AS DECIMAL"),
    ("SELECT c FROM t GROUP BY c HAVING sum(amount / 3) + sum(day) > 1", "DECIMAL"),
    ("SELECT c FROM t GROUP BY c HAVING sum(amount * 1e0) > 1", "DECIMAL"),
    ("SELECT c FROM t GROUP BY c HAVING fsum(amount) > 1", "sum(CAST(amount AS DECIMAL"),
    ("SELECT c FROM t GROUP BY c HAVING stddev(day) > 1", "stddev(day ORDER BY day)"),
    ("SELECT c FROM t GROUP BY c HAVING corr(day, amount) > 1", "corr(day, amount ORDER BY day, amount)"),
    ("SELECT c FROM t GROUP BY c HAVING list_sum(list(weight)) > 1", "list(weight ORDER BY weight)"),
    ("SELECT c, sum(weight) * 2 AS s FROM t GROUP BY c HAVING s > 1", "DECIMAL"),
    ("SELECT c FROM t QUALIFY sum(CAST(amount AS DOUBLE)) OVER (PARTITION BY c) > 3", "DECIMAL"),
    ("SELECT c AS profile_id FROM t GROUP BY c ORDER BY sum(sqrt(day)), c LIMIT 9", "sum(CAST(sqrt(day) AS"),
    ("SELECT c, rank() OVER (ORDER BY sum(weight)) FROM t GROUP BY c", "DECIMAL"),
    ("SELECT c FROM t WHERE day > (SELECT avg(weight) FROM t)", "DECIMAL"),
    ("SELECT t.c FROM t JOIN (SELECT c, sum(weight) AS s FROM t GROUP BY c) AS u ON u.s > t.day", "DECIMAL"),
    ("SELECT s, count(*) FROM (SELECT c, sum(weight) AS s FROM t GROUP BY c) GROUP BY s", "DECIMAL"),
    ("SELECT c FROM (SELECT c, CAST(amount AS DOUBLE) AS x FROM t) GROUP BY c HAVING sum(x) > 1", "sum(CAST(x AS"),
    ("WITH y AS (SELECT c, sum(weight) AS s FROM t GROUP BY c), z AS (SELECT c, s * 2 AS q FROM y) FROM z WHERE q > 1", "DECIMAL"),
    ("WITH x(c, s) AS (SELECT c, sum(weight) FROM t GROUP BY c UNION SELECT c, 0 FROM t) SELECT c FROM x WHERE s > 3", "DECIMAL"),
]  # fmt: skip

DETERMINED = [
    "SELECT c, arg_max(email, (day, email)) FROM t GROUP BY c",
    "SELECT c, arg_max(email, email) FROM t GROUP BY c",
    "SELECT c, last(email ORDER BY day, email) FROM t GROUP BY c",
    "SELECT c, list(email ORDER BY email) FROM t GROUP BY c",
    "SELECT c, mode(email ORDER BY email) FROM t GROUP BY c",
    "SELECT DISTINCT ON (c) c, email FROM t ORDER BY c, day, email",
    "SELECT c AS profile_id, email FROM t ORDER BY profile_id LIMIT 3",
    "SELECT c, email FROM t ORDER BY 1, 2 LIMIT 3",
    "SELECT c, sum(day) AS s FROM t GROUP BY c ORDER BY s DESC, c LIMIT 3",
    "FROM t ORDER BY ALL LIMIT 3",
    "SELECT c, email FROM t QUALIFY row_number() OVER (PARTITION BY c ORDER BY day, email) = 1",
    "SELECT c, rank() OVER (ORDER BY day) FROM t",
    "SELECT c, sum(weight) FROM t GROUP BY c",
    "SELECT c, sum(CAST(weight AS DECIMAL(18, 2))) AS s FROM t GROUP BY c HAVING s > 3",
    "SELECT c FROM t GROUP BY c HAVING sum(CAST(CAST(day AS DOUBLE) AS DECIMAL(9, 1))) > 1",
    "SELECT c FROM t GROUP BY c HAVING sum(weight ORDER BY weight) > 1 AND stddev(day ORDER BY day) > 1",
    "SELECT c FROM t GROUP BY c HAVING avg(amount) > 1 AND sum(amount) FILTER (weight > 1) > 1",
    "SELECT c FROM t GROUP BY c HAVING list_sum(list(weight ORDER BY weight)) > 1",
    "SELECT c, sum(CAST(amount AS DOUBLE)), stddev(day) FROM t GROUP BY c",
]

INDEPENDENT = [
    "SELECT c AS profile_id, max(email) AS email, sum(amount) AS spent FROM t WHERE day > 3 GROUP BY c",
    "SELECT c, count(*), count(DISTINCT email) FROM t GROUP BY ALL HAVING count(*) > 1",
    "WITH x AS (SELECT c, avg(amount) AS a FROM t GROUP BY c) SELECT t.c, a FROM t JOIN x USING (c) WHERE email LIKE '%x'",
    "SELECT c FROM t WHERE $as_of - INTERVAL 30 DAY < DATE '2026-01-01' GROUP BY c HAVING sum(amount) >= 0",
    "SELECT DISTINCT c FROM t UNION SELECT email FROM t",
]  # fmt: skip

NOT_SHOWN = [
    "SELECT c, sum(amount / 3) FROM t GROUP BY c",
    "SELECT c, sum(CAST(day AS DOUBLE)) FROM t GROUP BY c",
    "SELECT c, sum(a) FROM (SELECT c, avg(amount) AS a FROM t GROUP BY c) GROUP BY c",
    "SELECT c, list(email ORDER BY email) FROM t GROUP BY c",
    "SELECT c, rank() OVER (ORDER BY day) FROM t",
    "SELECT c, sqrt(day) FROM t",
    "SELECT a.c FROM t AS a ASOF JOIN t AS b ON a.c = b.c AND a.day >= b.day",
]


class TestNotes:
    @pytest.mark.parametrize(("sql", "form"), DEPENDENT)
    def test_names_the_repeatable_form(self, inexact: dict[str, Path], sql: str, form: str) -> None:
        order = analyse_order(sql, inexact)
        assert not order.independent
        assert len(order.notes) == 1
        assert form in order.notes[0].split("Repeatable: ")[1]

    @pytest.mark.parametrize("sql", DETERMINED)
    def test_what_is_determined_has_none(self, inexact: dict[str, Path], sql: str) -> None:
        assert analyse_order(sql, inexact).notes == ()


class TestIndependence:
    @pytest.mark.parametrize("sql", INDEPENDENT)
    def test_is_shown(self, exact: dict[str, Path], sql: str) -> None:
        assert analyse_order(sql, exact).independent

    @pytest.mark.parametrize("sql", [*NOT_SHOWN, *[sql for sql, _ in DEPENDENT[:18]]])
    def test_is_not_shown(self, exact: dict[str, Path], sql: str) -> None:
        assert not analyse_order(sql, exact).independent

    def test_sums_of_floating_point_columns_depend_on_order(
        self, exact: dict[str, Path], inexact: dict[str, Path]
    ) -> None:
        weights = "SELECT c, sum(w) FROM (SELECT c, weight AS w FROM t) GROUP BY c"
        assert not analyse_order(weights, inexact).independent
        every = "SELECT c, sum(v) FROM (SELECT * FROM t) AS x(c, e, d, a, v) GROUP BY c"
        assert not analyse_order(every, inexact).independent
        for datasets in (exact, inexact):
            assert analyse_order("SELECT c, sum(amount) FROM t GROUP BY c", datasets).independent

    def test_what_the_parser_cannot_read_counts_as_dependent(self) -> None:
        order = analyse_order("SELECT x FROM t WHERE at TIME", {})
        assert (order.independent, order.notes) == (False, ())


class TestSampling:
    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT c FROM t USING SAMPLE 5",
            "SELECT c FROM t TABLESAMPLE 10%",
            "SELECT c FROM t TABLESAMPLE reservoir(5 ROWS) REPEATABLE (1)",
            "SELECT c FROM (SELECT c FROM t USING SAMPLE 10 PERCENT (bernoulli))",
            "SELECT c, reservoir_quantile(day, 0.5) FROM t GROUP BY c",
        ],
    )
    def test_is_refused(self, sql: str) -> None:
        assert check_definition(sql)
