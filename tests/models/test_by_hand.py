"""A run whose gradients are computed by hand is the run that autograd makes, to rounding, in all that is seen of it."""

from pathlib import Path

import pandas as pd
import pytest
import torch

from initlab.composition import compose
from initlab.config import check_config
from initlab.errors import UserError
from initlab.run import train

pytestmark = pytest.mark.slow

MODELS = {
    "linear": ("model=linear", "data=synthetic_regression", "init=normal", "lr=0.03", "data.num_train=400"),
    "mlp_regression": (
        "model=mlp_regression",
        "data=synthetic_regression",
        "model.num_hiddens=[6]",
        "model.activation=tanh",
        "model.output_activation=sigmoid",
        "model.loss=squared_error",
        "data.num_train=200",
    ),
    "mlp": ("model=mlp", "model.num_hiddens=[9,8]", "model.activation=gelu", "trainer.max_epochs=1", "lr=0.05"),
}
COMMON = ("trainer=cpu", "trainer.max_epochs=2", "callbacks.monitor.max_overhead=null", "optimizer.weight_decay=0.01")


@pytest.fixture(autouse=True)
def _few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    from initlab.data.fashion_mnist import module as fashion_mnist
    from initlab.data.fashion_mnist.files import Arrays

    rng = np.random.default_rng(0)
    images = lambda n: rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)  # noqa: E731
    labels = lambda n: rng.integers(0, 10, n, dtype=np.uint8)  # noqa: E731
    few = Arrays(images(6000), labels(6000), images(1000), labels(1000))
    monkeypatch.setattr(fashion_mnist, "load_fashion_mnist", lambda root: few)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("more", [(), ("trainer.accumulate_grad_batches=2", "trainer.gradient_clip_val=0.5")])
def test_everything_seen_is_as_with_autograd(model: str, more: tuple[str, ...], tmp_path: Path) -> None:
    runs = {}
    for backward in ("autograd", "manual"):
        words = (*COMMON, *MODELS[model], *more, f"model.backward={backward}")
        runs[backward] = train(compose(*words, run_dir=tmp_path / backward)).model.state_dict()
    for name, weight in runs["autograd"].items():
        # float32: some hundred roundings of 6e-8, in products of up to 784 terms
        torch.testing.assert_close(runs["manual"][name], weight, rtol=1e-4, atol=1e-5)
    ours, its = (pd.read_csv(tmp_path / run / "signal.csv") for run in ("manual", "autograd"))
    key = ["step", "layer", "quantity"]
    assert "grad_std" in set(its["quantity"])
    pd.testing.assert_frame_equal(ours[key], its[key])
    smooth = ~its["quantity"].isin(["active", "saturated", "min", "max"])  # one entry can tip these over
    torch.testing.assert_close(
        torch.tensor(ours["value"][smooth].to_numpy()),
        torch.tensor(its["value"][smooth].to_numpy()),
        rtol=2e-3,
        atol=1e-5,
    )


def test_bits_do_not_depend_on_who_watches_or_on_how_many_updates_a_call_makes(tmp_path: Path) -> None:
    words = (*COMMON[:2], *MODELS["mlp"], "model.backward=manual")
    alone = train(compose(*words, "callbacks=none", "logger=none", run_dir=tmp_path / "alone")).model.state_dict()
    watched = train(compose(*words, "steps_per_execution=1", run_dir=tmp_path / "watched")).model.state_dict()
    assert all(torch.equal(alone[name], watched[name]) for name in alone)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("model.layers=torch", "model.layers=torch: model.backward=manual needs scratch"),
        ("trainer.precision=bf16-mixed", "trainer.precision=bf16-mixed: model.backward=manual needs 32-true"),
        ("+trainer.devices=2", "trainer.devices=2: model.backward=manual needs 1"),
        ("model.backward=hand", "model.backward=hand: must be one of autograd, manual"),
    ],
)
def test_where_it_cannot_be_right_it_is_refused(word: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=says):
        check_config(compose("model.backward=manual", word.lstrip("+"), run_dir=tmp_path))
