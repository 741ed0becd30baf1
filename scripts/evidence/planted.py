"""Runs that were broken on purpose, each in one way, and runs that are well, by what is overridden.

planted: the groups that count as the right cause; two stand where either is what was planted, as depth 40 with sigmoid.
{blobs}, {raw}, {constant}, {shuffled}, {numbers}, {noise}: tables that `evidence/tables.py` makes.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

WIDTH = 16  # of the networks whose weights are written down
CSV = "data=csv data.target=y"


@dataclass(frozen=True)
class Planted:
    way: str
    planted: tuple[str, ...]
    words: str


def _given(inputs: int, depth: int, outputs: int, bias: float, seed: int) -> str:
    """He's weights, written down, and a bias of the hidden layers with which no unit is ever on."""
    rng = random.Random(seed)
    widths = [inputs, *[WIDTH] * depth, outputs]
    weights = [
        [[round(rng.gauss(0, (2 / a) ** 0.5), 3) for _ in range(a)] for _ in range(b)]
        for a, b in itertools.pairwise(widths)
    ]
    biases = [*[[bias] * WIDTH] * depth, [0.0] * outputs]
    numbers = f"init=given init.weights={weights} init.biases={biases}".replace(", ", ",")
    return f"{numbers} model.width={WIDTH} model.depth={depth}"


MLP = "model=mlp"
RAW = f"{MLP} {CSV} data.path={{raw}} data.normalize=false"
CONSTANT = f"{MLP} {CSV} data.path={{constant}} data.normalize=false"
SORTED = f"{MLP} data._target_=evidence.users_data.Sorted data.batch_size=64"
DEEP = f"{MLP} model.activation=sigmoid model.depth=40"
USERS = "model._target_=evidence.users_module.SoftmaxFirst"
BROKEN = (
    Planted("std 1e-3", ("init",), f"{MLP} init=normal init.sigma=0.001 model.depth=5"),
    Planted("std 1e-3", ("init",), f"{MLP} init=normal init.sigma=0.001 model.depth=3 model.activation=tanh lr=0.05"),
    Planted("std 1e-3", ("init",), f"{MLP} init=truncated_normal init.sigma=0.001 model.depth=6 model.width=128"),
    Planted("zeros", ("init",), f"{MLP} init=zeros"),
    Planted("zeros", ("init",), f"{MLP} init=zeros model.depth=3 model.activation=tanh"),
    Planted("zeros", ("init",), f"{MLP} init=zeros model.depth=2 optimizer=adam"),
    Planted("wrong gain", ("init",), f"{MLP} init=kaiming init.gain=5 model.activation=tanh model.depth=5"),
    Planted("wrong gain", ("init",), f"{MLP} init=kaiming init.gain=0.3 model.depth=10"),
    Planted("wrong gain", ("init",), f"{MLP} init=orthogonal init.gain=4 model.depth=8"),
    Planted("lr x 100", ("lr",), f"{MLP} init=kaiming lr=10"),
    Planted("lr x 100", ("lr",), f"{MLP} init=xavier model.activation=tanh model.depth=3 lr=10"),
    Planted("lr x 100", ("lr",), f"{MLP} init=kaiming model.depth=3 optimizer=adam lr=0.1"),
    Planted("lr / 1000", ("lr",), f"{MLP} init=kaiming lr=0.0001"),
    Planted("lr / 1000", ("lr",), f"{MLP} init=xavier model.activation=tanh model.depth=3 lr=0.0001"),
    Planted("lr / 1000", ("lr",), f"{MLP} init=kaiming optimizer=adam lr=0.000001"),
    Planted("bias -10", ("init",), f"{MLP} {CSV} data.path={{blobs}} {_given(8, 1, 4, -10.0, 0)}"),
    Planted("bias -10", ("init",), f"{MLP} {CSV} data.path={{blobs}} {_given(8, 3, 4, -10.0, 1)}"),
    Planted("bias -10", ("init",), f"model=mlp_regression {CSV} data.path={{numbers}} {_given(8, 2, 1, -10.0, 2)}"),
    Planted("saturated", ("init",), f"{MLP} init=normal init.sigma=1 model.activation=tanh model.depth=3"),
    Planted("saturated", ("init",), f"{MLP} init=normal init.sigma=1 model.activation=tanh model.depth=5 lr=0.05"),
    Planted("saturated", ("init",), f"{MLP} init=uniform init.bound=2 model.activation=tanh model.depth=4"),
    Planted("raw inputs", ("data",), RAW),
    Planted("raw inputs", ("data",), f"{RAW} model.activation=tanh model.depth=2"),
    Planted("raw inputs", ("data",), f"{RAW} model.depth=3 optimizer=adam"),
    Planted("constant column", ("column",), CONSTANT),
    Planted("constant column", ("column",), f"{CONSTANT} model.activation=tanh model.depth=2"),
    Planted("constant column", ("column",), f"{CONSTANT} init=kaiming model.depth=3 lr=0.03"),
    Planted("sorted rows", ("order",), SORTED),
    Planted("sorted rows", ("order",), f"{SORTED} init=xavier model.activation=tanh model.depth=2"),
    Planted("sorted rows", ("order",), f"{SORTED} init=kaiming model.depth=3 optimizer=adam"),
    Planted("shuffled labels", ("labels",), f"{MLP} {CSV} data.path={{shuffled}}"),
    Planted("shuffled labels", ("labels",), f"{MLP} {CSV} data.path={{shuffled}} model.depth=3 optimizer=adam"),
    Planted("shuffled labels", ("labels",), f"model=mlp_regression {CSV} data.path={{noise}} lr=0.01"),
    Planted("depth 40 sigmoid", ("depth", "activation"), f"{DEEP} init=xavier model.width=64"),
    Planted("depth 40 sigmoid", ("depth", "activation"), f"{DEEP} init=kaiming model.width=128"),
    Planted("depth 40 sigmoid", ("depth", "activation"), f"{DEEP} init=orthogonal model.width=64 optimizer=adam"),
    Planted("softmax before the loss", ("bug",), f"{USERS}"),
    Planted("softmax before the loss", ("bug",), f"{USERS} model.depth=3 optimizer=adam"),
    Planted("softmax before the loss", ("bug",), f"{USERS} {CSV} data.path={{blobs}} model.depth=2"),
)  # fmt: skip
HEALTHY = (
    "model=softmax init=normal",
    "model=mlp init=kaiming",
    "model=mlp init=xavier model.activation=tanh model.depth=3",
    "model=mlp init=kaiming optimizer=adam lr=0.001",
    "model=mlp init=kaiming model.depth=10 lr=0.03",
    "model=mlp init=orthogonal model.activation=gelu model.depth=5",
    "model=mlp init=lsuv model.depth=5",
    "model=mlp data.normalize=false",
    f"model=mlp {CSV} data.path={{blobs}}",
    f"model=mlp_regression {CSV} data.path={{numbers}} lr=0.01",
)
