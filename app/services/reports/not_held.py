"""Why a destination does not have a profile, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.domain.changes import Held
from app.domain.left_out import LeftOut
from app.services.reports.explanation import HeldKey, Membership, NotHeld, WantedKey
from app.storage.models import Activation

_LEFT_OUT: Mapping[str, str] = {
    LeftOut.NO_IDENTIFIER: "It has no value of an identifier that the activation uses.",
    LeftOut.PHONE_WITHOUT_COUNTRY: "Its phone number has no country.",
    LeftOut.NO_CONSENT: "It has not given the consent that the activation requires.",
    LeftOut.CONTROL: "It is in an arm of the split that is not sent.",
    LeftOut.SHARED_KEY: "Another member has the same identifier.",
    LeftOut.REFUSED_BEFORE: "The destination refused these values before.",
    LeftOut.LIST_NOT_CREATED: "The list does not exist at the destination yet.",
    LeftOut.HELD_BY_ANOTHER: "Another activation holds it at the same place.",
    LeftOut.LEAVING_BY_ANOTHER: "Another activation is removing it at the same place.",
}


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
    reasons = [NotHeld(code, _LEFT_OUT.get(code, code)) for code in left_out]
    reasons += [NotHeld("unmapped", key.unmapped) for key in wanted if key.unmapped]
    if any(key.refused for key in held):
        reasons.append(NotHeld("refused", "The destination refused it; its history says why."))
    if not activation.enabled:
        reasons.append(NotHeld("disabled", "The activation is disabled, so nothing is sent."))
    if any(key.held == Held.MAYBE for key in held):
        reasons.append(NotHeld("unknown", "It was sent, but the destination has not confirmed it."))
    return reasons or [NotHeld("not_yet_sent", "It is sent by the next sync.")]
