"""Reports on how uploads were read: the dialect, the columns, and what was skipped or changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

#: Counts by column, then by reason: ``{"phone": {"invalid": 3}}``.
Counts = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How an upload is written. What its format does not have is None or empty.

    ``line_ends`` are ``LF``, ``CRLF`` and ``CR``, in the order in which they were found. ``detected_by`` are the letters that the
    encoding was detected by, None if it was not detected.
    """

    encoding: str | None = None
    detected_by: str | None = None
    byte_order_mark: bool = False
    compression: str | None = None
    line_ends: Sequence[str] = ()
    delimiter: str | None = None
    quote: str | None = None
    skips_blanks: bool = False  # after a delimiter


@dataclass(frozen=True, slots=True)
class ReadColumn:
    """A column of an upload: what it was read as, with the engine's type, and the reason in words.

    ``role`` is ``id``, ``identifier``, ``trait``, ``entity`` or (of a dataset) ``column``. ``identifier`` names the
    identifier; a column in another spelling is read as a trait, too. ``conversion`` is an SQL expression of the column, if its
    texts look like numbers or dates in another notation.
    """

    name: str
    role: str
    type: str
    reason: str
    identifier: str | None = None
    conversion: str | None = None


@dataclass(frozen=True, slots=True)
class UploadReport:
    """How an upload was read.

    ``skipped`` counts rows (``empty_row``, ``repeated_header``) and columns (``empty_column``). ``replaced``, ``dropped`` and ``absent`` count
    values by column and reason: changed, left out since they cannot be stored, and those that mean "no value".
    """

    format: str
    dialect: Dialect
    columns: Sequence[ReadColumn] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    replaced: Counts = field(default_factory=dict)
    dropped: Counts = field(default_factory=dict)
    absent: Counts = field(default_factory=dict)
