"""The published documents: generated from the code, valid, and with the operations of Segment's SDKs."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from app.api.edge.rate_limits import LIMITS
from app.core.config import Settings
from app.main import openapi_documents
from tests.contract.documents import FOLDER, Published

#: operationId, method and path.
SEGMENT = """
listSupportedDestinationsFromAudience GET /spaces/{spaceId}/audienceType/{audienceType}/supported-destinations
addDestinationToAudience POST /spaces/{spaceId}/audiences/{audienceId}/destination-connections
listDestinationsFromAudience GET /spaces/{spaceId}/audiences/{audienceId}/destination-connections
updateDestinationForAudience PATCH /spaces/{spaceId}/audiences/{audienceId}/destination-connections/{destinationId}
removeDestinationFromAudience DELETE /spaces/{spaceId}/audiences/{audienceId}/destination-connections/{destinationId}
addActivationToAudience POST /spaces/{spaceId}/audiences/{audienceId}/destination-connections/{connectionId}/activations
listActivationsFromAudience GET /spaces/{spaceId}/audiences/{audienceId}/activations
getActivationFromAudience GET /spaces/{spaceId}/audiences/{audienceId}/activations/{id}
updateActivationForAudience PATCH /spaces/{spaceId}/audiences/{audienceId}/activations/{id}
removeActivationFromAudience DELETE /spaces/{spaceId}/audiences/{audienceId}/activations/{id}
listAudiences GET /spaces/{spaceId}/audiences
createAudience POST /spaces/{spaceId}/audiences
getAudience GET /spaces/{spaceId}/audiences/{id}
updateAudienceForSpace PATCH /spaces/{spaceId}/audiences/{id}
removeAudienceFromSpace DELETE /spaces/{spaceId}/audiences/{id}
createAudiencePreview POST /spaces/{spaceId}/audiences/previews
getAudiencePreview GET /spaces/{spaceId}/audiences/previews/{id}
listAudienceConsumersFromSpaceAndAudience GET /spaces/{spaceId}/audiences/{id}/audience-references
forceExecuteAudienceRun POST /spaces/{spaceId}/audiences/{audienceId}/runs
listAudienceSchedulesFromSpaceAndAudience GET /spaces/{spaceId}/audiences/{id}/schedules
addAudienceScheduleToAudience POST /spaces/{spaceId}/audiences/{id}/schedules
getAudienceScheduleFromSpaceAndAudience GET /spaces/{spaceId}/audiences/{id}/schedules/{scheduleId}
updateAudienceScheduleForAudience PATCH /spaces/{spaceId}/audiences/{id}/schedules/{scheduleId}
removeAudienceScheduleFromAudience DELETE /spaces/{spaceId}/audiences/{id}/schedules/{scheduleId}
listSpaces GET /spaces
getSpace GET /spaces/{spaceId}
listAuditEvents GET /audit-events
"""

SCHEMAS = [
    "ActivationOutput",
    "AddActivationToAudienceAlphaInput",
    "AddActivationToAudienceAlphaOutput",
    "AddDestinationToAudienceAlphaInput",
    "AddDestinationToAudienceAlphaOutput",
    "Connection",
    "Destination",
    "DestinationInput",
    "DestinationSubscriptionConfiguration",
    "GetActivationFromAudienceAlphaOutput",
    "IDSyncConfigurationInput",
    "ListActivationsFromAudienceAlphaOutput",
    "ListDestinationsFromAudienceAlphaOutput",
    "ListSupportedDestinationsFromAudienceAlphaOutput",
    "Metadata",
    "PaginationInput",
    "PaginationOutput",
    "PersonalizationInput",
    "PersonalizationInputEntity",
    "PersonalizationOutput",
    "Profile",
    "Profile1",
    "RemoveActivationFromAudienceAlphaOutput",
    "RemoveDestinationFromAudienceAlphaOutput",
    "RequestError",
    "RequestErrorEnvelope",
    "SimpleDestination",
    "UpdateActivationForAudienceAlphaInput",
    "UpdateActivationForAudienceAlphaOutput",
    "UpdateDestinationForAudienceAlphaInput",
    "UpdateDestinationForAudienceAlphaOutput",
]


@pytest.fixture(scope="module", params=["segment.json", "activations.json"])
def published(request: pytest.FixtureRequest) -> Published:
    return Published(request.param)


def test_are_what_the_code_says() -> None:
    for name, document in openapi_documents(Settings()).items():
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        assert (FOLDER / name).read_text() == text, f"run `make spec`: {name}"


def test_have_the_packages_version(published: Published) -> None:
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text())["project"]
    assert published.document["info"]["version"] == project["version"]


@pytest.mark.walk
def test_are_valid(published: Published) -> None:
    from openapi_spec_validator import validate  # its import compiles grammars for a second

    validate(published.document)


def test_segments_operations_are_all_there_and_nothing_else() -> None:
    found = {
        (operation.id, operation.method, operation.path)
        for operation in Published("segment.json").operations.values()
    }
    assert found == {tuple(line.split()) for line in SEGMENT.strip().splitlines()}


def test_schemas_have_the_sdks_names() -> None:
    schemas = Published("segment.json").document["components"]["schemas"]
    assert [name for name in SCHEMAS if name not in schemas] == []
    assert [name for name in schemas if "__" in name] == []


def test_limits_name_operations_that_exist() -> None:
    assert set(LIMITS) <= set(Published("segment.json").operations)


def test_media_types_are_offered(published: Published) -> None:
    alpha = "application/vnd.segment.v1alpha+json"
    for operation in published.operations.values():
        content = operation.described["responses"]["200"].get("content", {})
        if "application/json" in content:
            assert alpha in content, operation.id


def test_bodies_have_examples(published: Published) -> None:
    lacking = [
        operation.id
        for operation in published.operations.values()
        if any(name.endswith(("/json", "+json")) for name in _body(operation.described))
        and operation.example is None
    ]
    assert lacking == []


def _body(described: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = described.get("requestBody", {}).get("content", {})
    return content


def test_examples_fit_their_schemas() -> None:
    assert list(Published("activations.json").misfits()) == []
