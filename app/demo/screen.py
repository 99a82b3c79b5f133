"""What the demo shows: its steps, a bar over the days, the table and the line at the end."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.demo.replay import Row

WIDTH = 90  # of the table; a narrower window wraps its lines rather than losing figures


class Screen:
    """Steps and the bar go to stderr, the table and the last line to stdout."""

    def __init__(self) -> None:
        self._side = Console(stderr=True, highlight=False)
        self._main = Console(highlight=False)
        if self._main.width < WIDTH:
            self._main = Console(highlight=False, width=WIDTH)

    def step(self, text: str) -> None:
        """One line about what is being done."""
        self._side.print(text, markup=False)

    @contextmanager
    def bar(self, days: int, audiences: int) -> Iterator[Progress]:
        """The bar; its one task counts audiences of days."""
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
        """Every audience of every day."""
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
        """A line on stdout that is never wrapped."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def verdict(rows: Sequence[Row], days: int) -> str:
    """The line that sums up."""
    good = {row.day for row in rows} - {row.day for row in rows if row.differences}
    entered, exited = sum(row.entered for row in rows), sum(row.exited for row in rows)
    return (
        f"demo: {days} days, {entered} entered and {exited} exited delivered, "
        f"receiver equal to the truth on {len(good)} of {days} days"
    )
