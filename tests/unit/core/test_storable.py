"""Text and JSON as PostgreSQL can store them."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.storable import storable_json, storable_text

TEXTS = st.text(st.characters() | st.sampled_from("\0\ud800\udfff😀\ufffd"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@given(TEXTS)
def test_only_what_cannot_be_stored_is_replaced(text: str) -> None:
    kept = storable_text(text)
    assert len(kept) == len(text)
    for before, after in zip(text, kept, strict=True):
        assert after == ("\ufffd" if before == "\0" or "\ud800" <= before <= "\udfff" else before)


def _stored(value: Any) -> Any:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_stored(one) for one in value]
    if isinstance(value, dict):
        return {storable_text(name): _stored(one) for name, one in value.items()}
    return value


@given(VALUES)
def test_json_keeps_all_other_values(value: Any) -> None:
    text = storable_json(value)
    assert json.loads(text) == _stored(value)
    assert "\0" not in text
    text.encode()


def test_a_value_that_json_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError):
        storable_json({"a": object()})
