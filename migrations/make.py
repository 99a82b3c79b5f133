"""Generate a migration from the models, with a temporary database: ``python migrations/make.py "what"``."""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from alembic import command

from app.embedded.servers import start_servers
from app.storage.migrate import configuration
from app.storage.revisions import head


def main(message: str) -> None:
    """Upgrade an empty database, compare it with the models, and write the difference."""
    number = f"{int(head()) + 1:04d}"
    with tempfile.TemporaryDirectory() as folder:
        running = start_servers(Path(folder) / "data")
        try:
            config = configuration(running.database_url)
            config.set_main_option("file_template", f"{datetime.now(UTC):%Y%m%d}_%%(slug)s")
            command.upgrade(config, "head")
            command.revision(config, message=message, autogenerate=True, rev_id=number)
        finally:
            running.stop()


if __name__ == "__main__":
    main(sys.argv[1])
