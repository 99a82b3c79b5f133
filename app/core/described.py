"""Published schemas of fields: descriptions, examples, and the form of values that other code validates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


def about(text: str, *examples: Any) -> Any:
    """Return the pydantic field of a description and its examples: ``name: Annotated[str, about("…", "Ada")]``.

    Responses in the OpenAPI documents are composed of the first example of each field. A field whose type is a model needs
    no example, because the model's fields have theirs.
    """
    return Field(description=text, examples=list(examples) or None)


@dataclass(frozen=True)
class SchemaOf:
    """Publishes the schema of ``form`` for a field: ``limits: Annotated[Any, SchemaOf(Limits | None)]``.

    The values are validated by the type of the field only. Code that reports every fault at once validates the rest.
    """

    form: Any

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return the schema of the field's type, which is published as that of ``form``."""
        form = handler.generate_schema(self.form)
        metadata = {"pydantic_js_annotation_functions": [lambda _, publish: publish(form)]}
        # pydantic keeps the models of ``form`` only if they are a part of the schema: here of its serialization.
        kept = core_schema.wrap_serializer_function_ser_schema(lambda value, _: value, schema=form)
        return core_schema.chain_schema([handler(source)], metadata=metadata, serialization=kept)
