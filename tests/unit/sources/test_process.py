from __future__ import annotations

import subprocess
import sys


def test_the_child_does_not_import_structlog() -> None:
    """The child imports the face of the package; structlog would add a third of a second to each read."""
    code = "import sys, app.sources.postgres.child; print('structlog' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
