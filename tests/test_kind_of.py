"""Which of two kinds an optimiser is, whatever its name."""

import pytest
import torch
from torch import optim

from initlab.checks.shipped_class import optimizer_kind
from initlab.limits import kind_of
from initlab.nn import SGD


class Mine(optim.AdamW):
    pass


class Adaptive(torch.optim.SGD):
    pass


@pytest.mark.parametrize(
    "one", [optim.Adam, optim.AdamW, optim.NAdam, optim.RAdam, optim.RMSprop, optim.Adafactor, Mine]
)
def test_a_step_that_keeps_its_length(one: type) -> None:
    assert kind_of(one) == kind_of(SGD, one) == optimizer_kind(f"{one.__module__}.{one.__name__}") == "adam"


@pytest.mark.parametrize("one", [SGD, optim.SGD, Adaptive, optim.LBFGS])
def test_a_step_that_shrinks_with_the_gradient(one: type) -> None:
    assert kind_of(one) == kind_of() == optimizer_kind(f"{one.__module__}.{one.__name__}") == "sgd"
    assert optimizer_kind("no.such.Adam") == "sgd"
