"""Tests of ``activations sandbox --stores``: one library writes to an emulated store, and another one reads."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pyarrow.fs as pafs
import pytest

from app.sandbox.stores import BUCKET

CONTENT = b"profile_id,action\np1,entered\n" * 1_000


@pytest.fixture
async def urls() -> AsyncIterator[dict[str, str]]:
    """Provide the URLs, by name, of the emulators that the command starts."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.cli", "sandbox", "--port", "0", "--stores",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        ready: dict[str, Any] = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
        yield ready["urls"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0


def s3_files(url: str) -> pafs.S3FileSystem:
    return pafs.S3FileSystem(
        access_key="test",
        secret_key="test",
        region="us-east-1",
        scheme="http",
        endpoint_override=urlsplit(url).netloc,
    )


def gcs_files(url: str) -> pafs.GcsFileSystem:
    return pafs.GcsFileSystem(anonymous=True, scheme="http", endpoint_override=urlsplit(url).netloc)


def write(files: Any, name: str) -> None:
    with files.open_output_stream(f"{BUCKET}/{name}") as stream:
        stream.write(CONTENT)


def read(files: Any, name: str) -> bytes:
    with files.open_input_stream(f"{BUCKET}/{name}") as stream:
        return bytes(stream.read())


@pytest.mark.walk
async def test_objects_are_written_and_read_by_the_protocols_of_s3_and_gcs(
    urls: dict[str, str],
) -> None:
    assert {"webhook", "klaviyo", "braze", "talon_one", "s3", "gcs"} == set(urls)
    await asyncio.to_thread(_s3, urls["s3"])
    await asyncio.to_thread(_gcs, urls["gcs"])


def _s3(url: str) -> None:
    import boto3  # type: ignore[import-untyped]  # comes with moto, without types; its import takes a third of a second

    client = boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )
    files = s3_files(url)
    write(files, "crm/vip.csv")
    assert client.get_object(Bucket=BUCKET, Key="crm/vip.csv")["Body"].read() == CONTENT
    client.put_object(Bucket=BUCKET, Key="crm/other.csv", Body=CONTENT)
    assert read(files, "crm/other.csv") == CONTENT
    client.close()


def _gcs(url: str) -> None:
    files = gcs_files(url)
    write(files, "crm/vip.csv")
    with httpx.Client(base_url=url, trust_env=False) as http:
        answer = http.get(f"/download/storage/v1/b/{BUCKET}/o/crm%2Fvip.csv?alt=media")
        assert answer.content == CONTENT
        http.post(
            f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name=crm/other.csv", content=CONTENT
        ).raise_for_status()
    assert read(files, "crm/other.csv") == CONTENT
