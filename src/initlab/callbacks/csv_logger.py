"""metrics.csv: one row an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from initlab.callbacks.epoch_rows import EpochLogger, Row
from initlab.runs.epoch_table import EpochTable


class CsvLogger(EpochLogger):
    """Append each epoch's metrics to `<save_dir>/metrics.csv`.

    Lightning's own CSVLogger writes the whole file again for each row and deletes what an earlier part of the run has
    written.
    """

    def __init__(self, save_dir: str | Path) -> None:
        super().__init__()
        self._path = Path(save_dir) / "metrics.csv"
        self._opened: EpochTable | None = None

    @property
    def name(self) -> str:
        return "csv"

    @property
    def _table(self) -> EpochTable:
        """Opened at its first use: the folder is the run's by then."""
        self._opened = self._opened or EpochTable(self._path)
        return self._opened

    def add(self, row: Row) -> None:
        self._table.add(row)

    def amend(self, numbers: Row) -> None:
        self._table.amend(numbers)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"table": self._table.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self._opened = None
