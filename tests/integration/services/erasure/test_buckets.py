"""Nothing of a person is left in a bucket of S3 or Google Cloud Storage, nor in the copies of this machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import botocore.session
import httpx
import pytest

from app.core.config import Settings
from app.sandbox.stores import BUCKET, Stores
from tests.flow import Flow
from tests.integration.api_extensions.desk import Desk
from tests.integration.services.erasure.history import NAMES, ask, live
from tests.integration.services.erasure.leaks import carried_out
from tests.traces import files, pieces, traces

pytestmark = [pytest.mark.walk, pytest.mark.installation(stepped=True)]


@dataclass(frozen=True)
class Bucket:
    """A bucket, and a reader of it that the product does not use."""

    kind: str
    url: str

    @property
    def storage(self) -> str:
        """The product's setting."""
        place = f"scheme=http&endpoint_override={quote(urlsplit(self.url).netloc)}"
        if self.kind == "s3":
            return f"s3://{BUCKET}/of-tests?access_key=t&secret_key=t&region=us-east-1&{place}"
        return f"gs://{BUCKET}/of-tests?anonymous=true&{place}"

    def objects(self) -> dict[str, bytes]:
        """Return all objects by key."""
        return self._of_s3() if self.kind == "s3" else self._of_gcs()

    def _of_s3(self) -> dict[str, bytes]:
        client: Any = botocore.session.get_session().create_client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="t",
            aws_secret_access_key="t",
        )
        keys = [
            one["Key"]
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
            for one in page.get("Contents", ())
        ]
        return {key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def _of_gcs(self) -> dict[str, bytes]:
        with httpx.Client(base_url=self.url) as client:
            listed = client.get(f"/storage/v1/b/{BUCKET}/o").json().get("items", ())
            return {
                one["name"]: client.get(
                    f"/download/storage/v1/b/{BUCKET}/o/{quote(one['name'], safe='')}",
                    params={"alt": "media"},
                ).content
                for one in listed
            }


@pytest.fixture(params=["s3", "gcs"])
def bucket(request: pytest.FixtureRequest) -> Iterator[Bucket]:
    stores = Stores()
    urls = stores.start()
    if request.param not in urls:
        pytest.skip(f"the emulator of {request.param} is not installed")
    yield Bucket(request.param, urls[request.param])
    stores.stop()


@pytest.fixture
def settings(settings: Settings, bucket: Bucket) -> Settings:
    return settings.model_copy(update={"storage_url": bucket.storage})


async def test_nothing_is_left_in_the_bucket(
    flow: Flow, client: httpx.AsyncClient, bucket: Bucket
) -> None:
    await flow.sign_in(client)
    desk = Desk(flow, client)
    await live(desk)
    assert len({place.partition(":")[0] for place in stored(bucket)}) > 5
    copies = Path(flow.platform.settings.data_dir)
    assert traces(files(copies), *NAMES)
    await carried_out(flow, await ask(desk), passes=60)  # files count as just written for seconds
    assert stored(bucket) == []
    assert traces(files(copies), *NAMES) == []


def stored(bucket: Bucket) -> list[str]:
    content: dict[str, Iterable[bytes]] = {
        key: pieces(each) for key, each in bucket.objects().items()
    }
    return traces(content, *NAMES)
