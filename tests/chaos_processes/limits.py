"""The settings of the service in a chaos run, and the times that follow from them, in seconds."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]

LEASE = 6.0
SETTLE = 4.0
#: The settle time of the runs of a mutant, if it differs: a busy machine must plan and send the next sync within it.
SETTLE_OF = {"settle-time": 12.0}
TIMEOUT = 2.0
SWEEP = 1.0
#: A worker that stops so long has lost its leases to another one.
STOPPED = LEASE + 2.5
#: From a kill of a worker until the next message of the activation.
RECOVERY = LEASE + SETTLE + 6.0
#: After the load and its faults: work that has not moved for so long, or that is left after so long, is stuck.
STILL = 60.0
QUIET = 240.0
#: From new work until each worker has done some of it.
ALIVE = 90.0
#: The receiver applies a request so long after it came (the client has given up), and at the latest so long before the settle time ends.
LATE = TIMEOUT + 0.1
BEFORE_SETTLED = 0.3
#: The audience whose keys go in and out at each step, and the start of the paths that it is delivered to.
FLIPPING = "flip"

APIS = 2
WORKERS = 3
ROWS = 5  # changes in one message

KEYS = {
    "ACTIVATIONS_ENCRYPTION_KEYS": "k1:" + "a2V5" * 10 + "a2U=",
    "ACTIVATIONS_TOKEN_PEPPER": "pepper-of-the-tests-pepper-of-the-tests-0000",
}
SETTINGS = {
    "ACTIVATIONS_OUTBOUND_ALLOW": "127.0.0.1",
    "ACTIVATIONS_RATE_LIMITS": "off",
    "ACTIVATIONS_LEASE": str(LEASE),
    "ACTIVATIONS_HTTP_TOTAL_TIMEOUT": str(TIMEOUT),
    "ACTIVATIONS_HTTP_CONNECT_TIMEOUT": "1",
    "ACTIVATIONS_SWEEP_INTERVAL": str(SWEEP),
    "ACTIVATIONS_REDIS_SILENCE": "3",
    "ACTIVATIONS_RETRY_WAITS": "[1, 1, 2, 2, 3]",
    "ACTIVATIONS_WORKER_PROCESSES": str(WORKERS),
    "ACTIVATIONS_DELIVERY_CONCURRENCY_PER_ACCOUNT": "4",
    "ACTIVATIONS_JOB_COMPLETION_WAIT": "4",
    "ACTIVATIONS_ENGINE_MEMORY": "200MB",
}
#: Variables that only ``entry`` reads.
POINTS_VARIABLE = "CHAOS_POINTS"
MUTANT_VARIABLE = "CHAOS_MUTANT"
