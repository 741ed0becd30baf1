"""A past sweep, for notebooks."""

from __future__ import annotations

from pathlib import Path

from initlab.console import as_text
from initlab.errors import UserError
from initlab.latest import LATEST_SWEEP
from initlab.notebook import Displays, Shown, card, small, table
from initlab.sweeps.summary import Summary, is_sweep, summarize
from initlab.sweeps.table import columns_of, sentences_of, show

SWEEPS = Path("outputs/sweeps")
WIDTH = 120  # of the table as text


def open_sweep(folder: str | Path = "latest") -> Sweep:
    """`open_sweep("latest").table()`; the folder of a sweep, its name in outputs/sweeps, or `latest`.

    Raises:
        UserError: no sweep is there.
    """
    linked = [LATEST_SWEEP] if str(folder) == "latest" else []
    path = next((path for path in (Path(folder), *linked, SWEEPS / folder) if path.is_dir()), None)
    if path is None:
        there = sorted(p.name for p in SWEEPS.glob("*") if is_sweep(p))
        if str(folder) != "latest" or not there:
            raise UserError(f"sweep={folder}: there is no such folder; sweep=latest is the newest in {SWEEPS}")
        path = SWEEPS / there[-1]
    if not is_sweep(path):
        raise UserError(f"sweep={folder}: no sweep is in this folder; it has no sweep.json and no runs")
    return Sweep(path.resolve())


class Sweep(Displays):
    """Read when it is opened: of a sweep that still runs, what is there by then.

    summary: a row for each setting, best first, see `initlab.sweeps.summary`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.summary: Summary = summarize(path)

    def __repr__(self) -> str:
        return f"Sweep({str(self.path)!r}, {len(self.summary.members)} runs, {len(self.summary.rows)} settings)"

    def table(self) -> Shown:
        """A row for each setting, mean and standard deviation over its seeds, and what may be concluded."""
        return Shown(self.as_text(), self.as_html())

    def as_text(self) -> str:
        return as_text(WIDTH, lambda page: show(self.summary, page))

    def as_html(self) -> str:
        columns = columns_of(self.summary)
        cells = {column.heading: [str(cell) for cell in column.cells] for column in columns}
        first = next((row.name for row in self.summary.rows if row.score.n), "")
        headline = f"{len(self.summary.members)} runs"
        if first and len(self.summary.rows) > 1:
            headline = f"Best: {first}" if self.summary.decided else f"First, but not decided: {first}"
        parts = table(cells, [column.heading for column in columns if not column.right])
        page = self.path / "report.html"
        parts += small(str(page if page.is_file() else self.path))
        above = f"initlab sweep · {self.path.name}"
        return card(headline, sentences_of(self.summary), above=above, parts=parts)
