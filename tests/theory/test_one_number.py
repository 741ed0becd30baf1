"""Data of one column, networks of one output or one unit: what is first order in 1 / width does not hold there."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from initlab.forecasting import forecast
from initlab.init import Kaiming, LeCun, Normal, Orthogonal, Scheme, Sparse, TorchDefault, Xavier, Zeros
from initlab.theory import Inputs, standard_normal
from initlab.theory.inputs import inputs_of

LINE = torch.linspace(-1.7, 1.7, 38)[:, None]
SCHEMES = [
    TorchDefault(), LeCun(distribution="uniform"), Kaiming(), Xavier(distribution="uniform"), Orthogonal(gain=1.0),
    Normal(), Sparse(sparsity=0.9), Zeros(),
]  # fmt: skip


@settings(max_examples=60)
@example(scheme=SCHEMES[6], activation="relu", widths=[1, 1, 1], bias=True, loss="cross_entropy")  # all its weights 0
@given(
    scheme=st.sampled_from(SCHEMES),
    activation=st.sampled_from(["relu", "tanh", "sigmoid", "gelu", "identity"]),
    widths=st.lists(st.sampled_from([1, 2, 3, 64]), min_size=2, max_size=9),
    bias=st.booleans(),
    loss=st.sampled_from(["cross_entropy", "half_squared_error"]),
)
def test_however_few_numbers_a_layer_has_there_is_a_forecast(
    scheme: Scheme, activation: str, widths: list[int], bias: bool, loss: str
) -> None:
    """A warning of NumPy's would fail this, as it would be printed to who asks."""
    inputs: Inputs = standard_normal(widths[0])
    found = forecast(scheme, activation, widths, inputs=inputs, bias=bias, loss=loss)
    for layer in found.layers:
        assert layer.std >= 0
        for low, high in ((layer.low, layer.high), (layer.grad_low, layer.grad_high)):
            assert (low is None) == (high is None)
            assert low is None or high is None or 0 <= low <= high < math.inf


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("depth", [1, 3, 6])
def test_the_band_of_one_output_holds_for_torchs_own_draw(activation: str, depth: int) -> None:
    """The std over the rows of the one output of 300 networks that torch draws: of a line the network makes a curve, so
    it is smaller and larger by factors of ten. Three quarters within a band that is to hold 95 % is loose enough for
    what first order in 1 / 64 leaves out, and it was 4 % where the band was wrong."""
    found = forecast(
        TorchDefault(), activation, [1, *[64] * depth, 1], inputs=inputs_of(LINE.numpy()), batch=len(LINE),
        loss="half_squared_error",
    )  # fmt: skip
    torch.manual_seed(0)
    with torch.no_grad():
        std = np.array([_network(activation, depth)(LINE).std(correction=0).item() for _ in range(300)])
    last = found.layers[-1]
    assert last.low is not None
    assert last.high is not None
    assert ((std >= last.low) & (std <= last.high)).mean() > 0.75
    assert last.high / last.low < 1000


def _network(activation: str, depth: int) -> nn.Sequential:
    phi: type[nn.Module] = {"relu": nn.ReLU, "tanh": nn.Tanh}[activation]
    sizes = [1, *[64] * depth]
    hidden = [layer for n, m in pairwise(sizes) for layer in (nn.Linear(n, m), phi())]
    return nn.Sequential(*hidden, nn.Linear(64, 1))
