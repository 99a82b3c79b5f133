"""The interface between the service and a connector. Connectors in other packages import it from here."""

from __future__ import annotations

from app.connectors.base.call import (
    AudienceRef,
    Batch,
    CheckResult,
    Delivery,
    Pending,
    Receipts,
    Refusal,
)
from app.connectors.base.definition import (
    Action,
    ActionField,
    AudienceType,
    Definition,
    IdentifierStrategy,
    IdentityField,
    IdSync,
    Normaliser,
    Preset,
    RateBudget,
    SettingField,
)
from app.connectors.base.protocols import (
    ChecksConnectionSettings,
    CompletesSettings,
    Connector,
    ConnectorTools,
    CountsCost,
    ExportFolder,
    JsonColumns,
    Lists,
    Notifies,
    ReadBack,
    SizesCalls,
    WholePlan,
)
from app.connectors.base.settings import (
    ConnectorSettings,
)

__all__ = [
    "Action",
    "ActionField",
    "AudienceRef",
    "AudienceType",
    "Batch",
    "CheckResult",
    "ChecksConnectionSettings",
    "CompletesSettings",
    "Connector",
    "ConnectorSettings",
    "ConnectorTools",
    "CountsCost",
    "Definition",
    "Delivery",
    "ExportFolder",
    "IdSync",
    "IdentifierStrategy",
    "IdentityField",
    "JsonColumns",
    "Lists",
    "Normaliser",
    "Notifies",
    "Pending",
    "Preset",
    "RateBudget",
    "ReadBack",
    "Receipts",
    "Refusal",
    "SettingField",
    "SizesCalls",
    "WholePlan",
]
