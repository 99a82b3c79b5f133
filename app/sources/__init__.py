"""Databases and files that datasets are read from; definitions can run in databases."""

from __future__ import annotations

from app.sources.objects.files import FileLate, FileMissing, FileVersion, OpenedFile
from app.sources.objects.reader import RoleUse, open_file
from app.sources.objects.settings import (
    SECRETS,
    Authorization,
    Charset,
    Delimiter,
    Endpoint,
    FileUrl,
    KeyId,
    MaxAge,
    ObjectSource,
    Region,
    RoleArn,
    SecretKey,
    ServiceAccount,
)
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
    "SECRETS",
    "Authorization",
    "Certificates",
    "Charset",
    "DatabaseName",
    "Delimiter",
    "Endpoint",
    "FileLate",
    "FileMissing",
    "FileUrl",
    "FileVersion",
    "Host",
    "KeyId",
    "MaxAge",
    "ObjectSource",
    "OpenedFile",
    "Password",
    "Port",
    "PostgresSource",
    "Query",
    "QueryRejected",
    "ReadLimits",
    "ReadStats",
    "Region",
    "RoleArn",
    "RoleUse",
    "SecretKey",
    "ServiceAccount",
    "SourceCheck",
    "SslMode",
    "StatementRejected",
    "Table",
    "check_source",
    "open_file",
    "read_rows",
    "read_statement",
]
