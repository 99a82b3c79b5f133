"""The embedded engine, and what all packages share: SQL pieces, value types, key ranges and keys."""

from app.snapshots.engine.engine import MEDIUM_ROWS, Engine, Lane, lane_of
from app.snapshots.engine.faults import TooMuchMemory, is_lasting_fault
from app.snapshots.engine.formats import (
    FileFormat,
    Marks,
    UnknownFormat,
    columns_of,
    file_version,
    format_metadata,
    marks_of,
    numbered_relation,
    stored_relation,
    stored_schema,
)
from app.snapshots.engine.inputs import Comparison, DatasetStats, SnapshotStats, TypeChange, Upload
from app.snapshots.engine.json_sql import json_members, json_object, json_value, spelled_value
from app.snapshots.engine.keys import MEMBER, key_position, key_value
from app.snapshots.engine.manifests import LocalManifest, Manifest, StoredFile
from app.snapshots.engine.outcomes import BatchOutcome, FoldStats
from app.snapshots.engine.plan_values import Cut, Cuts, PlannedChange, PlanStats
from app.snapshots.engine.ranges import (
    RANGE_ROWS,
    KeyRange,
    footers_kept,
    key_ranges,
    range_number,
    row_group_weights,
    row_width,
)
from app.snapshots.engine.refusals import has_refused_key
from app.snapshots.engine.sorted_files import write_sorted
from app.snapshots.engine.specification import Arm, KeyField, PlanSpec
from app.snapshots.engine.sql import (
    ROW_GROUP,
    Cursor,
    asked_rows,
    column_types,
    copy_to,
    fetch_one,
    fetch_values,
    parquet_relation,
    registered,
    rows_in_order,
    sql_name,
    sql_text,
)
from app.snapshots.engine.upload_report import Counts, Dialect, ReadColumn, UploadReport

__all__ = [
    "MEDIUM_ROWS",
    "MEMBER",
    "RANGE_ROWS",
    "ROW_GROUP",
    "Arm",
    "BatchOutcome",
    "Comparison",
    "Counts",
    "Cursor",
    "Cut",
    "Cuts",
    "DatasetStats",
    "Dialect",
    "Engine",
    "FileFormat",
    "FoldStats",
    "KeyField",
    "KeyRange",
    "Lane",
    "LocalManifest",
    "Manifest",
    "Marks",
    "PlanSpec",
    "PlanStats",
    "PlannedChange",
    "ReadColumn",
    "SnapshotStats",
    "StoredFile",
    "TooMuchMemory",
    "TypeChange",
    "UnknownFormat",
    "Upload",
    "UploadReport",
    "asked_rows",
    "column_types",
    "columns_of",
    "copy_to",
    "fetch_one",
    "fetch_values",
    "file_version",
    "footers_kept",
    "format_metadata",
    "has_refused_key",
    "is_lasting_fault",
    "json_members",
    "json_object",
    "json_value",
    "key_position",
    "key_ranges",
    "key_value",
    "lane_of",
    "marks_of",
    "numbered_relation",
    "parquet_relation",
    "range_number",
    "registered",
    "row_group_weights",
    "row_width",
    "rows_in_order",
    "spelled_value",
    "sql_name",
    "sql_text",
    "stored_relation",
    "stored_schema",
    "write_sorted",
]
