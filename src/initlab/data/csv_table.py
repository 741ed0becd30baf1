"""A CSV file as a data set: missing cells filled, text turned into indicator columns (d2l 2.2)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from initlab.data.classes import Classes
from initlab.data.columns import (
    FLOAT32,
    Cells,
    ColumnError,
    NumberColumn,
    TextColumn,
    fit_column,
    number,
    numbers,
)  # fmt: skip
from initlab.data.csv_file import check_columns, read_csv
from initlab.data.module import Splits, TensorDataModule
from initlab.data.split import stratified_split
from initlab.errors import UserError
from initlab.rules import check

log = logging.getLogger(__name__)
SHOWN = 8  # columns in the summary


class CSVTable(TensorDataModule):
    """Batches of X float32 [batch, num_inputs] and y float32 [batch, 1] or, of classes, int64 [batch].

    Inputs are the columns of numbers in the file's order, then for each column of text, in the file's order, an
    indicator for every word, sorted, and one for missing: as `pandas.get_dummies(inputs, dummy_na=True)` has them, then
    `fillna` with the means. All that is taken from the data, means, standard deviations and words, is taken from the
    training rows.

    The classes are the target's different values in the whole file, sorted: numbers by size.
    """

    def __init__(
        self,
        *,
        path: str | Path,
        target: str | int,
        task: Literal["regression", "classification"],
        na_values: Sequence[Any] = ("NA", "N/A", "NaN", "nan", "NULL", "null"),
        drop: Sequence[str | int] = (),
        text: Sequence[str | int] = (),
        val_size: float = 0.2,
        test_size: float = 0.2,
        split_seed: int = 0,
        normalize: bool = True,
        batch_size: int = 32,
        seed: int = 0,
    ) -> None:
        """
        na_values: cells that count as missing, as empty ones always do.
        drop: columns to leave out; text: columns whose numbers are names, such as a postcode.
        val_size, test_size: a share of the rows, or a number of them, drawn at random; of classes, the same share of
            each. 0: none; the rows of the other are taken instead, where both are 0 those of the training.
        normalize: shift and scale columns of numbers, the target too if it is one, to mean 0 and standard deviation 1
            over the training rows; half the squared error of a model that learned nothing is then near 0.5.
        split_seed, seed: which rows are held out; the order of the training rows.

        Raises:
            UserError: with one sentence, for a file or a cell that cannot be used.
        """
        super().__init__(batch_size=batch_size, seed=seed)
        for key in ("target", "na_values", "drop", "text", "val_size", "test_size", "split_seed", "normalize"):
            check(f"data.{key}", locals()[key])
        names = check_columns(path, target, drop, text)
        words = {str(name) for name in text}
        self.path, self.target = str(path), str(target)
        self.task = task
        file = read_csv(path)
        self._lines, self._sha256 = file.lines, file.sha256
        absent = {"", *map(str, na_values)}
        cells: dict[str, Cells] = {
            name: [None if cell in absent else cell for cell in file.columns[name]] for name in (*names, self.target)
        }
        labels = self._labels(cells[self.target])
        rows = self._split(labels, val_size, test_size, split_seed)

        columns = [self._fitted(name, cells[name], rows[0], normalize, name in words) for name in names]
        columns.sort(key=lambda column: isinstance(column, TextColumn))  # numbers first, else in the file's order
        self.columns = tuple(columns)
        self.input_names = tuple(name for column in columns for name in column.names)
        self.num_inputs = len(self.input_names)
        inputs = [torch.cat([self._numbers(column, cells, part) for column in columns], dim=1) for part in rows]
        if task == "classification":
            targets = [labels[part] for part in rows]
        else:
            train = [cells[self.target][row] for row in rows[0].tolist()]
            self.aim = NumberColumn.of(self.target, numbers(train), normalize)
            targets = [self._numbers(self.aim, cells, part) for part in rows]
        self._parts = Splits(*zip(inputs, targets, strict=True))

    def make_splits(self) -> Splits:
        return self._parts

    @property
    def summary(self) -> str:
        """What became of the file, in one line."""
        shown = "; ".join(map(str, self.columns[:SHOWN]))
        more = f"; {len(self.columns) - SHOWN} more columns" if len(self.columns) > SHOWN else ""
        sizes = ", ".join(f"{len(X)} {name}" for name, (X, _) in zip(Splits._fields, self._parts, strict=True))
        aim = self.target
        if self.task == "classification":
            aim += f", {self.num_outputs} classes"
        elif self.aim.scale != 1 or self.aim.shift:
            aim += f", in units of {self.aim.scale:.6g} from {self.aim.shift:.6g}"
        return f"{Path(self.path).name}: rows {sizes}; target {aim}; {self.num_inputs} inputs from {shown}{more}"

    def setup(self, stage: str | None = None) -> None:
        super().setup(stage)
        if stage == "fit" and self.trainer is not None and self.trainer.is_global_zero:
            log.info(self.summary)

    def state_dict(self) -> dict[str, str]:
        """Which file a run was trained on."""
        return {"sha256": self._sha256}

    def load_state_dict(self, state: dict[str, str]) -> None:
        if state["sha256"] != self._sha256:
            raise UserError(f"data.path={self.path}: this file is not the one that the run began with; put that back")

    def _labels(self, cells: Cells) -> Tensor:
        """int64 [rows]: of classes their numbers, else zeros; sets `num_outputs`, of classes `class_names` too."""
        missing = [row for row, cell in enumerate(cells) if cell is None]
        if missing:
            raise UserError(
                f"data.target={self.target}: {len(missing)} of {len(cells)} rows have none, first line "
                f"{self._lines[missing[0]]}; fill them, or take these rows out of the file"
            )
        try:
            if self.task == "classification":
                classes = Classes.of([str(cell) for cell in cells])
                self.class_names, self.num_outputs = classes.names, len(classes.names)
                return torch.tensor(classes.labels, dtype=torch.int64)
            numbers(cells)
        except ColumnError as wrong:
            where = "" if wrong.row is None else f"line {self._lines[wrong.row]}: "
            words = wrong.row is not None and number(str(cells[wrong.row])) is None
            instead = "; this model learns numbers, words are for model=softmax and model=mlp" if words else ""
            raise UserError(f"data.target={self.target}: {where}{wrong}{instead}") from None
        self.num_outputs = 1
        return torch.zeros(len(cells), dtype=torch.int64)

    def _split(self, labels: Tensor, val_size: float, test_size: float, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """Row numbers of each part. Of numbers, a function of how many rows there are and the seed alone."""
        num_rows = len(labels)
        num_val, num_test = (_rows_of(size, num_rows) for size in (val_size, test_size))
        if num_val + num_test >= num_rows:
            raise UserError(
                f"data.val_size={val_size} data.test_size={test_size}: they take {num_val} and {num_test} of the "
                f"{num_rows} rows of {Path(self.path).name} and leave none to train on; take less"
            )
        train, held_out = stratified_split(labels, num_val + num_test, seed)
        val, test = (held_out[part] for part in stratified_split(labels[held_out], num_test, seed))
        return (
            train,
            (val if num_val else test if num_test else train),
            (test if num_test else val if num_val else train),
        )

    def _fitted(
        self, name: str, cells: Cells, rows: Tensor, normalize: bool, as_text: bool
    ) -> NumberColumn | TextColumn:
        try:
            return fit_column(name, [cells[row] for row in rows.tolist()], normalize=normalize, as_text=as_text)
        except ColumnError as wrong:
            raise self._at(name, rows, wrong.row, wrong) from None

    def _numbers(self, column: NumberColumn | TextColumn, cells: dict[str, Cells], rows: Tensor) -> Tensor:
        """float32 [rows, columns made of this one]."""
        chosen = [cells[column.name][row] for row in rows.tolist()]
        try:
            found = column.inputs(chosen)
        except ColumnError as wrong:
            raise self._at(column.name, rows, wrong.row, wrong) from None
        far = np.flatnonzero((np.abs(found) > FLOAT32).any(axis=1))
        if len(far):
            what = f"{chosen[far[0]]} is too far from the training rows to be normalised"
            raise self._at(column.name, rows, int(far[0]), what)
        return torch.tensor(found, dtype=torch.float32)

    def _at(self, name: str, rows: Tensor, at: int | None, what: object) -> UserError:
        line = "" if at is None else f"line {self._lines[int(rows[at])]}, "
        return UserError(f"data.path={self.path}: {line}column {name}: {what}")


def _rows_of(size: float, num_rows: int) -> int:
    """A number of rows, from a number or a share; of a share above 0 at least one."""
    if isinstance(size, int):
        return size
    return max(1, round(size * num_rows)) if size else 0
