"""Mapping directives: JSON that describes how to build a partner's payload from an event.

The language is our own implementation because it is Segment's: mappings made there must give the same payloads here.
Liquid templates inside it use ``python-liquid``.
"""

from app.mapping.doubts import Doubt, doubts_of
from app.mapping.errors import InvalidMapping, MappingError, MappingFailed
from app.mapping.identity import plain_path
from app.mapping.liquid_faults import liquid_faults
from app.mapping.reads import paths_read
from app.mapping.transform import CompiledMapping, compile_mapping, resolve, resolve_batch
from app.mapping.validate import DIRECTIVES, validate
from app.mapping.values import is_plain_data

__all__ = [
    "DIRECTIVES",
    "CompiledMapping",
    "Doubt",
    "InvalidMapping",
    "MappingError",
    "MappingFailed",
    "compile_mapping",
    "doubts_of",
    "is_plain_data",
    "liquid_faults",
    "paths_read",
    "plain_path",
    "resolve",
    "resolve_batch",
    "validate",
]
