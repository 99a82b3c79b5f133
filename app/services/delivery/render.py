"""Rendering: from the planned changes of a sync to the deliveries that its connector sends.

Each change is mapped from one event, which docs/architecture.md shows. An action's field that nobody maps has its default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from app.connectors.base import Delivery, JsonTexts, Refusal
from app.domain.changes import ChangeKind
from app.domain.sent_fields import (
    TRAITS,
    Path,
    SentField,
    emptied,
    names_sent,
    without_blanks,
)
from app.mapping import MappingError
from app.services.delivery.event import EventFrame, build_event
from app.services.revision import IncludedAttribute
from app.services.syncs import SentTimes
from app.snapshots.engine import PlannedChange
from app.snapshots.plans import PlanRows


@dataclass(frozen=True, slots=True)
class Rows:
    """The rendered changes of a batch.

    ``indexes``: of the deliveries, in the batch; None if all changes are delivered, in order. ``refused``: the changes that
    cannot be rendered, by their index in the batch. ``filled``: the names of the fields with a value of the changes for
    which they differ from the plan's (``domain.sent_fields``), by that index.
    """

    deliveries: Sequence[Delivery]
    indexes: Sequence[int] | None
    refused: Mapping[int, Refusal]
    filled: Mapping[int, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders the changes of one sync. ``render_setup.build_renderer`` creates it from a revision."""

    frame: EventFrame
    names: Mapping[str, str]  # trait -> the name that it is sent under
    trait_names: Mapping[str, str]  # ``names``, and the service's own properties
    arm_property: str | None
    included: IncludedAttribute | None
    carrier: str | None  # the action's field that carries properties
    maps_properties: bool  # the mapping says what the carrier contains
    fields_by_name: frozenset[str]
    arm_of: Callable[[str | None, str], str | None]  # place, profile -> arm
    list_of: Callable[[str | None], str | None]  # ``frame.list_of``, cached
    resolve: Callable[[Any], Any] | None  # the mapping; None if nothing is mapped
    fields_sent: Sequence[SentField]  # whose values the partner keeps
    texts: Sequence[Path]  # of the fields that templates make
    is_plain: (
        bool  # nothing is mapped and no trait is renamed: the plan's values are sent as they are
    )
    sent_times: SentTimes = field(default_factory=SentTimes)

    def render_all(self, changes: Sequence[PlannedChange]) -> Rows:
        """Render some changes. Those that cannot be rendered are refusals."""
        deliveries: list[Delivery] = []
        indexes: list[int] = []
        refused: dict[int, Refusal] = {}
        filled: dict[int, Sequence[str]] = {}
        for index, change in enumerate(changes):
            result = self.render(change)
            if isinstance(result, Refusal):
                refused[index] = result
            else:
                deliveries.append(result)
                indexes.append(index)
                self._note_filled(change, result, index, filled)
        return Rows(deliveries, indexes if refused else None, refused, filled)

    def _note_filled(
        self,
        change: PlannedChange,
        delivery: Delivery,
        index: int,
        filled: dict[int, Sequence[str]],
    ) -> None:
        """Note the names of the fields that have a value, if the plan could not know them."""
        if change.kind is ChangeKind.EXITED or not any(one.computed for one in self.fields_sent):
            return
        names = names_sent(self.fields_sent, _delivered(delivery.fields, delivery.traits))
        if names != list(change.filled):
            filled[index] = names

    def render(self, change: PlannedChange) -> Delivery | Refusal:
        """Render one change. Returns a Refusal if the mapping fails for it."""
        marks = self._marks(change)
        named = self._traits(change.traits)
        traits = {**named, **marks}
        try:
            fields = self._fields(change, traits)
        except MappingError as error:
            return Refusal("mapping_failed", str(error))
        if self.carrier is not None and change.kind is not ChangeKind.EXITED:
            self._add_properties(self.carrier, fields, named, marks)
        return Delivery(
            kind=change.kind,
            key_type=change.key_type,
            key=change.key,
            profile_id=change.member_id,
            identifiers=change.identity,
            traits=traits,
            fields=fields,
            partner_id=change.partner_id,
            sent_at=self.sent_times.of(change),
            cleared=self._cleared(change, fields, traits),
        )

    def _cleared(
        self, change: PlannedChange, fields: Mapping[str, Any], traits: Mapping[str, Any]
    ) -> Sequence[Path]:
        if not change.old_filled or change.kind is ChangeKind.EXITED:
            return ()
        return emptied(self.fields_sent, change.old_filled, _delivered(fields, traits))

    def _fields(self, change: PlannedChange, traits: Mapping[str, Any]) -> dict[str, Any]:
        if self.resolve is None:
            return {}
        fields = dict(self.resolve(self._event(change, traits)) or {})
        return without_blanks(fields, self.texts)

    def _event(self, change: PlannedChange, traits: Mapping[str, Any]) -> dict[str, Any]:
        return build_event(self.frame, change, traits, self.list_of(change.place))

    def _add_properties(
        self,
        carrier: str,
        fields: dict[str, Any],
        traits: Mapping[str, Any],
        marks: Mapping[str, Any],
    ) -> None:
        """Add traits and marks where the connector expects them: the field of that name, otherwise the properties.

        If the mapping says what the properties are, only the marks are added to them.
        """
        given = fields.get(carrier)
        properties = dict(given) if isinstance(given, Mapping) else {}
        for name, value in traits.items() if not self.maps_properties else ():
            if name not in self.fields_by_name:
                properties.setdefault(name, value)
            elif fields.get(name) is None:
                fields[name] = value
        properties.update(marks)
        if properties:
            fields[carrier] = properties

    def _traits(self, traits: Mapping[str, Any]) -> Mapping[str, Any]:
        names = self.names
        if not names:
            return {}
        return {names[key]: value for key, value in traits.items() if key in names}

    def _marks(self, change: PlannedChange) -> Mapping[str, Any]:
        """Return the service's own properties of a change: the activation's name (null on exit), and the arm."""
        marks: dict[str, Any] = {}
        if self.included is not None:
            left = change.kind is ChangeKind.EXITED
            marks[self.included.name] = None if left else self.included.value
        if self.arm_property is not None:
            arm = self.arm_of(change.place, change.profile_id)
            if arm is not None:
                marks[self.arm_property] = arm
        return marks


def _delivered(fields: Mapping[str, Any], traits: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``domain.sent_fields`` names: the action's fields, and the traits that are sent without a mapping."""
    return {**fields, TRAITS[0]: traits}


@dataclass(frozen=True, eq=False)
class PlainDeliveries(Sequence[Delivery]):
    """Deliveries of changes that nobody maps: as JSON columns, or single ones that are rendered when they are asked for."""

    _rows: PlanRows
    _renderer: Renderer

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Delivery: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Delivery]: ...
    def __getitem__(self, index: int | slice) -> Delivery | Sequence[Delivery]:
        if isinstance(index, slice):
            return PlainDeliveries(self._rows[index], self._renderer)
        rendered = self._renderer.render(self._rows[index])
        assert isinstance(rendered, Delivery)  # noqa: S101  only mappings refuse
        return rendered

    def json_columns(self) -> JsonTexts:
        """Return the columns that ``app.connectors.base.JsonColumns`` describes."""
        rows = self._rows
        return JsonTexts(
            rows.column("kind"),
            rows.keys(),
            rows.members(),
            rows.column("identity"),
            rows.column("traits"),
        )
