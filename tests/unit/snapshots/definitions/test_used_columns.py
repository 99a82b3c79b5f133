from __future__ import annotations

import pytest

from app.snapshots.definitions.used_columns import columns_used

COLUMNS = {"id", "amount", "email", "k", "day"}


@pytest.mark.parametrize(
    ("sql", "used"),
    [
        ("SELECT ID AS profile_id FROM orders WHERE Amount > 3", {"id", "amount"}),
        ("SELECT count(*) AS n FROM orders", set()),
        ("SELECT o.id FROM orders AS o JOIN t USING (k) ORDER BY o.day", {"id", "k", "day"}),
        ("SELECT max(t.email) FROM orders o JOIN t ON o.k = t.k GROUP BY o.id HAVING sum(amount) > 1", {"id", "k", "email", "amount"}),
        ("WITH a AS (SELECT id, k FROM orders) SELECT id FROM a WHERE k IN (SELECT day FROM t)", {"id", "k", "day"}),
        ("SELECT id FROM orders UNION BY NAME SELECT email FROM t", {"id", "email"}),
        ("SELECT id FROM orders QUALIFY row_number() OVER (PARTITION BY email ORDER BY day) = 1", {"id", "email", "day"}),
        ("SELECT id FROM orders WHERE bought_at < $as_of AND CASE WHEN k THEN day BETWEEN 1 AND 2 END", {"id", "k", "day"}),
        ("SELECT id.amount FROM orders", {"id", "amount"}),
        ("SELECT * FROM orders", None),
        ("SELECT o.* FROM orders o", None),
        ("SELECT id FROM (FROM orders)", None),
        ("SELECT COLUMNS('i.*') FROM orders", None),
        ("SELECT o FROM orders o", None),
        ("SELECT count(Orders) FROM orders", None),
        ("SELECT (orders).id FROM orders", None),
        ("SELECT #1 FROM orders", None),
        ("SELECT x FROM orders AS o(x, y)", None),
        ("SELECT id FROM orders NATURAL JOIN t", None),
        ("SELECT id FROM orders POSITIONAL JOIN t", None),
        ("SELECT k FROM (UNPIVOT orders ON id, amount INTO NAME k VALUE v)", None),
        ("SELECT k FROM (SUMMARIZE orders)", None),
        ("SELECT id FROM orders WHERE EXISTS (TABLE t)", None),
        ("SELECT id FRM orders", None),
    ],
)  # fmt: skip
def test_columns_used(sql: str, used: set[str] | None) -> None:
    found = columns_used(sql)
    assert (found if found is None else found & COLUMNS) == used
