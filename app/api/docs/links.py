"""OpenAPI links from an operation that creates a resource to the operations that use its id."""

from __future__ import annotations

from typing import Any

#: Operation that creates a resource → (JSON pointer to the id, [(operation that uses it, parameter)]).
_MADE: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "createSpace": ("/data/space/id", [("getSpace", "spaceId"), ("listAudiences", "spaceId")]),
    "createAudience": (
        "/data/audience/id",
        [
            ("getAudience", "id"),
            ("updateAudienceForSpace", "id"),
            ("removeAudienceFromSpace", "id"),
            ("forceExecuteAudienceRun", "audienceId"),
            ("addAudienceScheduleToAudience", "id"),
            ("listAudienceSchedulesFromSpaceAndAudience", "id"),
            ("listAudienceConsumersFromSpaceAndAudience", "id"),
            ("addDestinationToAudience", "audienceId"),
            ("listDestinationsFromAudience", "audienceId"),
            ("listActivationsFromAudience", "audienceId"),
            ("listAudienceMembers", "audienceId"),
            ("patchAudienceMembers", "audienceId"),
            ("listAudienceRuns", "audienceId"),
            ("listAudienceSnapshots", "audienceId"),
        ],
    ),
    "createAudiencePreview": ("/data/audiencePreview/id", [("getAudiencePreview", "id")]),
    "addAudienceScheduleToAudience": (
        "/data/audienceSchedule/id",
        [
            ("getAudienceScheduleFromSpaceAndAudience", "scheduleId"),
            ("updateAudienceScheduleForAudience", "scheduleId"),
            ("removeAudienceScheduleFromAudience", "scheduleId"),
        ],
    ),
    "addDestinationToAudience": (
        "/data/connection/id",
        [
            ("addActivationToAudience", "connectionId"),
            ("updateDestinationForAudience", "destinationId"),
            ("removeDestinationFromAudience", "destinationId"),
        ],
    ),
    "addActivationToAudience": (
        "/data/activation/id",
        [
            ("getActivationFromAudience", "id"),
            ("updateActivationForAudience", "id"),
            ("removeActivationFromAudience", "id"),
            ("getActivationStatus", "id"),
            ("listActivationSyncs", "id"),
            ("startActivationSync", "id"),
            ("getDeliveryOptions", "id"),
            ("updateDeliveryOptions", "id"),
            ("listActivationHoldings", "id"),
        ],
    ),
    "forceExecuteAudienceRun": ("/data/run/id", [("getAudienceRun", "runId")]),
    "createDestination": (
        "/data/destination/id",
        [
            ("getDestination", "destinationId"),
            ("updateDestination", "destinationId"),
            ("removeDestination", "destinationId"),
        ],
    ),
    "createDataset": (
        "/data/dataset/id",
        [
            ("getDataset", "datasetId"),
            ("updateDataset", "datasetId"),
            ("removeDataset", "datasetId"),
        ],
    ),
}


def add_links(operations: dict[str, tuple[str, dict[str, Any]]]) -> None:
    """Add links to the responses of a document. ``operations`` is ``{operationId: (path, operation object)}``."""
    for name, (pointer, followers) in _MADE.items():
        if name not in operations:
            continue
        path, made = operations[name]
        links = {
            follower: _link(follower, parameter, pointer, path, operations[follower][0])
            for follower, parameter in followers
            if follower in operations
        }
        made["responses"]["200"]["links"] = links


def _link(follower: str, parameter: str, pointer: str, made_at: str, path: str) -> dict[str, Any]:
    """Create a link: the new id comes from the response, other path parameters from the request."""
    parameters = {parameter: f"$response.body#{pointer}"}
    for name in ("spaceId", "audienceId", "id"):
        if name != parameter and f"{{{name}}}" in made_at and f"{{{name}}}" in path:
            parameters[name] = f"$request.path.{name}"
    return {"operationId": follower, "parameters": parameters}
