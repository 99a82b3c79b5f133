"""Files that datasets are read from: their settings, checked, stored encrypted, and shown without the secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic.alias_generators import to_camel

from app.connectors.urls import HIDDEN
from app.core.clock import from_wire, to_wire
from app.core.crypto import Keyring
from app.core.errors import Invalid, Problem
from app.core.logging import register_secret
from app.services.accounts import NOT_PERMITTED, external_id_of, secret_required
from app.services.datasets.kinds import is_file
from app.services.datasets.sealing import seal, unseal, validated
from app.services.platform import Platform
from app.sources import SECRETS, FileVersion, ObjectSource, RoleUse
from app.storage.models import Dataset

FIELD = "file"
_ENTER_AGAIN = f"{HIDDEN} stands for the value of a parameter that is stored; enter the value again"


@dataclass(frozen=True, slots=True)
class ShownFile:
    """The file of a dataset without its secrets: of these, whether they are set. ``external_id`` belongs to a role."""

    url: str
    format: str
    delimiter: str | None
    charset: str | None
    max_age_hours: int | None
    allow_breaking: bool
    region: str | None
    access_key_id: str | None
    secret_access_key: bool
    role_arn: str | None
    external_id: str | None
    endpoint_url: str | None
    service_account_json: bool
    authorization: bool
    last_read: FileVersion | None
    last_read_at: datetime | None


def new_file(given: Mapping[str, Any], *, permits_roles: bool) -> ObjectSource:
    """Create the settings of a file. Raises Invalid with a problem for each fault, at ``file.<field>``."""
    return _checked(given, given, permits_roles=permits_roles)


def changed_file(
    former: ObjectSource, changes: Mapping[str, Any], *, permits_roles: bool
) -> ObjectSource:
    """Return the settings with changed fields; a URL as it is shown is not changed.

    Raises Invalid if they do not fit, or if secrets must be entered again.
    """
    if changes.get("url") == former.shown_url:
        changes = {**changes, "url": former.url}
    source = _checked({**former.plain(), **changes}, changes, permits_roles=permits_roles)
    if source.target != former.target:
        left = [name for name in SECRETS if getattr(source, name) is not None]
        problems = [
            secret_required(f"{FIELD}.{to_camel(name)}", _moved(former, source))
            for name in left
            if name not in changes
        ]
        if problems:
            raise Invalid(problems[0].message, problems=problems)
    return source


def _checked(
    fields: Mapping[str, Any], given: Mapping[str, Any], *, permits_roles: bool
) -> ObjectSource:
    """Return valid settings. Raises Invalid, also if a role that is given now is not permitted."""
    if HIDDEN in str(fields.get("url", "")):
        path = f"{FIELD}.url"
        raise Invalid(_ENTER_AGAIN, problems=[Problem(f'"{path}": {_ENTER_AGAIN}', path)])
    source = validated(ObjectSource, fields, FIELD)
    if given.get("role_arn") is not None and not permits_roles:
        path = f"{FIELD}.roleArn"
        raise Invalid(NOT_PERMITTED, problems=[Problem(f'"{path}": {NOT_PERMITTED}', path)])
    return _registered(source)


def _moved(former: ObjectSource, source: ObjectSource) -> str:
    return "endpointUrl" if former.endpoint_url != source.endpoint_url else "url"


def _registered(source: ObjectSource) -> ObjectSource:
    for secret in source.secrets:
        register_secret(secret)
    return source


def seal_file(keyring: Keyring, workspace_id: str, dataset_id: str, source: ObjectSource) -> bytes:
    """Encrypt the settings of a file for their column."""
    return seal(keyring, workspace_id, dataset_id, source.plain())


def file_of(keyring: Keyring, workspace_id: str, dataset: Dataset) -> ObjectSource:
    """Decrypt the settings of a dataset's file, with their secrets. Never return or log them."""
    return _registered(ObjectSource.from_stored(unseal(keyring, workspace_id, dataset)))


def shown_file(keyring: Keyring, workspace_id: str, dataset: Dataset) -> ShownFile | None:
    """Return the file of a dataset without its secrets, or None if it is read from no file."""
    if not is_file(dataset):
        return None
    source = file_of(keyring, workspace_id, dataset)
    read_at = (dataset.file_read or {}).get("readAt")
    return ShownFile(
        url=source.shown_url,
        format=source.file_format or "",
        delimiter=source.delimiter,
        charset=source.charset,
        max_age_hours=source.max_age_hours,
        allow_breaking=source.allow_breaking,
        region=source.region,
        access_key_id=source.access_key_id,
        secret_access_key=source.secret_access_key is not None,
        role_arn=source.role_arn,
        external_id=external_id_of(workspace_id) if source.role_arn else None,
        endpoint_url=source.endpoint_url,
        service_account_json=source.service_account_json is not None,
        authorization=source.authorization is not None,
        last_read=version_read(dataset),
        last_read_at=from_wire(read_at) if read_at else None,
    )


def version_read(dataset: Dataset) -> FileVersion | None:
    """Return the version of the file that was read last, or None."""
    stored = dataset.file_read
    if not stored:
        return None
    modified = stored["modifiedAt"]
    return FileVersion(
        stored["path"], stored["etag"], stored["bytes"], from_wire(modified) if modified else None
    )


def version_to_json(version: FileVersion, read_at: datetime) -> dict[str, Any]:
    """Return a version as the dataset's row stores it: ``{"path": …, "etag": …, "bytes": …, "modifiedAt": …, "readAt": …}``."""
    modified = version.modified_at
    return {
        "path": version.path,
        "etag": version.etag,
        "bytes": version.bytes,
        "modifiedAt": exact(modified) if modified else None,
        "readAt": to_wire(read_at),
    }


def exact(moment: datetime) -> str:
    """Return a time with all its digits: versions are compared by it."""
    return moment.isoformat()


def role_use(platform: Platform, workspace_id: str) -> RoleUse:
    """Return how roles are assumed for a workspace."""
    return RoleUse(external_id_of(workspace_id), platform.settings.permits_roles)
