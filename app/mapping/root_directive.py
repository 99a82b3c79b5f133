"""The root directive: a key that puts the rest of a mapping into a directive's `mapping`."""

from __future__ import annotations

from typing import Any, Final

from app.mapping.errors import MappingFailed

ROOT_DIRECTIVE: Final = "__segment_internal_directive"


def rewrite_root(mapping: Any) -> Any:
    """Give the mapping that really runs; the one given is left as it is.

    Raises `MappingFailed` where the key does not hold exactly one directive with options.
    """
    if not isinstance(mapping, dict) or ROOT_DIRECTIVE not in mapping:
        return mapping
    directive = mapping[ROOT_DIRECTIVE]
    if not isinstance(directive, dict) or len(directive) != 1:
        raise MappingFailed(f"/{ROOT_DIRECTIVE}", "should be an object with exactly one key.")
    ((name, options),) = directive.items()
    if isinstance(options, list):
        # A further named member of an array can be read by nobody.
        return {name: options}
    if not isinstance(options, dict):
        raise MappingFailed(f"/{ROOT_DIRECTIVE}/{name}", "should be an object.")
    fields = {key: value for key, value in mapping.items() if key != ROOT_DIRECTIVE}
    return {name: {**options, "mapping": fields}}
