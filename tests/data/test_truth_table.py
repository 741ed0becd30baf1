import re
from typing import Any

import pytest
import torch

from initlab.data import TruthTable
from initlab.errors import UserError

XOR: dict[str, Any] = {"inputs": [[0, 0], [0, 1], [1, 0], [1, 1]], "outputs": [0, 1, 1, 0]}


def test_every_batch_is_the_table_and_an_epoch_has_many() -> None:
    data = TruthTable(**XOR, steps_per_epoch=3, ask=[1, 2])
    batches = list(data.train_dataloader())
    assert len(batches) == len(data.train_dataloader()) == 3
    for X, y in [*batches, *data.val_dataloader(), *data.test_dataloader()]:
        assert X.tolist() == XOR["inputs"]
        assert y.tolist() == [[0], [1], [1], [0]]
        assert X.dtype == y.dtype == torch.float32
    assert (data.num_inputs, data.num_outputs, data.task, data.batch_size) == (2, 1, "regression", 4)
    assert data.ask is not None
    assert data.ask.tolist() == [[1, 2]]


def test_several_outputs() -> None:
    data = TruthTable(inputs=[[0, 1], [1, 0]], outputs=[[0, 1, 2], [3, 4, 5]])
    assert data.splits.val[1].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert data.num_outputs == 3


@pytest.mark.parametrize(
    ("more", "start"),
    [
        ({"inputs": [[0, 0], [0]]}, "data.inputs: row 2 has 1 numbers, row 1 has 2"),
        ({"inputs": []}, "data.inputs=[]: must be a list of rows of numbers"),
        ({"inputs": [[0, "a"]]}, "data.inputs=[[0, 'a']]: must be"),
        ({"outputs": [0, 1]}, "data.outputs: 2 of them, but 4 rows in data.inputs"),
        ({"outputs": [[0], [1, 2], [3], [4]]}, "data.outputs: row 2 has 2 numbers"),
        ({"outputs": [0, float("inf"), 0, 0]}, "data.outputs=[0, inf, 0, 0]: must be"),
        ({"ask": [1]}, "data.ask=[1]: 1 numbers, but a row of data.inputs has 2"),
        ({"steps_per_epoch": 0}, "data.steps_per_epoch=0: must be"),
    ],
)
def test_nonsense_is_refused_by_name(more: dict[str, Any], start: str) -> None:
    with pytest.raises(UserError, match="^" + re.escape(start)):
        TruthTable(**(XOR | more))
