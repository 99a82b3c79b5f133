"""Databases that datasets are read from, and in which definitions run."""

from __future__ import annotations

from app.sources.postgres.failures import QueryRejected
from app.sources.postgres.process import check_source, read_rows
from app.sources.postgres.reader import ReadLimits, ReadStats, SourceCheck
from app.sources.postgres.settings import (
    Certificates,
    DatabaseName,
    Host,
    Password,
    Port,
    PostgresSource,
    Query,
    SslMode,
    Table,
)
from app.sources.postgres.statement import StatementRejected, read_statement

__all__ = [
    "Certificates",
    "DatabaseName",
    "Host",
    "Password",
    "Port",
    "PostgresSource",
    "Query",
    "QueryRejected",
    "ReadLimits",
    "ReadStats",
    "SourceCheck",
    "SslMode",
    "StatementRejected",
    "Table",
    "check_source",
    "read_rows",
    "read_statement",
]
