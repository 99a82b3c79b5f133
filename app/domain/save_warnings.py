"""Warnings about what was saved: it is accepted as it is, and may not do what its author expects."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class WarningCode(StrEnum):
    """What a warning is about: the field ``code`` on the wire."""

    ORDER_DEPENDENT = "order_dependent"  # the result of a definition depends on the order of rows
    UNRESOLVED_NAME = "unresolved_name"  # a definition names what its datasets do not have (now)
    DATASET_WITHOUT_CONTENT = "dataset_without_content"  # a definition reads an empty dataset
    DATASET_NOT_CHECKED = "dataset_not_checked"  # the columns of a database are not known
    UNKNOWN_TRAIT = "unknown_trait"  # no audience of the activation has such a trait
    UNKNOWN_PATH = "unknown_path"  # a mapping reads what events do not have
    UNKNOWN_FIELD = "unknown_field"  # a mapping fills a field that the action does not have
    CLOCKS_DO_NOT_FIT = (
        "clocks_do_not_fit"  # syncs by the clock, and an audience that was never computed
    )
    LIST_NOT_CHECKED = "list_not_checked"  # the partner did not say whether the list exists
    LIST_NOT_FOUND = "list_not_found"  # the partner has no such list (any more)
    AMBIGUOUS_TRAIT = "ambiguous_trait"  # a name means two columns of the members
    MAIL_WITHOUT_SMTP = "mail_without_smtp"  # notices by mail, and the service has no mail server
    PERCENT_BELOW_ONE = "percent_below_one"  # a share was given where a percentage is expected
    UNKNOWN_IDENTIFIER = "unknown_identifier"  # no audience has an identifier that is to be sent
    UNCLOSED_TEMPLATE = "unclosed_template"  # a template begins a name and does not end it
    MAPPING_FAILS = "mapping_fails"  # a part of a mapping fails whenever it is run
    MAPPING_WITHOUT_EFFECT = "mapping_without_effect"  # a part of a mapping is ignored
    FILE_MISSING = "file_missing"  # the file of a dataset does not exist (yet)
    FILE_LATE = "file_late"  # the file of a dataset is older than its source allows
    FILE_NOT_CHECKED = "file_not_checked"  # the place of a dataset's file did not respond in time
    SENDS_NOTHING = "sends_nothing"  # the mode and the type of an activation exclude each other
    OPTION_WITHOUT_EFFECT = (
        "option_without_effect"  # an option that nothing reads, or that another one overrides
    )
    BLANK_NAME = "blank_name"  # a name without a visible character
    NAME_NEEDS_QUOTES = "name_needs_quotes"  # the name of a dataset is a word of SQL
    SHARED_PLACE = "shared_place"  # another activation writes to the same place at the partner


@dataclass(frozen=True, slots=True)
class SaveWarning:
    """A warning. ``field`` names the part of the saved resource as errors do, ``message`` says what is wrong and the way out."""

    code: WarningCode
    field: str
    message: str
