from __future__ import annotations

import contextlib
import re
import time

import pytest

from app.sources.postgres.statement import StatementRejected, read_statement


class TestReadStatement:
    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT 1",
            "  ((SELECT 1) UNION SELECT 2);",
            "-- a note\n/* two /* nested */ */ WITH a AS (SELECT 1) SELECT * FROM a; -- the end",
            "SELECT 'now() ; random()', \"current_date\", $$ ; now() $$, $x$ random() $x$, E'\\';', U&'d\\0061t'",
            "SELECT t.now, t.age, now AS n, t.random FROM t",
            "SELECT age($as_of, x), age(f(a, b), c), age(y[f(1)], c) FROM t",
            "SELECT 'today' AS label, label = 'now' FROM t",
            "SELECT 'today' AS date, DATE 'infinity', timestamp 'epoch', label > 'x now', f('now') > 3, 'now'::text FROM t",
            "SELECT a -> 'now' ->> 'today', a #>> 'now', a @> 'now', a ~ 'now' FROM t",
            "SELECT a -> 'b' ->> 'c', a @> '{}', b ?| ARRAY['x'], x::int[], y[1:2], 1e5, .5 FROM t",
            "SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b LIMIT 5 FOR UPDATE",
        ],
    )
    def test_takes(self, sql: str) -> None:
        read_statement(sql)

    @pytest.mark.parametrize(
        ("sql", "words"),
        [
            ("", "one SELECT"),
            ("-- nothing", "one SELECT"),
            ("INSERT INTO t SELECT 1", "one SELECT"),
            ("COPY (SELECT 1) TO PROGRAM 'id'", "one SELECT"),
            ("TABLE t", "one SELECT"),
            ("SET ROLE other", "one SELECT"),
            ("SELECT 1; DROP TABLE t", "semicolon"),
            ("SELECT 1;; SELECT 2", "semicolon"),
            ("SELECT 1 /* ; */ ; -- x\n COMMIT", "semicolon"),
            ("SELECT $1", r"only parameter is \$as_of, not \$1"),
            ("SELECT $other", r"not \$other"),
            ("SELECT NOW()", r"\$as_of"),
            ("SELECT now /* x */ ( )", r"\$as_of"),
            ('SELECT "now"()', r"\$as_of"),
            ("SELECT pg_catalog.now()", r"\$as_of"),
            ("SELECT Current_Date", r"\$as_of"),
            ("SELECT clock_timestamp()", r"\$as_of"),
            ("SELECT age(born) FROM t", r"\$as_of"),
            ("SELECT age(greatest(a, b)) FROM t", r"\$as_of"),
            ("SELECT f(a, age((b)), c) FROM t", r"\$as_of"),
            ("SELECT age(array[b, c]) FROM t", r"\$as_of"),
            ("SELECT 'now'::timestamp", r"\$as_of"),
            ("SELECT date 'today'", r"\$as_of"),
            ("SELECT CAST(' Yesterday ' AS date)", r"\$as_of"),
            ("SELECT timestamp(3) 'now'", r"\$as_of"),
            ("SELECT time without time zone 'now'", r"\$as_of"),
            ("SELECT \"date\" 'today'", r"\$as_of"),
            ("SELECT 'today'::pg_catalog.date", r"\$as_of"),
            ("SELECT timestamptz('now')", r"\$as_of"),
            ("SELECT ('today')::text::date", r"\$as_of"),
            ("SELECT $$today$$::date", r"\$as_of"),
            ("SELECT E'today'::date", r"\$as_of"),
            ("SELECT '{today}'::date[]", r"\$as_of"),
            ("SELECT '[today,)'::daterange", r"\$as_of"),
            ("SELECT 'tomorrow 12:00'::timestamp", r"\$as_of"),
            ("SELECT x FROM t WHERE day > 'today'", r"\$as_of"),
            ("SELECT x FROM t WHERE 'yesterday' <= day", r"\$as_of"),
            ("SELECT x FROM t WHERE day BETWEEN 'yesterday' AND x", r"\$as_of"),
            ("SELECT * FROM t ORDER BY random()", "another result"),
            ("SELECT gen_random_uuid()", "another result"),
            ("SELECT * FROM t TABLESAMPLE system (1)", "sample"),
            ("SELECT 'x", "not closed"),
            ('SELECT "x', "not closed"),
            ("SELECT $a$ x $b$", "not closed"),
            ("SELECT /* /* */ 1", "not closed"),
            ("SELECT '\0'", "NUL"),
            ("SELECT " + " " * 70_000 + "1", "longer"),
        ],
    )
    def test_refuses(self, sql: str, words: str) -> None:
        with pytest.raises(StatementRejected) as caught:
            read_statement(sql)
        assert any(re.search(words, reason) for reason in caught.value.reasons)

    def test_inserts_the_parameter_and_drops_the_semicolon(self) -> None:
        statement = read_statement("SELECT $as_of, '$as_of', $AS_OF::date ; -- end")
        assert statement.sql == "SELECT ($1::timestamp), '$as_of', ($1::timestamp)::date"

    def test_a_moment_takes_the_place_of_each_parameter(self) -> None:
        statement = read_statement("SELECT $as_of, '$as_of' AS b, $AS_OF -- $as_of")
        moment = "('2026-02-01 00:00:00'::timestamp)"
        assert statement.at("2026-02-01 00:00:00") == f"SELECT {moment}, '$as_of' AS b, {moment}"

    def test_a_comment_ends_where_postgresql_ends_it(self) -> None:
        assert read_statement("SELECT 1 -- x\rUNION SELECT 2").sql.endswith("UNION SELECT 2")

    def test_a_dollar_quote_may_have_the_name_of_the_parameter(self) -> None:
        assert "($1" not in read_statement("SELECT $as_of$ x $as_of$").sql

    def test_reports_positions_in_the_original_text(self) -> None:
        statement = read_statement("SELECT $as_of, a,\n  $as_of, nope")
        assert statement.line_and_column(statement.sql.index("a,") + 1) == (1, 16)
        assert statement.line_and_column(statement.sql.index("nope") + 1) == (2, 11)

    @pytest.mark.parametrize(
        "text",
        [
            "$a$" * 20_000,
            "'" * 64_001,
            "/*" * 30_000,
            "(" * 60_000,
            "$a" * 30_000,
            "age(a," * 9_000 + "b" + ")" * 9_000,
        ],
    )
    def test_is_quick_for_every_text(self, text: str) -> None:
        begun = time.process_time()
        with contextlib.suppress(StatementRejected):
            read_statement(f"SELECT {text}"[:65_000])
        assert time.process_time() - begun < 2
