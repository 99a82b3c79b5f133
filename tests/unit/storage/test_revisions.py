"""The migrations that are found in the files are those that Alembic finds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from mako.template import Template  # type: ignore[import-untyped]

from app.storage import revisions
from app.storage.migrate import configuration

SCRIPT = revisions.scripts_folder() / "script.py.mako"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    versions = tmp_path / "versions"
    versions.mkdir()
    monkeypatch.setattr(revisions, "scripts_folder", lambda: tmp_path)
    revisions._revisions.cache_clear()
    yield versions
    revisions._revisions.cache_clear()


def write(folder: Path, revision: str, before: object) -> None:
    """Write a migration with the template that `make migration` uses."""
    template = Template(filename=str(SCRIPT))
    text = template.render(
        message="what", up_revision=revision, down_revision=before, branch_labels=None, depends_on=None,
        create_date="now", imports="", upgrades="", downgrades="", comma=str,
    )  # fmt: skip
    (folder / f"{revision}.py").write_text(text)


def test_they_are_those_of_alembic() -> None:
    scripts = ScriptDirectory.from_config(configuration(""))
    assert revisions.head() == scripts.get_current_head()
    found = {one.revision: (one.down_revision,) for one in scripts.walk_revisions()}
    assert revisions._revisions() == found | {"0001": ()}
    assert all(revisions.is_known(revision) for revision in found)
    assert not revisions.is_known("9999")


def test_the_newest_is_the_one_that_no_other_follows(folder: Path) -> None:
    for revision, before in (("0001", None), ("b", "0001"), ("a", "b")):
        write(folder, revision, before)
    assert revisions.head() == "a"


def test_a_merge_follows_several(folder: Path) -> None:
    for revision, before in (("1", None), ("2", "1"), ("3", "1"), ("4", ("2", "3"))):
        write(folder, revision, before)
    assert revisions.head() == "4"


def test_two_newest_are_an_error(folder: Path) -> None:
    for revision, before in (("0001", None), ("0002", "0001"), ("0003", "0001")):
        write(folder, revision, before)
    with pytest.raises(RuntimeError, match="0002, 0003"):
        revisions.head()


def test_no_migration_is_an_error(folder: Path) -> None:
    with pytest.raises(RuntimeError, match="no migration"):
        revisions.head()
    revisions._revisions.cache_clear()
    (folder / "notes.py").write_text("down_revision = None")
    with pytest.raises(RuntimeError, match=r"notes\.py does not say which migration"):
        revisions.head()


@pytest.mark.walk
def test_a_start_does_not_import_what_it_does_not_need() -> None:
    program = (
        "import sys\n"
        "import app.cli.application, app.embedded.up, app.main, app.embedded.http_server, workers.settings\n"
        "assert not {'alembic', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
