"""After an erasure nothing of a person is left in a running service, nor at its destinations; other persons are untouched.

The service runs as its users run it: API and worker, PostgreSQL and Redis in processes, files in its data folder or in a bucket.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from app.embedded.folders import find_folders
from app.embedded.redis import redis_url
from app.sandbox.sandbox import Sandbox
from app.sandbox.stores import BUCKET, Stores
from tests.e2e.known_person import (
    FAMILY,
    MAIL,
    NAMES,
    OTHERS,
    PROFILE,
    KnownPerson,
    contacts,
    emulators,
    members,
)
from tests.e2e.test_up import Started
from tests.integration.services.erasure.test_buckets import Bucket
from tests.live import Live
from tests.traces import dumped, files, pieces, redis_entries, traces

pytestmark = [pytest.mark.walk, pytest.mark.timeout(1_200)]

#: Short waits: a file counts as just written, and work as lost, after ten seconds.
ENVIRONMENT = {
    "ACTIVATIONS_OUTBOUND_ALLOW": "127.0.0.1",
    "ACTIVATIONS_SWEEP_INTERVAL": "1",
    "ACTIVATIONS_HTTP_TOTAL_TIMEOUT": "5",
    "ACTIVATIONS_LEASE": "10",
    "ACTIVATIONS_SETTLE_TIME": "1",
}
SERVER_FILES = Path(
    "servers/postgres"
)  # its log and dead rows follow its vacuum: a dump is searched


@dataclass(frozen=True)
class Installation:
    """A running service, and what it has stored."""

    started: Started
    bucket: Bucket
    known: KnownPerson

    def places(self) -> dict[str, Iterable[bytes]]:
        """Return the files of the data folder, the logs, the keys of Redis, and the service's objects of the bucket."""
        data = self.started.data_dir
        found = files(data, without=SERVER_FILES)
        found |= {"log": [self.started.log.read_bytes()]}
        url = redis_url(find_folders(data, None))
        found |= {f"redis {key}": value for key, value in redis_entries(url).items()}
        for key, content in self.bucket.objects().items():
            if not key.startswith("of-user/"):
                found[f"bucket {key}"] = [key.encode(), *pieces(content)]
        return found

    async def dump(self) -> bytes:
        run = self.started.data_dir / "servers/run"
        return await dumped(f"postgresql://activations@/activations?host={run}")

    async def traces(self, *names: str) -> list[str]:
        """Return where names are found."""
        return traces({**self.places(), "dump": [await self.dump()]}, *(names or NAMES))


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    stores = Stores()
    url = stores.start()["s3"]
    made = Bucket("s3", url)
    client: Any = botocore.session.get_session().create_client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="t", aws_secret_access_key="t")  # fmt: skip
    for key in made.objects():
        client.delete_object(Bucket=BUCKET, Key=key)
    client.put_object(Bucket=BUCKET, Key="of-user/contacts.csv", Body=contacts())
    yield made
    stores.stop()


@pytest.fixture(params=["folder", "bucket"])
async def installation(
    request: pytest.FixtureRequest, folder: Path, bucket: Bucket
) -> AsyncIterator[Installation]:
    more = {"STORAGE_URL": bucket.storage} if request.param == "bucket" else {}
    started = await asyncio.to_thread(
        lambda: Started(folder / "data", "--port", "0", **ENVIRONMENT, **more)
    )
    live = Live.of(started.line["url"], started.token, started.line["spaceId"])
    async with Sandbox(emulators()) as sandbox:
        try:
            yield Installation(started, bucket, KnownPerson(live, sandbox, bucket.url))
        finally:
            await live.close()
            await asyncio.to_thread(started.end)


async def test_nothing_of_an_erased_person_is_left(installation: Installation) -> None:
    known = installation.known
    await known.fill()
    before, held = await installation.traces(), known.held()
    stored = "bucket" if any(place.startswith("bucket") for place in before) else "objects"
    for name in (MAIL, PROFILE, FAMILY):
        assert {place.partition(" ")[0].partition("/")[0].partition(":")[0] for place in before if name.lower() in place} >= {stored, "dump"}  # fmt: skip
    for place, texts in held.items():
        assert traces({place: [one.encode() for one in texts]}, *NAMES), place
    receipt = await known.erased()
    assert await installation.traces() == []
    _check_partners(known, held)
    _check_user_bucket(installation)
    await _check_others(installation)
    assert traces({"response": [(await known.test_send()).content]}, *NAMES) == []
    assert receipt["returns"] == [known.contacts_dataset]
    assert (receipt["kept"], receipt["configured"]) == ([], [])

    # The person does not come back, neither by an upload nor from the user's own file.
    await known.upload(members("silver", mentions=False))
    assert (await known.run(known.computed))["status"] == "complete"
    await known.quiet()
    await asyncio.sleep(12)
    assert await installation.traces() == []
    _check_partners(known, held)


def _check_partners(known: KnownPerson, before: dict[str, set[str]]) -> None:
    """No place at a partner holds the person, and each one holds all others."""
    for place, texts in known.held().items():
        assert traces({place: [one.encode() for one in texts]}, *NAMES) == []
        assert len(texts) == len(before[place]) - 1, place
        assert all(any(other in one for one in texts) for other in OTHERS), place


def _check_user_bucket(installation: Installation) -> None:
    """The newest file of all members that a user's bucket got does not have the person."""
    mine = {key: content for key, content in installation.bucket.objects().items() if "users_" in key and key.endswith(".csv")}  # fmt: skip
    newest = max(mine)
    assert len(mine) > 1
    assert traces({newest: [mine[newest]]}, *NAMES) == []
    assert all(other.encode() in mine[newest] for other in OTHERS)


async def _check_others(installation: Installation) -> None:
    """Another person is still in every kind of place."""
    found = await installation.traces("p-grace-3", "p-grace-3@example.com")
    kinds = ("content-", "base-", "plan-", "outcome-", "exports/")
    for kind in kinds:
        assert any(kind in place for place in found), (kind, found)
