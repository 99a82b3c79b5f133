"""Examples of request bodies. Each is valid for a new service with a webhook or file destination."""

from __future__ import annotations

from typing import Any

Examples = dict[str, Any]

CREATE_AUDIENCE: Examples = {
    "supplied": {
        "name": "Newsletter readers",
        "enabled": True,
        "definition": {"query": ""},
        "audienceType": "USERS",
    },
    "sql": {
        "name": "Buyers",
        "description": "Bought within 30 days",
        "enabled": True,
        "definition": {
            "query": "SELECT 'p1' AS profile_id, 'ada@example.com' AS email, $as_of AS seen_at"
        },
        "audienceType": "USERS",
        "options": {"filterByExternalIds": ["email", "user_id"], "includeHistoricalData": True},
    },
}
UPDATE_AUDIENCE: Examples = {"rename": {"name": "Recent buyers", "enabled": True}}
FORCE_RUN: Examples = {"now": {}, "as of a day": {"asOf": "2026-01-31T12:00:00Z"}}
PREVIEW: Examples = {
    "sql": {
        "definition": {"query": "SELECT 'p1' AS profile_id, 'ada@example.com' AS email"},
        "audienceType": "USERS",
    }
}
SCHEDULE: Examples = {
    "every hour": {"strategy": "PERIODIC", "config": {"interval": "1h"}},
    "weekday mornings": {
        "strategy": "SPECIFIC_DAYS",
        "config": {"days": [1, 2, 3, 4, 5], "hours": [6], "timezone": "Europe/Berlin"},
    },
}
ADD_DESTINATION: Examples = {
    "default identifiers": {
        "destination": {"id": "<id of a destination of the space>", "type": "destination"}
    },
    "chosen identifiers": {
        "destination": {"id": "<id of a destination of the space>", "type": "destination"},
        "idSyncConfiguration": [{"externalId": "email", "strategy": "last"}],
    },
}
UPDATE_DESTINATION: Examples = {
    "other identifiers": {
        "idSyncConfiguration": [
            {"externalId": "user_id", "strategy": "first"},
            {"externalId": "email", "strategy": "all"},
        ]
    }
}
ADD_ACTIVATION: Examples = {
    "both ways": {
        "enabled": True,
        "performResync": True,
        "activationType": "Audience Membership Changed",
        "activationName": "Spring buyers",
        "personalization": {
            "profile": {"properties": ["plan", "city"], "mapping": {"plan": "plan_name"}}
        },
    },
    "least": {
        "performResync": False,
        "activationType": "Audience Entered",
        "activationName": "Bare",
    },
}
UPDATE_ACTIVATION: Examples = {
    "pause": {"enabled": False},
    "resync with other traits": {
        "personalization": {"profile": {"properties": ["city"]}},
        "performResync": True,
    },
}
