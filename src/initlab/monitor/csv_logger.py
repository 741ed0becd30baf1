"""metrics.csv: one row an epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from initlab.runs.rows import RowWriter, heading


class CsvLogger(Logger):
    """Append each epoch's metrics to `<save_dir>/metrics.csv`; the first row, in a file that is there its heading,
    fixes the columns.

    Lightning's own CSVLogger keeps every row in memory, writes the whole file anew each time and deletes what an
    earlier part of the run has written; this one only ever appends.
    """

    def __init__(self, save_dir: str | Path) -> None:
        super().__init__()
        self._path = Path(save_dir) / "metrics.csv"
        self._rows: RowWriter | None = None

    @property
    def name(self) -> str:
        return "csv"

    @property
    def version(self) -> str:
        return ""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        if self._rows is None:
            columns = ("epoch", "step", *sorted(metrics.keys() - {"epoch"}))
            self._rows = RowWriter(self._path, heading(self._path) or columns)
        row = {name: value for name, value in metrics.items() if name in self._rows.columns}
        if row:  # the test's figures are not an epoch's: they are in summary.json
            self._rows.write([row | {"step": step}])

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing: they are in config.yaml."""
