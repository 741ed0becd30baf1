"""Watching: right numbers, no trace left."""

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from initlab.callbacks import ActivationStats
from initlab.data import SyntheticRegression
from initlab.data.batches import Batches
from initlab.init import Kaiming, Normal, initialize
from initlab.models import MLP, LinearRegression
from initlab.seeds import generator


class Noise(L.LightningDataModule):
    """320 rows in five batches."""

    def train_dataloader(self) -> Batches:
        g = torch.Generator().manual_seed(3)
        return Batches(torch.randn(320, 12, generator=g), torch.randint(4, (320,), generator=g), 64, seed=1)


def mlp(sigma: float | None = None) -> MLP:
    model = MLP(12, 4, num_hiddens=[32, 16])
    initialize(model, Normal(sigma=sigma) if sigma else Kaiming(), generator=generator("init", 0))
    return model


def rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "activations.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_rows_equal_a_direct_computation(fit: Callable[..., Any], tmp_path: Path) -> None:
    fit(mlp(), Noise(), callbacks=[ActivationStats(every_n_steps=3)], max_epochs=2)
    written = {(int(r["step"]), r["layer"], r["quantity"]): float(r["value"]) for r in rows(tmp_path)}
    assert {step for step, _, _ in written} == {0, 3, 6, 9}

    model, batches = mlp(), Noise().train_dataloader()
    optimizer = model.make_optimizer(model.parameters())
    step = 0
    for _ in range(2):
        for X, y in batches:
            H = X.flatten(1)
            for i, layer in enumerate(model.layers):
                H = layer(H)
                seen = {f"layers.{i}": H}
                if i < 2:
                    H = model.phi[i](H)
                    seen[f"phi.{i}"] = H
                for name, value in seen.items() if step % 3 == 0 else ():
                    exact = value.detach().double()
                    # float32 means of up to 2048 numbers of size 1, rounded at 2^-24
                    assert written[step, name, "mean"] == pytest.approx(exact.mean().item(), abs=1e-6)
                    assert written[step, name, "std"] == pytest.approx(exact.std().item(), rel=1e-5)
            optimizer.zero_grad()
            model.loss(H, y).backward()
            optimizer.step()
            step += 1


def test_weights_are_bit_identical_with_and_without(fit: Callable[..., Any]) -> None:
    watched, alone = mlp(), mlp()
    fit(watched, Noise(), callbacks=[ActivationStats(every_n_steps=1)], max_epochs=4)
    fit(alone, Noise(), max_epochs=4)
    assert all(torch.equal(p, q) for p, q in zip(watched.parameters(), alone.parameters(), strict=True))


@pytest.mark.parametrize("sigma", [1e-30, 1e-12, 1e12, 1e30])
def test_std_is_right_where_float32_sums_of_squares_are_not(
    fit: Callable[..., Any], tmp_path: Path, sigma: float
) -> None:
    model = LinearRegression(2)
    initialize(model, Normal(sigma=sigma), generator=generator("init", 0))
    with torch.no_grad():
        model.net.bias.zero_()
    data = SyntheticRegression(num_train=32)
    with torch.no_grad():
        expected = model(data.splits.train[0]).double().std().item()
    fit(model, data, callbacks=[ActivationStats()], limit_val_batches=0)
    std = next(float(r["value"]) for r in rows(tmp_path) if r["quantity"] == "std")
    assert std == pytest.approx(expected, rel=1e-5)


def test_tensorboard_says_what_the_csv_says(fit: Callable[..., Any], tmp_path: Path) -> None:
    logger = TensorBoardLogger(tmp_path, name="tb", version="")
    fit(mlp(), Noise(), callbacks=[ActivationStats(every_n_steps=2)], logger=logger)
    events = EventAccumulator(str(tmp_path / "tb"))
    events.Reload()
    for row in rows(tmp_path / "tb"):
        log = row["quantity"] == "std"
        tag = f"watched/activations/{row['layer']}/{'log10 ' * log}{row['quantity']}"
        values = {event.step: event.value for event in events.Scalars(tag)}
        assert values[int(row["step"])] == pytest.approx(
            math.log10(float(row["value"])) if log else float(row["value"]), rel=1e-5, abs=1e-6
        )
