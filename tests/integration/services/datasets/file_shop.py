"""A space with a dataset that is read from a file of a real https server, and an audience over it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.core import clock
from app.services import datasets
from app.services.audiences import audiences
from app.services.audiences.recompute import recompute_audience
from app.services.platform.platform import Platform
from app.storage.models import Dataset, DatasetContent, Run
from tests.file_server import FileServer, file_server
from tests.flow import ACTOR, Flow, installation

QUERY = "SELECT id AS profile_id, spent FROM orders"


@dataclass
class FileShop:
    """The space, the server, and what tests do with both."""

    flow: Flow
    server: FileServer
    workspace_id: str

    @property
    def platform(self) -> Platform:
        return self.flow.platform

    async def dataset(self, url: str, name: str = "orders", **settings: Any) -> str:
        """Create a dataset over a file. Returns its id."""
        async with self.platform.unit_of_work() as session:
            made = await datasets.create_dataset(
                session,
                self.platform.keyring,
                workspace_id=self.workspace_id,
                space_id=self.flow.space_id,
                name=name,
                kind="object",
                source=None,
                file={"url": url, **settings},
                actor=ACTOR,
            )
            return made.id

    async def change(self, dataset_id: str, **changes: Any) -> None:
        async with self.platform.unit_of_work() as session:
            await datasets.update_dataset(
                session,
                self.platform.keyring,
                workspace_id=self.workspace_id,
                space_id=self.flow.space_id,
                dataset_id=dataset_id,
                source=None,
                file=changes,
                actor=ACTOR,
                now=clock.now(),
            )

    async def define(self, query: str = QUERY) -> str:
        """Create an audience. Returns its id."""
        async with self.platform.unit_of_work() as session:
            view = await audiences.create_audience(
                session,
                space_id=self.flow.space_id,
                name="Buyers",
                query=query,
                audience_type="USERS",
                actor=ACTOR,
                now=clock.now(),
            )
            return view.audience.id

    async def run(self, audience_id: str) -> Run:
        """Compute the audience once."""
        async with self.platform.unit_of_work() as session:
            opened = await audiences.force_run(
                session,
                self.flow.space_id,
                audience_id,
                as_of=clock.now(),
                actor=ACTOR,
                now=clock.now(),
            )
        await recompute_audience(self.platform, self.flow.space_id, opened.id, lane="test")
        async with self.platform.unit_of_work() as session:
            run = await session.get(Run, (self.flow.space_id, opened.id))
            assert run is not None
            return run

    async def row(self, dataset_id: str) -> Dataset:
        async with self.platform.unit_of_work() as session:
            found = await session.get(Dataset, (self.flow.space_id, dataset_id))
            assert found is not None
            return found

    async def former(self, dataset_id: str) -> Sequence[DatasetContent]:
        async with self.platform.unit_of_work() as session:
            query = select(DatasetContent).where(DatasetContent.dataset_id == dataset_id)
            return (await session.scalars(query)).all()


@asynccontextmanager
async def open_file_shop(platform: Platform, folder: Path) -> AsyncIterator[FileShop]:
    async with file_server(platform, folder) as (trusting, server), installation(trusting) as flow:
        yield FileShop(replace(flow, platform=trusting), server, await flow.workspace_id())


def source_of(run: Run) -> dict[str, Any]:
    """Return the one source of a run."""
    (found,) = run.sources or []
    return dict(found)
