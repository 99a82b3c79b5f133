"""An activation from creation to removal, through all ten operations, as each SDK calls them."""

from __future__ import annotations

import httpx
import pytest

from tests.contract.strict_client import (
    GO,
    JAVA,
    PYTHON,
    TYPESCRIPT,
    Dialect,
    Refused,
    StrictClient,
)
from tests.integration.api.conftest import Tenant
from tests.integration.api.scene import create_audience, create_destination


@pytest.mark.parametrize("dialect", [PYTHON, TYPESCRIPT, GO, JAVA], ids=lambda found: found.name)
async def test_life(api: httpx.AsyncClient, tenant: Tenant, dialect: Dialect) -> None:
    audience = await create_audience(api, tenant)
    destination = await create_destination(api, tenant)
    client = StrictClient(api, tenant.token, dialect)
    space = tenant.space_id

    supported = await client.list_supported_destinations(space, "USERS", slug="webhook")
    action = supported.destinations["webhook"]["actions"][0]["id"]

    added = await client.add_destination(
        space,
        audience,
        {
            "destination": {"id": destination, "type": "destination"},
            "idSyncConfiguration": [
                {"externalId": "email", "strategy": "last", "mapTo": "Email_c"}
            ],
            "connectionSettings": None,
        },
    )
    connection = added.connection.id
    assert [entry.map_to for entry in added.id_sync_configuration] == ["Email_c"]
    updated = await client.update_destination(
        space,
        audience,
        connection,
        {"idSyncConfiguration": [{"externalId": "email", "strategy": "all"}]},
    )
    assert updated.destination.id == connection
    listed = await client.list_destinations(space, audience)
    assert [found.destination_id for found in listed.connections] == [destination]

    made = [
        await client.add_activation(
            space,
            audience,
            connection,
            {
                "enabled": False,
                "performResync": False,
                "activationType": "Audience Membership Changed",
                "activationName": f"Number {number}",
                "personalization": {"profile": {"properties": ["plan"], "mapping": {"plan": "p"}}},
                "destinationMapping": {
                    "actionId": action,
                    "settings": {"method": "PUT", "n": None},
                },
            },
        )
        for number in range(5)
    ]
    first = made[0]
    assert await client.get_activation(space, audience, first.id) == first
    walked, cursor = [], None
    while True:
        page = await client.list_activations(space, audience, 2, cursor)
        walked += page.activations
        assert page.pagination is not None
        cursor = page.pagination.next
        if cursor is None:
            break
    assert walked == made

    changed = await client.update_activation(
        space,
        audience,
        first.id,
        {
            "enabled": True,
            "displayName": None,
            "personalization": {"profile": {"properties": ["city"]}, "entities": []},
            "destinationMapping": {"actionId": action, "settings": {"n": 1}},
            "performResync": True,
        },
    )
    assert changed.perform_resync is True
    assert changed.destination_mapping is not None
    assert changed.destination_mapping.settings == {"method": "PUT", "n": 1}

    with pytest.raises(Refused) as refused:
        await client.remove_destination(space, audience, connection)
    assert refused.value.status == 409
    for activation in made:
        await client.remove_activation(space, audience, activation.id)
    await client.remove_destination(space, audience, connection)
    with pytest.raises(Refused) as refused:
        await client.get_activation(space, audience, first.id)
    assert (refused.value.status, refused.value.error.type) == (404, "not-found")
