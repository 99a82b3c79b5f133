"""The HTTP API: routes, the edge that admits requests, and the OpenAPI documents."""
