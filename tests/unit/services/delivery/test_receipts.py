"""What is stored of receipts: only what is out of the ordinary, by index in the batch."""

from __future__ import annotations

from app.connectors.base import Receipts, Refusal
from app.services.delivery.receipts import delivered_batch, receipts_to_json
from app.storage.models import Batch


def test_nothing_is_stored_of_what_was_delivered() -> None:
    assert receipts_to_json(Receipts(http_status=200)) == {}


def test_refusals_ids_and_files_are_stored() -> None:
    receipts = Receipts(
        rejected={3: Refusal("blocked", "no")},
        skipped={4: Refusal("known", "already there")},
        unknown={5: Refusal("unmatched", "not taken")},
        notes={6: Refusal("duplicate_profile", "sent with the e-mail alone")},
        partner_ids={0: "x1"},
        identities={6: {"email": "a@example.com"}},
        exports=["exports/a.csv"],
    )
    assert receipts_to_json(receipts) == {
        "rejected": {"3": {"code": "blocked", "message": "no"}},
        "skipped": {"4": {"code": "known", "message": "already there"}},
        "unknown": {"5": {"code": "unmatched", "message": "not taken"}},
        "notes": {"6": {"code": "duplicate_profile", "message": "sent with the e-mail alone"}},
        "partnerIds": {"0": "x1"},
        "identities": {"6": {"email": "a@example.com"}},
        "exports": ["exports/a.csv"],
    }
    written = delivered_batch(Batch(), receipts)
    assert (written.rejected, written.skipped, written.unknown) == (1, 1, 1)
