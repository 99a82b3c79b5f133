"""Why a destination does not have a profile, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.domain.changes import Held
from app.domain.left_out import SENTENCES, LeftOut
from app.services.reports.explanation import HeldKey, Membership, NotHeld, WantedKey
from app.storage.models import Activation


def why_not_held(
    activation: Activation,
    memberships: Sequence[Membership],
    wanted: Sequence[WantedKey],
    left_out: Mapping[str, int],
    held: Sequence[HeldKey],
) -> list[NotHeld]:
    """Return why the destination does not have a profile, empty if it does."""
    if any(key.held == Held.YES for key in held):
        return []
    if not any(one.member for one in memberships):
        return [NotHeld("not_a_member", "It is in no audience of the activation.")]
    reasons = [NotHeld(code, SENTENCES[LeftOut(code)]) for code in left_out]
    reasons += [NotHeld("unmapped", key.unmapped) for key in wanted if key.unmapped]
    if any(key.refused for key in held):
        reasons.append(NotHeld("refused", "The destination refused it; its history says why."))
    if not activation.enabled:
        reasons.append(NotHeld("disabled", "The activation is disabled, so nothing is sent."))
    if any(key.held == Held.MAYBE for key in held):
        reasons.append(NotHeld("unknown", "It was sent, but the destination has not confirmed it."))
    return reasons or [NotHeld("not_yet_sent", "It is sent by the next sync.")]
