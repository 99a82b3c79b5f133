"""What is stored of receipts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.connectors.base import Receipts, Refusal
from app.core.storable import storable_json
from app.storage.models import Batch
from app.storage.repositories.batch_counts import Recorded


def delivered_batch(batch: Batch, receipts: Receipts) -> Recorded:
    """Return what is written of a batch that was delivered."""
    return Recorded(
        batch=batch,
        receipts=storable_json(receipts_to_json(receipts)),
        rejected=len(receipts.rejected),
        skipped=len(receipts.skipped),
        unknown=len(receipts.unknown),
        http_status=receipts.http_status,
        vendor_request_id=receipts.vendor_request_id,
    )


def receipts_to_json(receipts: Receipts) -> dict[str, Any]:
    """Return what is out of the ordinary in receipts, by index in the batch.

    The shape is ``{rejected: {index: {code, message}}, skipped: {index: …}, unknown: {index: …}, notes: {index: …},
    partnerIds: {index: id}, identities: {index: {name: value}}, exports: [key], filled: [{names, indexes}]}``, without
    the parts that are empty.
    """
    parts = {
        "rejected": {str(index): _refusal(one) for index, one in receipts.rejected.items()},
        "skipped": {str(index): _refusal(one) for index, one in receipts.skipped.items()},
        "unknown": {str(index): _refusal(one) for index, one in receipts.unknown.items()},
        "notes": {str(index): _refusal(one) for index, one in receipts.notes.items()},
        "partnerIds": {str(index): one for index, one in receipts.partner_ids.items()},
        "identities": {str(index): dict(one) for index, one in receipts.identities.items()},
        "exports": list(receipts.exports),
        "filled": _grouped(receipts.filled),
    }
    return {name: part for name, part in parts.items() if part}


def _grouped(filled: Mapping[int, Sequence[str]]) -> list[dict[str, Any]]:
    """Return ``[{names, indexes}]``: most changes of a batch have the same fields."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, names in filled.items():
        groups.setdefault(tuple(names), []).append(index)
    return [{"names": list(names), "indexes": indexes} for names, indexes in groups.items()]


def _refusal(refusal: Refusal) -> Mapping[str, str]:
    return {"code": refusal.code, "message": refusal.message}
