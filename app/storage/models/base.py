"""The declarative base: the names of constraints, and common column types."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, TypeVar

from sqlalchemy import DateTime, Dialect, MetaData, Text, TypeDecorator, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, mapped_column

from app.core.storable import storable_text
from app.domain.activation_states import ActivationState
from app.domain.batch_states import BatchState
from app.domain.erasure_states import ErasureState
from app.domain.notice_states import NoticeState
from app.domain.preview_states import PreviewState
from app.domain.run_states import RunKind, RunState
from app.domain.sync_states import SyncKind, SyncState

E = TypeVar("E", bound=StrEnum)

_ENUMS: tuple[type[StrEnum], ...] = (
    ActivationState,
    BatchState,
    ErasureState,
    NoticeState,
    PreviewState,
    RunKind,
    RunState,
    SyncKind,
    SyncState,
)

NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

Json = dict[str, Any]
# None is stored as NULL. As a JSON null, `IS NULL` would be false for an empty column.
JSONB = postgresql.JSONB(none_as_null=True)
#: Keeps the order of keys, which JSONB does not.
ORDERED_JSON = postgresql.JSON(none_as_null=True)
Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Created = Annotated[
    datetime, mapped_column(DateTime(timezone=True), server_default=text("clock_timestamp()"))
]


class StorableText(TypeDecorator[str]):
    """A text column. What PostgreSQL cannot store is replaced: see ``app.core.storable``."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the text that is stored or compared."""
        return None if value is None else storable_text(value)


class EnumText(TypeDecorator[E]):
    """A text column whose values are members of a StrEnum."""

    impl = Text
    cache_ok = True

    def __init__(self, members: type[E]) -> None:
        super().__init__()
        self.members = members

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the text of a member. Raises ValueError for any other text."""
        return None if value is None else self.members(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> E | None:
        """Return the member of a text."""
        return None if value is None else self.members(value)


class Base(DeclarativeBase):
    """Base class of all tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: StorableText,
        Json: JSONB,
        list[Any]: JSONB,
        **{members: EnumText(members) for members in _ENUMS},
    }
