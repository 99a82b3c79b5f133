"""Uploads read as relations (CSV, NDJSON, Parquet), types of columns, and datasets."""

from app.snapshots.reading.conversions import conversion_notes, has_conversions
from app.snapshots.reading.csv_input import csv_values
from app.snapshots.reading.datasets import write_dataset
from app.snapshots.reading.detection import cast_text, fits_text, is_code, typed_columns
from app.snapshots.reading.encodings import has_half_character
from app.snapshots.reading.first_rows import rows_at_start
from app.snapshots.reading.json_columns import typed_json_columns
from app.snapshots.reading.key_counts import count_keys
from app.snapshots.reading.long_numbers import long_columns
from app.snapshots.reading.ndjson_layouts import rows_within
from app.snapshots.reading.notations import Notation, other_notations
from app.snapshots.reading.parquet_input import parquet_text, parquet_trait
from app.snapshots.reading.sorted_rows import sort_rows
from app.snapshots.reading.source import Source
from app.snapshots.reading.type_reasons import type_reason
from app.snapshots.reading.uploads import open_upload

__all__ = [
    "Notation",
    "Source",
    "cast_text",
    "conversion_notes",
    "count_keys",
    "csv_values",
    "fits_text",
    "has_conversions",
    "has_half_character",
    "is_code",
    "long_columns",
    "open_upload",
    "other_notations",
    "parquet_text",
    "parquet_trait",
    "rows_at_start",
    "rows_within",
    "sort_rows",
    "type_reason",
    "typed_columns",
    "typed_json_columns",
    "write_dataset",
]
