"""``python -m benchmarks``: all benchmarks in one run. Compare the ratios; absolute figures depend on the machine."""

from __future__ import annotations

import os
import platform

from benchmarks import deliver, get_activation, mapping, operations, upload

print(
    f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}\n"
)
for benchmark in (upload, deliver, get_activation, operations, mapping):
    benchmark.main()
    print()
