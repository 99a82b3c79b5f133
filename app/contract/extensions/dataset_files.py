"""The file that a dataset is read from, in bodies of operations on datasets."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from app.contract.extensions.base import Output, StrictInput, Time
from app.core.described import about
from app.sources import (
    Authorization,
    Charset,
    Delimiter,
    Endpoint,
    FileUrl,
    KeyId,
    MaxAge,
    Region,
    RoleArn,
    SecretKey,
    ServiceAccount,
)

_URL = about(
    "Address of the file: `s3://bucket/file`, `gs://bucket/file` or `https://host/file`. In a name of `s3://` or `gs://`, `*` stands "
    "for any characters except `/`, and the newest file that matches is read. Parameters of an `https://` address are stored "
    "encrypted, and their values are not returned.",
    "s3://shop-exports/orders/orders-*.csv.gz",
)
_FORMAT = (
    "Format of the file. By default that of its name: `.csv`, `.tsv`, `.txt`, `.ndjson`, `.jsonl`, `.json`, `.parquet`, also before `.gz` "
    "and `.zst`."
)
_DELIMITER = "Delimiter of a CSV file: `comma`, `semicolon`, `tab`, `pipe` or one other character. By default it is detected."
_CHARSET = (
    "Encoding of the text of a CSV or NDJSON file, such as `windows-1252`: the encodings that an upload can name in its "
    "`Content-Type`. By default UTF-8, or UTF-16 with a byte order mark. A byte order mark takes precedence."
)
_MAX_AGE = "Age of the file in hours, 1 to 8760, from which a run fails instead of using it. By default any age is accepted."
_BREAKING = "True: the next file may empty or reshape what audiences read. It is false again after that file."
_REGION = "Region of the bucket, for `s3://`. By default `us-east-1`."
_KEY_ID = "Id of an access key, for `s3://`. It needs `s3:GetObject` and `s3:ListBucket`."
_SECRET = "The secret of the access key. It is stored encrypted and never returned."  # noqa: S105
_ROLE = (
    "AWS role that the service assumes instead of a key, for `s3://`, if the operator permits it."
)
_ENDPOINT = (
    "Address of a store that is compatible with S3, or of an emulator of Google Cloud Storage."
)
_ACCOUNT = "JSON key file of a service account that may read the bucket, as a text, for `gs://`. It is stored encrypted and never returned."
_HEADER = "Value of the header `Authorization`, for `https://`. It is stored encrypted and never returned."
_ACCOUNT_EXAMPLE = '{"type": "service_account", "client_email": "reader@shop.iam.gserviceaccount.com", "private_key": "…"}'
_SECRET_EXAMPLE = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # noqa: S105
_ROLE_EXAMPLE = "arn:aws:iam::111122223333:role/activations"


class DatasetFileInput(StrictInput):
    """A file, or a pattern of which the newest file is read, with what the service needs to read it."""

    url: Annotated[FileUrl, _URL]
    format: Annotated[Literal["csv", "ndjson", "parquet"] | None, about(_FORMAT, "csv")] = None
    delimiter: Annotated[Delimiter | None, about(_DELIMITER, "semicolon")] = None
    charset: Annotated[Charset | None, about(_CHARSET, "windows-1252")] = None
    max_age_hours: Annotated[MaxAge | None, about(_MAX_AGE, 26)] = None
    allow_breaking: Annotated[bool, about(_BREAKING, False)] = False
    region: Annotated[Region | None, about(_REGION, "eu-central-1")] = None
    access_key_id: Annotated[KeyId | None, about(_KEY_ID, "AKIAIOSFODNN7EXAMPLE")] = None
    secret_access_key: Annotated[SecretKey | None, about(_SECRET, _SECRET_EXAMPLE)] = None
    role_arn: Annotated[RoleArn | None, about(_ROLE, _ROLE_EXAMPLE)] = None
    endpoint_url: Annotated[Endpoint | None, about(_ENDPOINT, "https://minio.example.com")] = None
    service_account_json: Annotated[ServiceAccount | None, about(_ACCOUNT, _ACCOUNT_EXAMPLE)] = None
    authorization: Annotated[Authorization | None, about(_HEADER, "Bearer <token>")] = None


class DatasetFilePatch(StrictInput):
    """Changes to a file. Null removes a setting. Changing the server requires its secrets to be entered again."""

    nullable: ClassVar[frozenset[str]] = frozenset(
        {
            "format",
            "delimiter",
            "charset",
            "maxAgeHours",
            "region",
            "accessKeyId",
            "secretAccessKey",
            "roleArn",
            "endpointUrl",
            "serviceAccountJson",
            "authorization",
        }
    )

    url: Annotated[FileUrl | None, _URL] = None
    format: Annotated[Literal["csv", "ndjson", "parquet"] | None, about(_FORMAT, "csv")] = None
    delimiter: Annotated[Delimiter | None, about(_DELIMITER, "semicolon")] = None
    charset: Annotated[Charset | None, about(_CHARSET, "windows-1252")] = None
    max_age_hours: Annotated[MaxAge | None, about(_MAX_AGE, 26)] = None
    allow_breaking: Annotated[bool | None, about(_BREAKING, False)] = None
    region: Annotated[Region | None, about(_REGION, "eu-central-1")] = None
    access_key_id: Annotated[KeyId | None, about(_KEY_ID, "AKIAIOSFODNN7EXAMPLE")] = None
    secret_access_key: Annotated[SecretKey | None, about(_SECRET, _SECRET_EXAMPLE)] = None
    role_arn: Annotated[RoleArn | None, about(_ROLE, None, _ROLE_EXAMPLE)] = None
    endpoint_url: Annotated[
        Endpoint | None, about(_ENDPOINT, None, "https://minio.example.com")
    ] = None
    service_account_json: Annotated[
        ServiceAccount | None, about(_ACCOUNT, None, _ACCOUNT_EXAMPLE)
    ] = None
    authorization: Annotated[Authorization | None, about(_HEADER, None, "Bearer <token>")] = None


class FileReadOutput(Output):
    """The version of a file that was read last."""

    path: Annotated[
        str,
        about("Address of the file.", "s3://shop-exports/orders/orders-2026-01-31.csv.gz"),
    ]
    etag: Annotated[
        str | None,
        about("ETag of the file. Null if its place has none.", "9b2cf535f27731c974343645a3985328"),
    ]
    bytes: Annotated[int | None, about("Size of the file in bytes, as it was sent.", 481254)]
    modified_at: Annotated[
        Time | None, about("Time of the last change of the file.", "2026-01-31T04:00:00.000Z")
    ]
    read_at: Annotated[Time | None, about("Time at which it was read.", "2026-01-31T06:30:00.000Z")]


class StoredSecret(Output):
    """Whether a secret is stored. Its value is never returned."""

    set: Annotated[bool, about("Whether a secret is stored.", True)]


class DatasetFileOutput(Output):
    """The file that a dataset is read from, without its secrets, and the version that was read last."""

    url: Annotated[
        str,
        about(
            "Address of the file, or a pattern. Values of parameters are shown as `<hidden>`; a `PATCH` may send the address back as it is shown.",
            "s3://shop-exports/orders/orders-*.csv.gz",
        ),
    ]
    format: Annotated[str, about("Format of the file: `csv`, `ndjson` or `parquet`.", "csv")]
    delimiter: Annotated[str | None, about(_DELIMITER, None, "semicolon")]
    charset: Annotated[str | None, about(_CHARSET, None, "windows-1252")]
    max_age_hours: Annotated[int | None, about(_MAX_AGE, 26)]
    allow_breaking: Annotated[bool, about(_BREAKING, False)]
    region: Annotated[str | None, about(_REGION, "eu-central-1")]
    access_key_id: Annotated[str | None, about(_KEY_ID, "AKIAIOSFODNN7EXAMPLE")]
    secret_access_key: Annotated[StoredSecret, about("Whether a secret of the key is stored.")]
    role_arn: Annotated[str | None, about(_ROLE, None, _ROLE_EXAMPLE)]
    external_id: Annotated[
        str | None,
        about(
            "External id that the trust policy of the role must require. Null without a role.",
            None,
            "audience-activations-ws_0vK3mPzRkC4eT8wJ1xGbNa",
        ),
    ]
    endpoint_url: Annotated[str | None, about(_ENDPOINT, None, "https://minio.example.com")]
    service_account_json: Annotated[
        StoredSecret, about("Whether the key of a service account is stored.")
    ]
    authorization: Annotated[
        StoredSecret, about("Whether a value of the header `Authorization` is stored.")
    ]
    last_read: Annotated[
        FileReadOutput | None,
        Field(description="The version that was read last. Null before the first run."),
    ]
