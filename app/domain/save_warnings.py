"""Warnings about what was saved: it is accepted as it is, and may not do what its author expects."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class WarningCode(StrEnum):
    """What a warning is about: the field ``code`` on the wire."""

    ORDER_DEPENDENT = "order_dependent"  # the result of a definition depends on the order of rows
    AMBIGUOUS_TRAIT = "ambiguous_trait"  # a name means two columns of the members
    MAIL_WITHOUT_SMTP = "mail_without_smtp"  # notices by mail, and the service has no mail server
    SHARED_PLACE = "shared_place"  # another activation writes to the same place at the partner


@dataclass(frozen=True, slots=True)
class SaveWarning:
    """A warning. ``field`` names the part of the saved resource as errors do, ``message`` says what is wrong and the way out."""

    code: WarningCode
    field: str
    message: str
