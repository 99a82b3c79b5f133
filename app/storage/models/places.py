"""Tables of places at partners that activations may share, and of what waits for another activation."""

from __future__ import annotations

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.storage.models.base import Base


class HeldPlace(Base):
    """A place at a partner in which an activation may hold keys. An activation without places has one row with ``-``.

    Without foreign keys: the row of one activation is written in transactions that lock another one.
    """

    __tablename__ = "held_place"
    __table_args__ = (Index("ix_held_place_place", "workspace_id", "place"),)

    space_id: Mapped[str] = mapped_column(primary_key=True)
    activation_id: Mapped[str] = mapped_column(primary_key=True)
    local: Mapped[str] = mapped_column(primary_key=True)  # the place in plans; '' for the unnamed
    place: Mapped[str] = mapped_column(primary_key=True)  # account and name at the partner
    workspace_id: Mapped[str]
    current: Mapped[bool]  # false: a former revision wrote there, and keys may be left
    made_from: Mapped[str]  # a digest of the revision, the account and the created lists


class PlaceWait(Base):
    """A change of an activation waits until another activation, whose state was ``seen``, has changed."""

    __tablename__ = "place_wait"

    space_id: Mapped[str] = mapped_column(primary_key=True)
    activation_id: Mapped[str] = mapped_column(primary_key=True)
    other_space_id: Mapped[str] = mapped_column(primary_key=True)
    other_activation_id: Mapped[str] = mapped_column(primary_key=True)
    seen: Mapped[str] = mapped_column(server_default=text("''"))
