"""Options of files that have no effect: those of another format or of other contents."""

from __future__ import annotations

from typing import Any

import pytest

from app.connectors.destinations.file_export.settings import DownloadSettings


@pytest.mark.parametrize(
    ("account", "connection", "unused"),
    [
        ({}, {"delimiter": ";", "byte_order_mark": True}, []),
        ({}, {"format": "parquet"}, []),
        ({}, {"format": "parquet", "delimiter": ";"}, ["delimiter"]),
        ({"format": "parquet"}, {"formula_guard": True}, ["formula_guard"]),
        ({"format": "parquet"}, {"format": "csv", "delimiter": ";"}, []),
        ({"format": "parquet", "delimiter": ";"}, {"prefix": "a"}, []),  # a default of others
        ({"contents": "snapshot"}, {"empty_delta": "skip"}, ["empty_delta"]),
        ({}, {"empty_delta": "skip"}, []),
    ],
)
def test_options_of_a_connection_without_effect(
    account: dict[str, Any], connection: dict[str, Any], unused: list[str]
) -> None:
    assert list(DownloadSettings(**account).unused_settings(connection)) == unused
