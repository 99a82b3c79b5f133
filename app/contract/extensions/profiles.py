"""Bodies of the search for a profile in a space."""

from __future__ import annotations

from typing import Annotated, Any

from app.contract.extensions.base import Output, Time
from app.core.described import about

_TIME = "2026-01-31T12:00:00.000Z"


class FoundMembershipOutput(Output):
    """A member of an audience that matches."""

    audience_id: Annotated[str, about("Id of the audience.", "aud_0vK3mR2HsD8pL4jT6uXaGb")]
    audience_name: Annotated[str, about("Name of the audience.", "VIP")]
    as_of: Annotated[Time, about("As of when the audience was computed, in RFC 3339.", _TIME)]
    member_id: Annotated[str, about("Id of the member: the profile, or the entity.", "u-1001")]
    profile_id: Annotated[str, about("Id of the profile.", "u-1001")]
    identifiers: Annotated[
        dict[str, Any], about("Values of its identifiers.", {"email": ["ada@example.com"]})
    ]
    traits: Annotated[dict[str, Any], about("Its traits.", {"plan": "gold"})]
    since: Annotated[
        Time | None,
        about(
            "Since when it is in the audience, in RFC 3339; null if it was not looked up.", _TIME
        ),
    ]
    since_is_exact: Annotated[bool, about("Whether it entered then; false: then or before.", True)]


class FoundKeyOutput(Output):
    """A key in the holdings of an activation."""

    key: Annotated[str, about("The value of the key.", "ada@example.com")]
    key_type: Annotated[str, about("The identifier of the key.", "email")]
    profile_id: Annotated[str, about("The profile that the key belongs to.", "u-1001")]
    held: Annotated[
        str,
        about("Whether the destination holds it: `yes`, `maybe`, `no`, `removed`, `left`.", "yes"),
    ]


class NotHeldOutput(Output):
    """A reason why a destination does not have a profile."""

    code: Annotated[str, about("The reason for programs.", "no_consent")]
    message: Annotated[
        str,
        about(
            "The reason in a sentence.",
            "It has not given the consent that the activation requires.",
        ),
    ]


class FoundActivationOutput(Output):
    """An activation that concerns the profile."""

    activation_id: Annotated[str, about("Id of the activation.", "act_0vK3mS5VgJ9bM2rP8iUwLt")]
    name: Annotated[str, about("Name of the activation.", "VIP to Klaviyo")]
    audience_id: Annotated[str, about("Id of its audience.", "aud_0vK3mR2HsD8pL4jT6uXaGb")]
    destination_name: Annotated[str, about("Name of its account.", "Klaviyo EU")]
    enabled: Annotated[bool, about("Whether it sends.", True)]
    is_member: Annotated[bool, about("Whether its audience has the profile now.", True)]
    held: Annotated[list[FoundKeyOutput], about("Keys of the profile in its holdings.")]
    not_held: Annotated[
        list[NotHeldOutput] | None,
        about(
            "Why the destination does not have it; empty if it does. Null after the first 10 activations that do not hold it."
        ),
    ]


class FoundProfileOutput(Output):
    """What a space knows of a profile."""

    sought: Annotated[str, about("What was searched for.", "ada@example.com")]
    profile_ids: Annotated[
        list[str],
        about("Ids of the profiles that match; several may share an identifier.", ["u-1001"]),
    ]
    memberships: Annotated[list[FoundMembershipOutput], about("Audiences that have the profile.")]
    activations: Annotated[
        list[FoundActivationOutput], about("Activations whose audience or holdings have it.")
    ]
    searched_audiences: Annotated[
        int, about("Audiences that were searched: those that have been computed.", 12)
    ]
    searched_activations: Annotated[int, about("Activations that were searched.", 8)]
    unsearched: Annotated[
        int,
        about(
            "Audiences and activations that were not searched any more: 0 unless the search came to its limit.",
            0,
        ),
    ]


class FoundProfileData(Output):
    """The result of the search."""

    profile: Annotated[FoundProfileOutput, about("What the space knows of the profile.")]
