"""Reading of uploads: CSV, NDJSON and Parquet, types of columns, datasets."""

from app.snapshots.reading.datasets import write_dataset
from app.snapshots.reading.detection import is_code, parquet_trait, typed_columns
from app.snapshots.reading.json_columns import typed_json_columns
from app.snapshots.reading.uploads import Source, open_upload

__all__ = [
    "Source",
    "is_code",
    "open_upload",
    "parquet_trait",
    "typed_columns",
    "typed_json_columns",
    "write_dataset",
]
