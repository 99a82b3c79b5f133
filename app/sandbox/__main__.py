"""The command line of the sandbox: ``python -m app.sandbox`` and ``activations sandbox``."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from app.sandbox.receiver import WebhookReceiver
from app.sandbox.sandbox import Sandbox, default_services
from app.sandbox.stores import Stores


async def run(
    host: str,
    port: int,
    record: Path | None,
    webhook_secrets: Sequence[str] = (),
    seed: int = 0,
    *,
    with_stores: bool = False,
) -> None:
    """Serve until SIGINT or SIGTERM. Prints one JSON line with the URLs when ready.

    The first emulator listens on ``port``, and each other emulator on the next port. With port 0, each takes a free
    port.
    """
    services = default_services()
    for service in services:
        if isinstance(service, WebhookReceiver) and webhook_secrets:
            service.set_secrets("*", list(webhook_secrets))
    sandbox = Sandbox(services, record=record, seed=seed)
    ports = {name: port + i if port else 0 for i, name in enumerate(sandbox.services)}
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    urls = dict(await sandbox.start(host, ports))
    stores = Stores()
    if with_stores:
        urls.update(await asyncio.to_thread(stores.start, host))
        sandbox.content.stores = stores
    page = next(iter(urls.values())) + "/_control/page"
    sys.stdout.write(json.dumps({"ready": True, "urls": urls, "page": page}) + "\n")
    sys.stdout.flush()
    await stop.wait()
    await sandbox.stop()
    await asyncio.to_thread(stores.stop)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(
        prog="activations sandbox", description="Run emulators of the partners' APIs."
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument(
        "--port", type=int, default=8090, help="the first port; 0 selects free ports"
    )
    parser.add_argument(
        "--record", type=Path, help="append each request to this file as one JSON line"
    )
    parser.add_argument(
        "--webhook-secret",
        action="append",
        default=[],
        help="a secret (whsec_…) of the webhook receiver; may be repeated",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="the random seed for faults with a probability"
    )
    parser.add_argument(
        "--stores",
        action="store_true",
        help="also start emulators of S3 and GCS, if their packages are installed",
    )
    given = parser.parse_args(arguments)
    asyncio.run(
        run(
            given.host,
            given.port,
            given.record,
            given.webhook_secret,
            given.seed,
            with_stores=given.stores,
        )
    )


if __name__ == "__main__":
    main()
