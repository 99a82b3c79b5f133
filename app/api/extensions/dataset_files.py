"""The file of a dataset, as responses contain it."""

from __future__ import annotations

from app.contract.extensions import dataset_files as contract
from app.services.datasets import ShownFile


def file_to_wire(file: ShownFile) -> contract.DatasetFileOutput:
    """Return a file as responses contain it, without its secrets."""
    read = file.last_read
    return contract.DatasetFileOutput(
        url=file.url,
        format=file.format,
        delimiter=file.delimiter,
        charset=file.charset,
        max_age_hours=file.max_age_hours,
        allow_breaking=file.allow_breaking,
        region=file.region,
        access_key_id=file.access_key_id,
        secret_access_key=contract.StoredSecret(set=file.secret_access_key),
        role_arn=file.role_arn,
        external_id=file.external_id,
        endpoint_url=file.endpoint_url,
        service_account_json=contract.StoredSecret(set=file.service_account_json),
        authorization=contract.StoredSecret(set=file.authorization),
        last_read=read
        and contract.FileReadOutput(
            path=read.path,
            etag=read.etag,
            bytes=read.bytes,
            modified_at=read.modified_at,
            read_at=file.last_read_at,
        ),
    )
