import re
from typing import Any

import numpy as np
import pytest
import torch

from initlab.checks.rules import check
from initlab.errors import UserError
from initlab.init import Given, initialize
from initlab.models import MLP

W = [[[0.15, 0.2], [0.25, 0.3], [0.35, 0.4]], [[0.4, 0.45, 0.5], [0.5, 0.55, 0.6]]]  # 2-3-2
B = [[0.1, 0.2, 0.3], [0.6, 0.7]]


def test_the_network_holds_the_numbers_and_their_std_is_promised() -> None:
    model = MLP(2, 2, num_hiddens=[3])
    for biases in (None, B):
        initialize(model, Given(weights=W, biases=biases))
        for i, layer in enumerate(model.layers):
            assert layer.weight.tolist() == torch.tensor(W[i]).tolist()
            assert layer.bias.tolist() == (torch.tensor(B[i]).tolist() if biases else [0.0] * len(W[i]))
            scheme = Given(weights=W, biases=biases).at(i, 2)
            assert scheme.weight_std(0, 0, 1.0) == pytest.approx(np.std(W[i]))
            assert scheme.bias_std(0) == pytest.approx(np.std(B[i]) if biases else 0, rel=1e-6)  # float32


@pytest.mark.parametrize(
    ("numbers", "start"),
    [
        ({"weights": W[:1]}, "init.weights: there are 1, but the network has 2 dense layers"),
        ({"weights": [W[1], W[0]]}, "init.weights: these are 2 x 3 numbers, but a dense layer here has 3 x 2"),
        ({"weights": W, "biases": [B[1], B[0]]}, "init.biases: these are 2 numbers, but a dense layer here has 3"),
        ({"weights": W, "biases": B[:1]}, "init.biases: there are 1, but 2 in init.weights"),
        ({"weights": [[[1.0, 2.0], [3.0]]]}, "init.weights: the rows of dense layer 0 are not equally long"),
    ],
)
def test_numbers_that_fit_nothing_are_refused(numbers: dict[str, Any], start: str) -> None:
    with pytest.raises(UserError, match="^" + re.escape(start)):
        initialize(MLP(2, 2, num_hiddens=[3]), Given(**numbers))


@pytest.mark.parametrize(
    ("key", "value"),
    [("weights", None), ("weights", [[1, 2]]), ("weights", [[[]]]), ("weights", [[["a"]]]), ("biases", [1])],
)
def test_what_is_no_list_of_them_is_refused(key: str, value: Any) -> None:
    with pytest.raises(UserError, match=rf"^init\.{key}=.*: must be a list with the"):
        check(f"init.{key}", value)
