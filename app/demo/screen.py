"""The demo's output: its steps, a progress bar, the table and the last line."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.demo.replay import Row

WIDTH = 90  # of the table; a narrower terminal wraps lines, so that no figures are cut off


class Screen:
    """The terminal. Steps and the progress bar go to stderr, the table and the last line to stdout."""

    def __init__(self) -> None:
        self._side = Console(stderr=True, highlight=False)
        self._main = Console(highlight=False)
        if self._main.width < WIDTH:
            self._main = Console(highlight=False, width=WIDTH)

    def step(self, text: str) -> None:
        """Print one line about the current step."""
        self._side.print(text, markup=False)

    @contextmanager
    def bar(self, days: int, audiences: int) -> Iterator[Progress]:
        """Show the progress bar. Its only task counts one step for each audience of each day."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._side) as progress:
            progress.add_task("replay", total=days * audiences)
            yield progress

    def table(self, rows: Sequence[Row]) -> None:
        """Print a row for each audience of each day."""
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for name in ("day", "audience"):
            table.add_column(name, no_wrap=True)
        for name in ("members", "entered", "exited", "delivered", "seconds"):
            table.add_column(name, justify="right", no_wrap=True)
        last = None
        for row in rows:
            if last not in (None, row.day):
                table.add_section()
            last = row.day
            counts = (row.members, row.entered, row.exited, row.delivered)
            cells = [row.day.isoformat(), row.audience, *(f"{count:,}" for count in counts)]
            table.add_row(*cells, f"{row.seconds:.2f}")
        self._main.print(table)

    def line(self, text: str) -> None:
        """Print a line on stdout without wrapping it."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def verdict(rows: Sequence[Row], days: int) -> str:
    """Return the last line, which summarizes the replay."""
    good = {row.day for row in rows} - {row.day for row in rows if row.differences}
    entered, exited = sum(row.entered for row in rows), sum(row.exited for row in rows)
    return (
        f"demo: {days} days, {entered} entered and {exited} exited delivered, "
        f"receiver equal to the truth on {len(good)} of {days} days"
    )
