"""Options of a file: format, contents, columns and name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.connectors.base import Call

DEFAULT_COLUMNS = (
    "profile_id",
    "email",
    "user_id",
    "action",
    "occurred_at",
    "audience_key",
    "sync_id",
)
SAME_NAMES = {name: name for name in DEFAULT_COLUMNS}
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


def checked_prefix(prefix: str) -> str:
    """Return a folder inside the bucket, with one trailing slash. Raises ValueError if it is not relative."""
    if not prefix:
        return ""
    parts = prefix.rstrip("/").split("/")
    if prefix.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise ValueError(
            "must be a relative folder such as exports/audiences, without .. or empty parts"
        )
    if any(not letter.isprintable() or letter == "\\" for letter in prefix):
        raise ValueError("must contain printable characters only, and no backslash")
    return "/".join(parts) + "/"


def checked_file_prefix(prefix: str) -> str:
    """Return the prefix of a file's name. Raises ValueError for other characters than letters, digits, _ and -."""
    if _UNSAFE.search(prefix):
        raise ValueError("may contain letters, digits, _ and - only")
    return prefix


class FileOptions(BaseModel):
    """How files are written. Settings of the connection override those of the destination."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["csv", "parquet"] = "csv"
    contents: Literal["delta", "snapshot"] = "delta"
    delimiter: Literal[",", "|", "\t", ";", ":"] = ","
    compression: Literal["zstd", "snappy", "gzip", "none"] | None = None
    filename_prefix: Annotated[str, Field(max_length=100), AfterValidator(checked_file_prefix)] = ""
    prefix: Annotated[str, Field(max_length=500), AfterValidator(checked_prefix)] = ""
    empty_delta: Literal["file", "skip"] = "file"  # a file with a header only, or none
    formula_guard: bool | None = (
        None  # None: on for downloads, off for buckets, which machines read
    )
    byte_order_mark: bool = False  # some spreadsheets need it to read UTF-8

    @model_validator(mode="after")
    def _compression_fits(self) -> FileOptions:
        fitting = ("none", "gzip") if self.format == "csv" else ("zstd", "snappy", "none")
        if self.compression is not None and self.compression not in fitting:
            raise ValueError(f"compression of {self.format} is one of {', '.join(fitting)}")
        return self

    def unused(self) -> Mapping[str, str]:
        """Return which options have no effect, with the reason: ``{name: sentence}``."""
        found: dict[str, str] = {}
        if self.format == "parquet":
            reason = "It is for CSV files, and these files are Parquet. Leave it out."
            found |= dict.fromkeys(("delimiter", "formula_guard", "byte_order_mark"), reason)
        if self.contents == "snapshot":
            found["empty_delta"] = (
                "It is for changes, and these files have all members. Leave it out."
            )
        return found

    @property
    def effective_compression(self) -> str:
        """Return the compression, or the default of the format."""
        return self.compression or ("none" if self.format == "csv" else "zstd")

    @property
    def extension(self) -> str:
        """Return the extension of the file."""
        if self.format == "parquet":
            return "parquet"
        return "csv.gz" if self.effective_compression == "gzip" else "csv"


def file_name(options: FileOptions, call: Call) -> str:
    """Return the name of a call's file. It is equal on every retry, so that a retry replaces the file."""
    moment = call.planned_at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    part = f"_{call.number}" if call.count > 1 else ""
    stem = "_".join(
        (_safe(call.audience.key), options.contents, moment, _safe(call.sync_id) + part)
    )
    return f"{options.filename_prefix}{stem}.{options.extension}"


def _safe(text: str) -> str:
    return _UNSAFE.sub("-", text)[:100] or "-"


def wanted_columns(call: Call) -> dict[str, str]:
    """Return ``{field: column name}`` in order: those of the mapping, or the defaults and the sent traits.

    If the traits are not known in advance, they share one column of JSON.
    """
    given: Mapping[str, Any] | None = call.constants.get("columns")
    if given == SAME_NAMES:  # the default of the field
        given = None
    columns = (
        {str(name): str(column) for name, column in given.items()} if given else dict(SAME_NAMES)
    )
    more = call.constants.get("additional_identifiers_and_traits_columns") or {}
    columns.update({str(name): str(column) for name, column in more.items()})
    if not given:
        traits = ["traits"] if call.trait_types is None else list(call.trait_types)
        columns.update({name: name for name in traits if name not in columns})
    return columns
