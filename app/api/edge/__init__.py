"""The edge of the API: routing, authentication, bodies, errors, versions, limits and idempotency keys."""

from app.api.edge.answers import WARNINGS_HEADER, answer, pagination
from app.api.edge.body import read_body
from app.api.edge.deps import (
    PAGINATION,
    AudienceId,
    ConnectionId,
    CurrentSpace,
    CurrentToken,
    DestinationId,
    Id,
    OneAudienceId,
    PageDep,
    PlatformDep,
    PlatformOnceDep,
    Scene,
    SessionDep,
    ShortPageDep,
    SpaceId,
    TransactionDep,
    pagination_parameter,
    path_id,
    platform_of,
    query_flag,
    query_object,
    query_text,
    scene_of,
)
from app.api.edge.entrances import Entrance, Entrances
from app.api.edge.errors import install_error_handlers
from app.api.edge.health import health_router
from app.api.edge.operation import (
    ALL_VERSIONS,
    ALPHA,
    EXTRA,
    STABLE_AND_ALPHA,
    described,
    operation_of,
)
from app.api.edge.queries import read_choice, read_flag, read_object, read_text, validated
from app.api.edge.rate_limits import RateLimiter
from app.api.edge.route import ApiRoute, DirectRoute, Gate
from app.api.edge.router import ApiRouter
from app.api.edge.versioning import PLAIN, vendor_type

__all__ = [
    "ALL_VERSIONS",
    "ALPHA",
    "EXTRA",
    "PAGINATION",
    "PLAIN",
    "STABLE_AND_ALPHA",
    "WARNINGS_HEADER",
    "ApiRoute",
    "ApiRouter",
    "AudienceId",
    "ConnectionId",
    "CurrentSpace",
    "CurrentToken",
    "DestinationId",
    "DirectRoute",
    "Entrance",
    "Entrances",
    "Gate",
    "Id",
    "OneAudienceId",
    "PageDep",
    "PlatformDep",
    "PlatformOnceDep",
    "RateLimiter",
    "Scene",
    "SessionDep",
    "ShortPageDep",
    "SpaceId",
    "TransactionDep",
    "answer",
    "described",
    "health_router",
    "install_error_handlers",
    "operation_of",
    "pagination",
    "pagination_parameter",
    "path_id",
    "platform_of",
    "query_flag",
    "query_object",
    "query_text",
    "read_body",
    "read_choice",
    "read_flag",
    "read_object",
    "read_text",
    "scene_of",
    "validated",
    "vendor_type",
]
