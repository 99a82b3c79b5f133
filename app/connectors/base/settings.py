"""The settings of one account at a partner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from app.connectors.urls import checked_callable, query_secrets
from app.domain.setting_labels import setting_label


class ConnectorSettings(BaseModel):
    """Settings of one account at a partner. Secrets are SecretStr; unknown keys are refused.

    The title of a field is its label in forms. It is derived from the name (``api_key`` is ``API key``), unless the field has one.

    ``where_to`` lists the settings that decide the target host (a URL, a host, an endpoint). ``sent_there`` lists the
    settings that are sent to that host; None means all secrets. If a user changes a setting in ``where_to``, the user
    must enter those in ``sent_there`` again: a stored secret is never sent to a host that it was not entered for.

    ``write_only`` lists objects whose values are shown like secrets, for example headers. ``hidden_queries`` lists
    URLs whose parameters are not shown. ``own_identity`` names the setting that makes the service act under its own
    identity at the partner; it is accepted only if the operator permits it.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, field_title_generator=lambda name, _: setting_label(name)
    )

    where_to: ClassVar[Sequence[str]] = ()
    sent_there: ClassVar[Sequence[str] | None] = None
    write_only: ClassVar[Sequence[str]] = ()
    hidden_queries: ClassVar[Sequence[str]] = ()
    own_identity: ClassVar[str | None] = None

    @field_validator("*", mode="after")
    @classmethod
    def _can_be_called(cls, value: Any, field: ValidationInfo) -> Any:
        """Refuse a URL that the outbound client cannot read."""
        is_url = field.field_name in cls.where_to and isinstance(value, str) and "://" in value
        return checked_callable(value) if is_url else value

    def unused_settings(self, connection_settings: Mapping[str, Any]) -> Mapping[str, str]:
        """Return which settings of a connection have no effect together with the others: ``{name: reason}``.

        The reason is a sentence with the way out. By default none.
        """
        return {}

    def hidden_texts(self) -> Iterator[str]:
        """Yield the values of ``write_only`` and the parameters of ``hidden_queries``: they may be keys."""
        for name in self.write_only:
            yield from (getattr(self, name) or {}).values()
        for name in self.hidden_queries:
            yield from query_secrets(getattr(self, name) or "")
