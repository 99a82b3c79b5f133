"""The interface between the service and a connector. Connectors in other packages import it from here."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from app.connectors.base.call import (
    AudienceRef,
    Call,
    CheckResult,
    Delivery,
    Identifier,
    Pending,
    PlaceRows,
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
    Remedy,
    SettingField,
)
from app.connectors.base.protocols import (
    ChecksConnectionSettings,
    CompletesSettings,
    Connector,
    ConnectorTools,
    CountsCost,
    ExportFolder,
    FindsList,
    JsonColumns,
    JsonTexts,
    LeavesWork,
    Lists,
    Notifies,
    ReadBack,
    SharesPlaces,
    Site,
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
    "Call",
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
    "FindsList",
    "IdSync",
    "Identifier",
    "IdentifierStrategy",
    "IdentityField",
    "JsonColumns",
    "JsonTexts",
    "LeavesWork",
    "Lists",
    "Normaliser",
    "Notifies",
    "Pending",
    "PlaceRows",
    "Preset",
    "RateBudget",
    "ReadBack",
    "Receipts",
    "Refusal",
    "Remedy",
    "SettingField",
    "SharesPlaces",
    "Site",
    "SizesCalls",
    "WholePlan",
]

if TYPE_CHECKING:
    Batch = Call
else:

    def __getattr__(name: str) -> Any:
        """Return a former name of the interface, with a DeprecationWarning. Raises AttributeError for other names."""
        if name != "Batch":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from app.connectors.base.deprecated import Batch

        warnings.warn(
            "app.connectors.base.Batch is deprecated: use Call", DeprecationWarning, stacklevel=2
        )
        return Batch
