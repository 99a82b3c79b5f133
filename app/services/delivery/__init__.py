"""Delivery of batches: claim, prepare, send, record; and the exported files."""

from app.services.delivery.exports import (
    EXPORTS_FOLDER,
    ExportedFile,
    exports_of_sync,
    open_export,
    outdated_exports,
)
from app.services.delivery.loaded_sync import LoadedSync
from app.services.delivery.pauses import pause_activation, planning_refused
from app.services.delivery.pump import Pump
from app.services.delivery.render import Renderer
from app.services.delivery.render_setup import build_event_frame, build_renderer
from app.services.delivery.request_log import shown_request
from app.services.delivery.sync_cache import LoadedSyncs

__all__ = [
    "EXPORTS_FOLDER",
    "ExportedFile",
    "LoadedSync",
    "LoadedSyncs",
    "Pump",
    "Renderer",
    "build_event_frame",
    "build_renderer",
    "exports_of_sync",
    "open_export",
    "outdated_exports",
    "pause_activation",
    "planning_refused",
    "shown_request",
]
