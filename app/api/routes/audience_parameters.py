"""Parameters of lists of audiences: search, order, and what is included."""

from __future__ import annotations

from app.api.edge import query_object, query_text

SEARCH = query_object(
    "search",
    {
        "title": "ListAudienceSearchInput",
        "type": "object",
        "required": ["type", "query"],
        "properties": {
            "type": {
                "type": "string",
                "enum": ["NAME", "KEY", "DEFINITION"],
                "description": "Where the text is searched: in names, at the beginning of keys, or in definitions.",
                "examples": ["NAME"],
            },
            "query": {
                "type": "string",
                "maxLength": 255,
                "description": "The text, at most 255 characters, in any case.",
                "examples": ["buyers"],
            },
        },
    },
    "Only audiences whose name or definition contains the query, or whose key starts with it.",
)
SORT = query_object(
    "sort",
    {
        "title": "ListAudienceConsumersSortInput",
        "type": "object",
        "required": ["field"],
        "properties": {
            "field": {
                "type": "string",
                "enum": ["NAME", "CREATED_AT", "UPDATED_AT"],
                "description": "The field by which the list is sorted.",
                "examples": ["CREATED_AT"],
            },
            "direction": {
                "type": "string",
                "enum": ["ASC", "DESC"],
                "description": "Ascending (default) or descending.",
                "examples": ["DESC"],
            },
        },
    },
    "The order of the list.",
)
INCLUDE = query_text(
    "include",
    "`schedules`: include the schedules of each audience.",
    "schedules",
    enum=["schedules"],
)
