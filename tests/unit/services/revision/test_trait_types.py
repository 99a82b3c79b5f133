from __future__ import annotations

import pytest

from app.services.revision.trait_types import trait_types_of


@pytest.mark.parametrize(
    ("engine_type", "kind"),
    [
        ("VARCHAR", "text"),
        ("BIGINT", "integer"),
        ("UTINYINT", "integer"),
        ("HUGEINT", "number"),
        ("DECIMAL(18,2)", "decimal(18,2)"),
        ("DOUBLE", "number"),
        ("BOOLEAN", "boolean"),
        ("TIMESTAMP WITH TIME ZONE", "timestamp"),
        ("TIMESTAMP_NS", "timestamp"),
        ("DATE", "date"),
        ("VARCHAR[]", "json"),
        ("STRUCT(a BIGINT)", "json"),
        ("JSON", "json"),
    ],
)
def test_engine_types_become_types_that_travel(engine_type: str, kind: str) -> None:
    assert trait_types_of({"t": "t"}, [{"t": engine_type}]) == {"t": kind}


def test_names_and_order_are_those_that_travel() -> None:
    found = trait_types_of(
        {"b": "Bee", "a": "a", "none": "None"}, [{"a": "BIGINT", "b": "BOOLEAN"}]
    )
    assert list(found.items()) == [("Bee", "boolean"), ("a", "integer"), ("None", "text")]


def test_sources_that_do_not_agree_make_what_fits_both() -> None:
    names = {"n": "n", "t": "t", "i": "i", "d": "d"}
    sources = [
        {"n": "BIGINT", "t": "BIGINT", "i": "BIGINT", "d": "DECIMAL(18,1)"},
        {"n": "DOUBLE", "t": "BOOLEAN", "d": "DECIMAL(18,2)"},
    ]
    assert trait_types_of(names, sources) == {
        "n": "number",
        "t": "text",
        "i": "integer",
        "d": "number",
    }
