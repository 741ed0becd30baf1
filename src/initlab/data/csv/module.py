"""The data module of a CSV file: missing cells filled, text turned into indicator columns (d2l 2.2)."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from initlab.checks.rule import check_value, choice
from initlab.checks.rules import check
from initlab.data.csv.classes import Classes
from initlab.data.csv.columns import NumberColumn, TextColumn
from initlab.data.csv.file import check_columns
from initlab.data.csv.table import ColumnError, Numbers, Table, Words
from initlab.data.module import Splits, TensorDataModule
from initlab.data.split import stratified_split
from initlab.errors import UserError
from initlab.override import override

log = logging.getLogger(__name__)
SHOWN = 8  # columns in the summary
FAR = 1000  # standard deviations; a row held out that lies so far from the training rows decides the loss
LEARNS_NUMBERS = "this model learns numbers, words are for model=softmax and model=mlp"


class CSVTable(TensorDataModule):
    """Batches of X float32 [batch, num_inputs] and y float32 [batch, 1] or, of classes, int64 [batch].

    Inputs are the columns of numbers in the file's order, then for each column of text, in the file's order, an
    indicator for every word, sorted, and one for missing: as `pandas.get_dummies(inputs, dummy_na=True)` has them, then
    `fillna` with the means. All that is taken from the data, means, standard deviations and words, is taken from the
    training rows.

    The classes are the target's different cells in the whole file, as they stand, sorted: whole numbers by size.
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
        decimal: Literal[".", ","] | None = None,
        thousands: Literal[",", ".", " ", "'"] | None = None,
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
        decimal: the mark before the fraction of a number. None: found from the cells, if nearly all agree.
        thousands: the mark between groups of three digits. None: the one of comma and point that is left, a space or an
            apostrophe.
        val_size, test_size: a share of the rows, or a number of them, drawn at random; of classes, the same share of
            each. 0: none; the rows of the other are taken instead, where both are 0 those of the training.
        normalize: shift and scale columns of numbers, the target too if it is one, to mean 0 and standard deviation 1
            over the training rows; half the squared error of a model that learned nothing is then near 0.5.
        split_seed, seed: which rows are held out; the order of the training rows.

        Raises:
            UserError: with one sentence, for a file or a cell that cannot be used.
        """
        super().__init__(batch_size=batch_size, seed=seed)
        for key in (
            "target", "na_values", "drop", "text", "decimal", "thousands", "val_size", "test_size", "split_seed",
            "normalize",
        ):  # fmt: skip
            check(f"data.{key}", locals()[key])
        check_value("data.task", task, choice("regression", "classification"))
        if decimal is not None and decimal == thousands:
            raise UserError(f"data.decimal={decimal} data.thousands={thousands}: they must differ")
        names = check_columns(path, target, drop, text)
        self.path, self.target = str(path), str(target)
        self.task = task
        words = {str(name) for name in text} - {self.target} | ({self.target} if task == "classification" else set())
        self._table = Table(path, [*names, self.target], words, na_values, decimal, thousands)
        labels = self._labels()
        rows = self._split(labels, val_size, test_size, split_seed)

        self._far: list[str] = []  # columns with rows far from the training rows
        self._same: list[str] = []  # columns whose different values are one in float32
        columns = [self._fitted(name, rows[0], normalize) for name in names]
        columns.sort(key=lambda pair: isinstance(pair[0], TextColumn))  # numbers first, else in the file's order
        self.columns = tuple(column for column, _ in columns)
        self.input_names = tuple(name for column in self.columns for name in column.names)
        self._check_names()
        self.num_inputs = len(self.input_names)
        X, y = torch.cat([inputs for _, inputs in columns], dim=1), labels
        if task == "regression":
            aim, y = self._fitted(self.target, rows[0], normalize)
            assert isinstance(aim, NumberColumn)  # as its labels were found
            self.aim = aim
        self._parts = Splits(*((X[part], y[part]) for part in rows))

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
        inputs = "one input" if self.num_inputs == 1 else f"{self.num_inputs} inputs"
        return f"{Path(self.path).name}: rows {sizes}; target {aim}; {inputs} from {shown}{more}"

    def setup(self, stage: str | None = None) -> None:
        super().setup(stage)
        if stage == "fit" and self.trainer is not None and self.trainer.is_global_zero:
            if self._table.guessed:
                log.info(f"{Path(self.path).name}: {self._table.guessed}")
            log.info(self.summary)
            if self._same:
                same = ", ".join(self._same[:SHOWN])
                log.warning(
                    f"{Path(self.path).name}: the values of {same} differ, but not in float32; "
                    "data.normalize=true tells them apart"
                )
            if self._far:
                log.warning(
                    f"{Path(self.path).name}: rows held out lie over {FAR:,} standard deviations of the training rows "
                    f"from these: {', '.join(self._far[:SHOWN])}; data.drop leaves a column out"
                )

    def state_dict(self) -> dict[str, str]:
        """Which file a run was trained on."""
        return {"sha256": self._table.sha256}

    def load_state_dict(self, state: dict[str, str]) -> None:
        if state["sha256"] != self._table.sha256:
            raise UserError(f"data.path={self.path}: this file is not the one that the run began with; put that back")

    def _labels(self) -> Tensor:
        """int64 [rows]: of classes their numbers, else zeros; sets `num_outputs`, of classes `class_names` too."""
        column = self._column(self.target)
        missing = np.flatnonzero(column.codes < 0 if isinstance(column, Words) else np.isnan(column))
        if len(missing):
            raise UserError(
                f"data.target={self.target}: {len(missing)} of {len(self._table.lines)} rows have none, first line "
                f"{self._table.lines[missing[0]]}; fill them, or take these rows out of the file; where a cell of "
                "data.na_values, such as NA, is a value, set that key to others"
            )
        if self.task == "classification":
            assert isinstance(column, Words)
            try:
                classes = Classes.of(column)
            except ColumnError as error:
                raise self._at(self.target, error) from None
            self.class_names, self.num_outputs = classes.names, len(classes.names)
            return torch.from_numpy(classes.labels)
        if isinstance(column, Words):
            word = column.words[column.codes[0]]
            raise self._at(self.target, ColumnError(f"{word!r} is not a number; {LEARNS_NUMBERS}", 0))
        self.num_outputs = 1
        return torch.zeros(len(column), dtype=torch.int64)

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

    def _fitted(self, name: str, train: Tensor, normalize: bool) -> tuple[NumberColumn | TextColumn, Tensor]:
        """A column, fitted to the training rows, and what it makes of all rows: float32 [rows, columns]."""
        column, rows = self._column(name), train.numpy()
        try:
            if isinstance(column, Words):
                text = TextColumn.fit(name, Words(column.codes[rows], column.words))
                return text, text.inputs(column)
            numbers = NumberColumn.fit(name, column[rows], normalize)
            inputs = numbers.inputs(column)
            if inputs.min() == inputs.max() and np.nanmin(column) != np.nanmax(column) and not normalize:
                self._same.append(name)
            if normalize and (farthest := float(inputs.abs().max())) > FAR:
                self._far.append(f"{name} (by {farthest:,.0f})")
            return numbers, inputs
        except ColumnError as error:
            raise self._at(name, error) from None

    def _column(self, name: str) -> Numbers | Words:
        advice = (
            LEARNS_NUMBERS
            if name == self.target
            else "write it as one, add it to data.na_values if it means missing, or say "
            f"{override('data.text', [name])} if all of them are names"
        )
        try:
            return self._table.column(name, advice)
        except ColumnError as error:
            raise self._at(name, error) from None

    def _check_names(self) -> None:
        """UserError for two inputs of one name, such as a column a_nan and the missing cells of a."""
        twice = next((name for name, count in Counter(self.input_names).items() if count > 1), None)
        if twice is not None:
            of = [column.name for column in self.columns if twice in column.names]
            ways = f"of {' and '.join(of)}; give these columns names that tell them apart"
            if len(of) == 1:
                ways = f"the word and missing; add it: {override('data.na_values', ['nan'])}"
            raise UserError(f"data.path={self.path}: two inputs would be called {twice}, {ways}")

    def _at(self, name: str, error: ColumnError) -> UserError:
        line = "" if error.row is None else f"line {self._table.lines[error.row]}"
        if name == self.target:
            return UserError(f"data.target={name}: {line and f'{line}: '}{error}")
        return UserError(f"data.path={self.path}: {line and f'{line}, '}column {name}: {error}")


def _rows_of(size: float, num_rows: int) -> int:
    """A number of rows, from a number or a share; of a share above 0 at least one."""
    if isinstance(size, int):
        return size
    return max(1, round(size * num_rows)) if size else 0
