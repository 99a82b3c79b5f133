"""Bodies of operations on the catalogue: what each destination needs, and what to do if it does not work."""

from __future__ import annotations

from typing import Annotated

from app.contract.extensions.base import Output
from app.contract.fields import Slug
from app.core.described import about


class SettingInputOutput(Output):
    """A setting of an account, as a form asks for it."""

    name: Annotated[str, about("Name of the setting in `settings` of an account.", "url")]
    label: Annotated[str, about("Name for people.", "URL")]
    kind: Annotated[
        str,
        about("`text`, `secret`, `number`, `boolean`, `choice` or `object`.", "text"),
    ]
    description: Annotated[
        str, about("What the setting is for.", "The address to which the changes are sent.")
    ]
    example: Annotated[
        str, about("An example, empty without one.", "https://hooks.example.com/audiences")
    ]
    choices: Annotated[list[str], about("The values of a choice; otherwise empty.", [])]
    required: Annotated[bool, about("Whether an account needs a value from you.", True)]
    generated: Annotated[
        bool, about("Whether the service creates a value if you give none.", False)
    ]


class DefaultIdentifierOutput(Output):
    """An identifier that a new connection sends unless it names others."""

    external_id: Annotated[str, about("Name of the identifier in the audience.", "email")]
    strategy: Annotated[
        str, about("Which value is sent: `last`, `first` or `all` of them.", "last")
    ]
    map_to: Annotated[
        str | None, about("Its name at the destination. Null: the same name.", None, "externalId")
    ]


class RemedyOutput(Output):
    """What you see if an account does not work, and what to do."""

    seen: Annotated[
        str,
        about(
            "A part of the message that you see, or a sentence that describes it.",
            "HTTP 401 or 403",
        ),
    ]
    action: Annotated[
        str,
        about(
            "What to do.",
            "The receiver refuses the signature: give it the secret of this account.",
        ),
    ]


class CatalogueEntryOutput(Output):
    """A destination of the catalogue."""

    slug: Slug
    name: Annotated[str, about("Name of the destination.", "Webhook")]
    description: Annotated[str, about("What it does.", "Sends the changes as JSON to your server.")]
    aliases: Annotated[list[str], about("Other slugs of the destination.", [])]
    audience_types: Annotated[
        list[str], about("Types of audiences that it accepts.", ["USERS", "ACCOUNTS", "LINKED"])
    ]
    settings: Annotated[
        list[SettingInputOutput], about("Settings of an account, required ones first.")
    ]
    identifiers: Annotated[
        list[DefaultIdentifierOutput],
        about("Identifiers of a new connection, the first one first."),
    ]
    changes_per_call: Annotated[
        int, about("Most changes in one call, unless settings lower it.", 100)
    ]
    cost_unit: Annotated[
        str | None, about("What the partner bills for. Null if it does not bill changes.", None)
    ]
    troubleshooting: Annotated[
        list[RemedyOutput],
        about("What to do if an account does not work. The console shows it beside the settings."),
    ]


class CatalogueData(Output):
    """The catalogue."""

    destinations: Annotated[list[CatalogueEntryOutput], about("All destinations.")]


class CatalogueEntryData(Output):
    """One destination of the catalogue."""

    destination: Annotated[CatalogueEntryOutput, about("The destination.")]
