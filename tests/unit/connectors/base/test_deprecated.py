from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from app.connectors import base
from app.connectors.base import AudienceRef, Call, Receipts
from app.connectors.registry import Registry
from app.domain.changes import ChangeKind
from tests.unit.connectors.create import (
    ATTEMPTED,
    PLANNED,
    create_call,
    create_delivery,
    create_tools,
)

#: A connector as it was written before ``Batch`` became ``Call``.
FORMER = """
from app.connectors.base import Action, AudienceRef, Batch, CheckResult, ConnectorSettings, Definition, Receipts


class Settings(ConnectorSettings):
    folder: str


class Postcards:
    definition = Definition(
        slug="postcards", name="Postcards", description="Prints cards.", metadata_id="ab" * 12,
        audience_types=("USERS",), actions=(Action("postcards-print", "print", "Print", ""),),
    )
    settings_model = Settings

    def __init__(self, settings, tools):
        self.printed = []

    async def check(self, connection_settings):
        return CheckResult(ok=True, message="")

    async def deliver(self, batch: Batch, deliveries):
        assert isinstance(batch, Batch)
        self.printed.append((batch.mode, batch.idempotency_key, len(deliveries)))
        return Receipts()

    async def resume(self, batch: Batch, deliveries, handle):
        return await self.deliver(batch, deliveries)
"""


@pytest.fixture
def postcards() -> Iterator[Any]:
    module = types.ModuleType("former_postcards")
    sys.modules[module.__name__] = module
    with pytest.warns(DeprecationWarning, match="Batch is deprecated: use Call"):
        exec(FORMER, module.__dict__)
    yield module
    del sys.modules[module.__name__]


class TestFormerNames:
    @pytest.mark.parametrize(("resync", "mode"), [(False, "incremental"), (True, "resync")])
    async def test_a_connector_that_uses_them_works(
        self, postcards: Any, resync: bool, mode: str
    ) -> None:
        connector_class = Registry([postcards.Postcards]).get("postcards")
        async with create_tools() as tools:
            connector: Any = connector_class(postcards.Settings(folder="cards"), tools)
            with pytest.warns(DeprecationWarning, match=r"mode is deprecated: use Call\.resync"):
                receipts = await connector.deliver(create_call(resync=resync), [create_delivery()])
        assert receipts == Receipts()
        assert connector.printed == [(mode, "syn_1-1-0-2", 1)]

    @pytest.mark.parametrize(("mode", "resync"), [("incremental", False), ("resync", True)])
    def test_a_batch_is_created_as_a_call(self, postcards: Any, mode: str, resync: bool) -> None:
        created = postcards.Batch(
            idempotency_key="syn_1-1-0-2",
            space_id="spa_1",
            audience=AudienceRef("aud_1", "vip", "VIP"),
            activation_id="act_1",
            connection_id="ii_1",
            sync_id="syn_1",
            seq=7,
            number=1,
            count=3,
            kind=ChangeKind.ENTERED,
            mode=mode,
            planned_at=PLANNED,
            attempted_at=ATTEMPTED,
            rows=2,
        )
        assert created == create_call(resync=resync)
        assert type(created) is Call

    def test_the_warning_names_the_file_that_imports(self, postcards: Any) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            from app.connectors.base import Batch  # noqa: F401
        assert {one.filename for one in caught} == {__file__}

    def test_other_names_are_unknown(self) -> None:
        with pytest.raises(AttributeError, match="no attribute 'Botch'"):
            base.Botch  # type: ignore[attr-defined]  # noqa: B018

    def test_all_names_exist(self) -> None:
        assert all(hasattr(base, name) for name in base.__all__)
