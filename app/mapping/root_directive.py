"""The root directive: a key that moves the rest of a mapping into the option `mapping` of a directive."""

from __future__ import annotations

from typing import Any, Final

from app.mapping.errors import MappingFailed

ROOT_DIRECTIVE: Final = "__segment_internal_directive"


def rewrite_root(mapping: Any) -> Any:
    """Return the mapping that is run; the argument is not changed.

    Raises `MappingFailed` if the root key does not hold exactly one directive with options.
    """
    if not isinstance(mapping, dict) or ROOT_DIRECTIVE not in mapping:
        return mapping
    directive = mapping[ROOT_DIRECTIVE]
    if not isinstance(directive, dict | list) or len(directive) != 1:
        raise MappingFailed(f"/{ROOT_DIRECTIVE}", "should be an object with exactly one key.")
    fields = {key: value for key, value in mapping.items() if key != ROOT_DIRECTIVE}
    if isinstance(directive, list):
        return [_with_fields("0", directive[0], fields)]
    ((name, options),) = directive.items()
    return {name: _with_fields(name, options, fields)}


def _with_fields(name: str, options: Any, fields: dict[str, Any]) -> Any:
    if isinstance(options, list):
        # An array cannot have the named member `mapping`.
        return options
    if isinstance(options, dict):
        return {**options, "mapping": fields}
    raise MappingFailed(f"/{ROOT_DIRECTIVE}/{name}", "should be an object.")
