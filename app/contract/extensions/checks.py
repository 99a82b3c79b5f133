"""Bodies of the checks of saved resources."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.contract.extensions.base import Output
from app.core.described import about


class WarningOutput(Output):
    """A warning about a part of a saved resource. The part is accepted as it is."""

    field: str = Field(
        description="The part that the warning is about, as errors name it.",
        examples=["definition.query"],
    )
    message: Annotated[
        str,
        about(
            "What is wrong, and the way out, as a sentence for people.",
            "The result depends on the order of rows, which is not defined. Add ORDER BY to the definition.",
        ),
    ]
    code: str = Field(
        description="order_dependent: the result of a definition depends on the order of rows. "
        "unresolved_name: a definition names a table, column or function that its datasets do not have now. "
        "dataset_without_content: a definition reads a dataset that is empty. "
        "dataset_not_checked: the columns of a database are not known; check its dataset. "
        "unknown_trait: no audience of the activation has such a trait. "
        "unknown_path: a mapping reads what events do not have. "
        "unknown_field: a mapping fills a field that the action does not have. "
        "clocks_do_not_fit: syncs are opened by the clock, and an audience without a schedule was never computed. "
        "list_not_checked: the partner did not say in time whether a list exists. "
        "list_not_found: the partner has no such list. "
        "ambiguous_trait: a name means several columns of the members. "
        "mail_without_smtp: notices by mail are wanted, and the service has no mail server. "
        "percent_below_one: the limit of the brake is below one per cent, as if a share of 1 was meant. "
        "unknown_identifier: no audience of the activation has an identifier that is to be sent. "
        "unclosed_template: a template begins a name with {{ and does not end it, so it is sent as it is written. "
        "mapping_fails: a part of a mapping fails whenever it is run. "
        "mapping_without_effect: a part of a mapping is ignored, or sent as it is written. "
        "sends_nothing: the mode and the type of an activation exclude each other. "
        "option_without_effect: an option is not used, or another one takes precedence. "
        "blank_name: a name has no visible character. "
        "name_needs_quotes: the name of a dataset is a word of SQL, so definitions write it in double quotes. "
        "shared_place: another activation of the workspace writes to the same list, attribute or audience at the partner.",
        examples=["order_dependent"],
    )


class ChecksData(Output):
    """The warnings about a saved resource, computed at the request."""

    warnings: Annotated[
        list[WarningOutput], about("All warnings about the resource. Empty if there are none.")
    ]
