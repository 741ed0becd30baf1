"""Every file of configs/init builds a scheme, says what its keys are, and fills a layer."""

import math
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from initlab import init

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted((CONFIGS / "init").glob("*.yaml"))
EXPECTED = {
    "zeros": init.Zeros(),
    "constant": init.Constant(value=0.01),
    "normal": init.Normal(),
    "uniform": init.Uniform(bound=0.0173),
    "truncated_normal": init.TruncatedNormal(sigma=0.01),
    "lecun": init.LeCun(),
    "lecun_normal": init.LeCun(),
    "lecun_uniform": init.LeCun(distribution="uniform"),
    "xavier": init.Xavier(),
    "xavier_normal": init.Xavier(),
    "xavier_uniform": init.Xavier(distribution="uniform"),
    "kaiming": init.Kaiming(),
    "kaiming_normal": init.Kaiming(),
    "kaiming_uniform": init.Kaiming(distribution="uniform"),
    "orthogonal": init.Orthogonal(),
    "sparse": init.Sparse(sparsity=0.9),
    "identity": init.Identity(),
    "torch_default": init.TorchDefault(),
    "mean_field": init.MeanField(),
    "critical": init.Critical(activation="identity"),
    "given": init.Given(weights=[[[0.5] * 6] * 4]),
    "lsuv": init.LSUV(),
    "mup": init.MuP(),
}


NEEDS = {
    "given": [
        "init.weights=[[[0.5,0.5,0.5,0.5,0.5,0.5],[0.5,0.5,0.5,0.5,0.5,0.5],[0.5,0.5,0.5,0.5,0.5,0.5],[0.5,0.5,0.5,0.5,0.5,0.5]]]"
    ]
}


def scheme_of(*overrides: str) -> init.Scheme:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return instantiate(compose(overrides=list(overrides)).init)


def test_these_are_the_schemes() -> None:
    assert {path.stem for path in FILES} == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_builds_the_scheme_with_the_defaults_of_its_class_and_fills_a_layer(name: str) -> None:
    scheme = scheme_of(f"+init={name}", *NEEDS.get(name, []))
    assert scheme == EXPECTED[name]
    weight = torch.full((4, 6), math.nan)
    scheme.weight_(weight, 1.0, torch.Generator().manual_seed(0))
    assert weight.isfinite().all()


def test_a_value_is_overridden_on_the_command_line() -> None:
    assert scheme_of("+init=kaiming_uniform", "init.gain=2.0") == init.Kaiming(distribution="uniform", gain=2.0)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_formula_comes_first_and_every_value_is_explained(path: Path) -> None:
    first, *lines = path.read_text().splitlines()
    assert first.startswith("# ")
    for line in lines:
        assert line.startswith(("_target_:", "defaults:")) or " # " in line, line
