"""The file destinations: download, Google Cloud Storage and Amazon S3."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import BaseModel, ValidationError

from app.connectors.base import (
    Action,
    ActionField,
    Call,
    CheckResult,
    ConnectorSettings,
    ConnectorTools,
    Definition,
    Delivery,
    IdSync,
    Pending,
    Preset,
    RateBudget,
    Receipts,
    Remedy,
    SettingField,
)
from app.connectors.destinations.file_export import settings
from app.connectors.destinations.file_export.export import Export
from app.connectors.destinations.file_export.gcs import GCSStore
from app.connectors.destinations.file_export.options import SAME_NAMES, FileOptions
from app.connectors.destinations.file_export.s3 import S3Store
from app.connectors.destinations.file_export.targets import DownloadTarget, StoreTarget, Target
from app.connectors.errors import ConfigurationRejected, ConnectorError
from app.connectors.object_stores.aws import FixedKeys, RoleKeys
from app.connectors.object_stores.google_token import NoTokens, ServiceAccountTokens
from app.core.sentences import validation_words

_REGION = "us-east-1"  # where Amazon looks for a bucket if none is named

_FIELDS = (
    ActionField(
        "columns",
        "Columns",
        "OBJECT",
        "Field → column name, in the order of the file. Fields: profile_id, member_id, action, audience_action, "
        "occurred_at, audience_id, audience_key, audience_name, space_id, activation_id, sync_id, seq, message_id, "
        "traits, identifiers, and the name of any identifier or trait.",
        default=SAME_NAMES,
        names_traits=True,
        constant=True,
        accepts=dict[str, str],
    ),
    ActionField(
        "additional_identifiers_and_traits_columns",
        "More columns",
        "OBJECT",
        "Further identifiers and traits → column name.",
        names_traits=True,
        constant=True,
        accepts=dict[str, str],
    ),
)

_OPTIONS = (
    SettingField("format", "string", label="Format", description="csv or parquet", default="csv"),
    SettingField(
        "contents",
        "string",
        label="Contents",
        description="delta: the changes, with an action column; snapshot: all current members",
        default="delta",
    ),
    SettingField(
        "filename_prefix",
        "string",
        label="File name prefix",
        description="Letters, digits, _ and -",
    ),
    SettingField(
        "delimiter", "string", label="Delimiter", description="For CSV: , | tab ; or :", default=","
    ),
    SettingField(
        "compression",
        "string",
        label="Compression",
        description="csv: none or gzip; parquet: zstd, snappy or none",
    ),
    SettingField(
        "empty_delta",
        "string",
        label="Without changes",
        description="file: a file with a header only; skip: no file",
        default="file",
    ),
    SettingField(
        "formula_guard",
        "boolean",
        label="Formula guard",
        description="Put ' before CSV cells that a spreadsheet would run; on for downloads, off for buckets",
    ),
    SettingField(
        "byte_order_mark",
        "boolean",
        label="Byte order mark",
        description="Begin CSV files with a byte order mark, which some spreadsheets need",
        default=False,
    ),
)
_PREFIX = SettingField("prefix", "string", label="Folder", description="Folder inside the bucket")


def _definition(
    slug: str, name: str, description: str, metadata_id: str, **more: Any
) -> Definition:
    action = Action(
        f"{slug}-sync-audience-to-file",
        "syncAudienceToFile",
        "Write audience file",
        "One file per sync, with a manifest.",
        _FIELDS,
        default_trigger="Audience Membership Changed",
    )
    return Definition(
        slug=slug,
        name=name,
        description=description,
        metadata_id=metadata_id,
        audience_types=("USERS", "LINKED", "ACCOUNTS"),
        actions=(action,),
        presets=(Preset(action.id, action.name, "Audience Membership Changed"),),
        default_id_sync=(IdSync("email"), IdSync("user_id")),
        key="member",
        max_rows=1_000_000_000,
        whole_plan=True,
        rate_budgets=(RateBudget("files", 100, timedelta(seconds=1)),),
        **more,
    )


class FileConnector:
    """The common part of the file destinations. Each subclass returns its target."""

    definition: ClassVar[Definition]
    settings_model: ClassVar[type[ConnectorSettings]]
    connection_settings_model: ClassVar[type[BaseModel]] = FileOptions
    for_spreadsheets: ClassVar[bool] = False  # the default of formula_guard

    def __init__(self, settings: Any, tools: ConnectorTools) -> None:
        self._settings = settings
        self._tools = tools

    @abstractmethod
    async def _target(self, options: FileOptions, folder: str) -> Target:
        """Return the target of the files. ``folder`` separates activations in the store of the service."""

    async def check(self, connection_settings: Mapping[str, Any]) -> CheckResult:
        """Write a file and delete it."""
        try:
            target = await self._target(self._options(connection_settings), "check")
            return CheckResult(ok=True, message=await target.check())
        except ConnectorError as error:
            return CheckResult(ok=False, message=error.message)

    async def deliver(self, call: Call, deliveries: Sequence[Delivery]) -> Receipts | Pending:
        """Write a small plan in one chunk."""

        async def chunks() -> AsyncIterator[Sequence[Delivery]]:
            yield deliveries

        return await self.deliver_all(call, chunks())

    async def deliver_all(
        self, call: Call, chunks: AsyncIterator[Sequence[Delivery]]
    ) -> Receipts | Pending:
        """Write one file with the changes."""
        return await self._export(call, chunks, snapshot=False)

    def wants_members(self, call: Call) -> bool:
        """Return whether the file contains all members instead of the changes."""
        return self._options(call.connection_settings).contents == "snapshot"

    async def replace(
        self, call: Call, members: AsyncIterator[Sequence[Delivery]]
    ) -> Receipts | Pending:
        """Write one file with the whole membership."""
        return await self._export(call, members, snapshot=True)

    async def resume(
        self, call: Call, deliveries: Sequence[Delivery], handle: Mapping[str, Any]
    ) -> Receipts | Pending:
        """Raise ConfigurationRejected: a file is never pending."""
        raise ConfigurationRejected("files leave nothing pending")

    async def _export(
        self, call: Call, rows: AsyncIterator[Sequence[Delivery]], *, snapshot: bool
    ) -> Receipts:
        options = self._options(call.connection_settings)
        target = await self._target(options, f"exports/{call.space_id}/{call.activation_id}")
        export = Export(call, options, target, self._tools.scratch, snapshot=snapshot)
        return await export.run(rows)

    def _options(self, connection_settings: Mapping[str, Any]) -> FileOptions:
        try:
            options: FileOptions = self._settings.options(connection_settings)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(["connectionSettings", *(str(part) for part in first["loc"])])
            words = validation_words(first, list(FileOptions.model_fields))
            raise ConfigurationRejected(f"{place} {words}") from error
        if options.formula_guard is None:
            return options.model_copy(update={"formula_guard": self.for_spreadsheets})
        return options


class DownloadConnector(FileConnector):
    """Files that the service keeps for download."""

    definition: ClassVar[Definition] = _definition(
        "file-download",
        "CSV / Parquet download",
        "Writes files that the service keeps for download.",
        "66a1f0c2d4b8e90011aa0002",
        connection_settings=_OPTIONS,
        aliases=("download", "csv-parquet", "csv", "parquet"),
    )
    settings_model: ClassVar[type[ConnectorSettings]] = settings.DownloadSettings
    for_spreadsheets = True

    async def _target(self, options: FileOptions, folder: str) -> Target:
        return DownloadTarget(self._tools.exports, folder)


class S3Connector(FileConnector):
    """Files in a bucket of Amazon S3 or a compatible store."""

    definition: ClassVar[Definition] = _definition(
        "s3",
        "Amazon S3",
        "Writes files to a bucket of Amazon S3 or a compatible store.",
        "66a1f0c2d4b8e90011aa0003",
        connection_settings=(_PREFIX, *_OPTIONS),
        aliases=("actions-s3-csv", "amazon-s3"),
        troubleshooting=(
            Remedy(
                "the key may not write there",
                "Give the key s3:PutObject for the bucket and the folder.",
            ),
            Remedy("the bucket is in another region", "Enter the region that the message names."),
        ),
    )
    settings_model: ClassVar[type[ConnectorSettings]] = settings.S3Settings

    async def _target(self, options: FileOptions, folder: str) -> Target:
        given: settings.S3Settings = self._settings
        region = given.region or _REGION
        store = S3Store(
            self._tools.http, self._keys(region), given.bucket, region, given.endpoint_url
        )
        return StoreTarget(store, given.bucket, options.prefix)

    def _keys(self, region: str) -> FixedKeys | RoleKeys:
        given: settings.S3Settings = self._settings
        if given.access_key_id and given.secret_access_key:
            return FixedKeys(given.access_key_id, given.secret_access_key.get_secret_value())
        if not self._tools.permits_roles or given.role_arn is None or given.external_id is None:
            raise ConfigurationRejected(
                "role_arn: the operator of this service does not permit roles (ACTIVATIONS_S3_ROLES); use a key"
            )
        return RoleKeys(
            self._tools.http, given.role_arn, given.external_id.get_secret_value(), region
        )


class GCSConnector(FileConnector):
    """Files in a bucket of Google Cloud Storage."""

    definition: ClassVar[Definition] = _definition(
        "gcs",
        "Google Cloud Storage",
        "Writes files to a bucket of Google Cloud Storage.",
        "66a1f0c2d4b8e90011aa0004",
        connection_settings=(_PREFIX, *_OPTIONS),
        aliases=("google-cloud-storage",),
        troubleshooting=(
            Remedy(
                "the service account may not write there",
                "Give it the role Storage Object Creator in the bucket.",
            ),
            Remedy(
                "the bucket does not exist",
                "Enter the name of the bucket only, without gs:// and folders.",
            ),
        ),
    )
    settings_model: ClassVar[type[ConnectorSettings]] = settings.GCSSettings

    async def _target(self, options: FileOptions, folder: str) -> Target:
        given: settings.GCSSettings = self._settings
        account = given.service_account_json
        tokens = (
            ServiceAccountTokens(self._tools.http, account.get_secret_value())
            if account is not None
            else NoTokens()
        )
        store = GCSStore(self._tools.http, tokens, given.bucket, given.endpoint_url)
        return StoreTarget(store, given.bucket, options.prefix)
