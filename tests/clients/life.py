"""The whole life of an activation through a client that openapi-python-client made; run with its folder on the path.

Run as a program of its own: ``life.py URL TOKEN SPACE AUDIENCE DESTINATION``.
"""

# mypy: ignore-errors
# The client that this imports is generated when the test runs.

import sys

from audience_activations_client import AuthenticatedClient
from audience_activations_client.api.activations import (
    add_activation_to_audience,
    add_destination_to_audience,
    get_activation_from_audience,
    list_activations_from_audience,
    list_destinations_from_audience,
    list_supported_destinations_from_audience,
    remove_activation_from_audience,
    remove_destination_from_audience,
    update_activation_for_audience,
    update_destination_for_audience,
)
from audience_activations_client.models import (
    AddActivationToAudienceAlphaInput,
    AddDestinationToAudienceAlphaInput,
    UpdateActivationForAudienceAlphaInput,
    UpdateDestinationForAudienceAlphaInput,
)


def main(url: str, token: str, space: str, audience: str, destination: str) -> None:
    """All ten operations."""
    client = AuthenticatedClient(base_url=url, token=token)
    supported = list_supported_destinations_from_audience.sync(space, "USERS", client=client)
    assert "webhook" in supported.data.destinations.additional_properties
    added = add_destination_to_audience.sync(
        space,
        audience,
        client=client,
        body=AddDestinationToAudienceAlphaInput.from_dict(
            {"destination": {"id": destination, "type": "destination"}}
        ),
    )
    connection = added.data.connection.id
    print("connected", connection)
    updated = update_destination_for_audience.sync(
        space,
        audience,
        connection,
        client=client,
        body=UpdateDestinationForAudienceAlphaInput.from_dict(
            {"idSyncConfiguration": [{"externalId": "email", "strategy": "last"}]}
        ),
    )
    assert updated.data.destination.id == connection
    assert (
        len(list_destinations_from_audience.sync(space, audience, client=client).data.connections)
        == 1
    )
    made = add_activation_to_audience.sync(
        space,
        audience,
        connection,
        client=client,
        body=AddActivationToAudienceAlphaInput.from_dict(
            {
                "performResync": False,
                "activationType": "Audience Membership Changed",
                "activationName": "Spring buyers",
                "destinationMapping": {"actionId": "webhook-send", "settings": {"method": "PUT"}},
            }
        ),
    ).data.activation
    print("made", made.id)
    assert (
        get_activation_from_audience.sync(space, audience, made.id, client=client).data.activation
        == made
    )
    changed = update_activation_for_audience.sync(
        space,
        audience,
        made.id,
        client=client,
        body=UpdateActivationForAudienceAlphaInput.from_dict({"enabled": True}),
    ).data.activation
    assert changed.enabled is True
    assert (
        len(list_activations_from_audience.sync(space, audience, client=client).data.activations)
        == 1
    )
    refused = remove_destination_from_audience.sync(space, audience, connection, client=client)
    assert refused.errors[0].type_ == "conflict"
    assert (
        remove_activation_from_audience.sync(space, audience, made.id, client=client).data.status
        == "SUCCESS"
    )
    assert (
        remove_destination_from_audience.sync(
            space, audience, connection, client=client
        ).data.status
        == "SUCCESS"
    )
    gone = get_activation_from_audience.sync(space, audience, made.id, client=client)
    assert gone.errors[0].type_ == "not-found"
    print("python client: all ten operations done")


main(*sys.argv[1:])
