"""Properties of every mapping and payload, valid or not."""

from __future__ import annotations

import re
from copy import deepcopy
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.mapping import (
    InvalidMapping,
    MappingError,
    MappingFailed,
    compile_mapping,
    resolve,
    resolve_batch,
    validate,
)
from app.mapping.values import ABSENT
from tests.apart import examples
from tests.unit.mapping.random_mappings import (
    KEYS,
    OPTIONS,
    SCALARS,
    TEXTS,
    WHOLE,
    random_mapping,
    random_payload,
)

scalars = st.sampled_from([*TEXTS, *SCALARS]) | st.floats(allow_nan=False) | st.text(max_size=6)
keys = st.sampled_from(
    [*KEYS, *OPTIONS, *WHOLE, *(name for names in OPTIONS.values() for name in names)]
)
documents = st.recursive(
    scalars,
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(keys, parts, max_size=3),
    max_leaves=12,
)


def holds_absent(value: Any) -> bool:
    if isinstance(value, dict):
        return any(holds_absent(item) for item in value.values())
    return any(map(holds_absent, value)) if isinstance(value, list) else value is ABSENT


def outcome(mapping: Any, payload: Any) -> Any:
    """Return the result, or the MappingError; other errors are raised."""
    try:
        return resolve(mapping, payload)
    except MappingError as error:
        return error


def check(mapping: Any, payload: Any) -> bool:
    """Run a mapping in every way, and return whether it has a result."""
    before = repr(deepcopy([mapping, payload]))
    faults = validate(mapping)
    result = outcome(mapping, payload)
    assert repr([mapping, payload]) == before
    assert all(re.match(r"/.* .", fault, re.DOTALL) for fault in faults)
    assert isinstance(result, InvalidMapping) == bool(faults)
    if isinstance(result, InvalidMapping):
        assert result.faults == faults
    if isinstance(result, MappingFailed):
        assert str(result).startswith(f"{result.location} ")
    if isinstance(result, MappingError):
        return False
    assert not holds_absent(result)
    compiled = compile_mapping(mapping)
    assert repr(compiled.resolve(payload)) == repr(result) == repr(compiled.resolve(payload))
    assert repr(resolve_batch(mapping, [payload, payload])) == repr([result, result])
    return True


class TestAnyMapping:
    @pytest.mark.parametrize("many", [1, pytest.param(40, marks=pytest.mark.chaos)])
    def test_likely_mappings_raise_nothing_but_mapping_errors(self, many: int) -> None:
        @settings(max_examples=many * 500, deadline=None)
        @given(seed=st.integers(min_value=0, max_value=2**48))
        def checked(seed: int) -> None:
            random = Random(seed)
            check(random_mapping(random), random_payload(random))

        checked()

    @pytest.mark.more_in_walks
    @pytest.mark.parametrize(
        "many", [examples(60, 200), pytest.param(4_000, marks=pytest.mark.chaos)]
    )
    def test_any_document_raises_nothing_but_mapping_errors(self, many: int) -> None:
        @settings(max_examples=many, deadline=None)
        @given(mapping=documents, payload=st.dictionaries(keys, documents, max_size=4))
        def checked(mapping: Any, payload: dict[str, Any]) -> None:
            check(mapping, payload)

        checked()

    @settings(max_examples=200, deadline=None)
    @given(mapping=documents, payload=documents)
    def test_any_payload_raises_nothing_but_mapping_errors(
        self, mapping: Any, payload: Any
    ) -> None:
        for call in (lambda: resolve(mapping, payload), lambda: resolve_batch(mapping, [payload])):
            try:
                call()
            except MappingError:
                continue

    def test_a_good_part_of_the_random_mappings_gives_a_result(self) -> None:
        made = [Random(seed) for seed in range(500)]
        worked = sum(check(random_mapping(random), random_payload(random)) for random in made)
        assert worked > 150
