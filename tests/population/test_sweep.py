"""Whole sweeps by the launcher: what a kill leaves, one that diverges, one that cannot be stacked."""

import os
import signal
from pathlib import Path

import pandas as pd
import pytest
import torch
from children import TRAIN, answered, ended, start, wait_for

pytestmark = pytest.mark.slow
LINEAR = (
    "-m", "model=linear", "data=synthetic_regression", "data.num_train=320", "trainer=cpu", "trainer.max_epochs=4",
    "trainer.precision=64-true", "threads=1", "hydra/launcher=population", "callbacks.last.every_n_steps=7",
    "callbacks.last.min_seconds=0",
    "optimizer.momentum=0.9", "lr=0.01,0.02", "seed=0,1",
)  # fmt: skip


def weights(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    """Of each job's last checkpoint, by the name of its folder."""
    paths = sorted(folder.glob("*/checkpoints/last.ckpt"))
    return {p.parts[-3]: torch.load(p, weights_only=True)["state_dict"] for p in paths}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep that nothing stopped."""
    folder = tmp_path_factory.mktemp("whole")
    said = answered(TRAIN, *LINEAR, "hydra.sweep.dir=sweep", cwd=folder)
    assert said.returncode == 0, said.stderr
    return folder / "sweep"


@pytest.mark.parametrize(
    ("number", "status", "launcher"), [(signal.SIGKILL, -9, "population"), (signal.SIGTERM, 143, "basic")]
)
def test_stopped_and_resumed_it_ends_as_one_that_was_not(
    tmp_path: Path, whole: Path, number: int, status: int, launcher: str
) -> None:
    """Whatever job has come how far; by the population, or each alone."""
    process = start([*LINEAR, "hydra.sweep.dir=sweep"], tmp_path, "@LastCheckpoint.save 15")
    wait_for((tmp_path / "held").exists, process.is_alive)
    os.kill(process.pid or 0, number)
    (tmp_path / "go").touch()
    assert ended(process) == status
    said = (tmp_path / "said").read_text()
    assert ("0 of 4 jobs done" in said) == (status == 143)
    steps = {
        torch.load(path, weights_only=True)["global_step"] for path in tmp_path.glob("sweep/*/checkpoints/last.ckpt")
    }
    assert 0 < max(steps) < 40
    again = answered(TRAIN, "-m", "sweep.resume=sweep", f"hydra/launcher={launcher}", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    found, expected = weights(tmp_path / "sweep"), weights(whole)
    assert len(expected) == 4
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    for folder in expected:
        epochs, its = (pd.read_csv(at / folder / "metrics.csv") for at in (tmp_path / "sweep", whole))
        pd.testing.assert_frame_equal(epochs, its, rtol=1e-9)


def test_one_that_diverges_or_cannot_be_stacked_leaves_the_others_as_they_are(tmp_path: Path, whole: Path) -> None:
    all_but_lr = [word for word in LINEAR if not word.startswith("lr=")]
    said = answered(
        TRAIN, *all_but_lr, "lr=0.01,1e9", "model.layers=scratch,torch",
        "hydra.sweep.dir=sweep", cwd=tmp_path,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    words = " ".join(said.stdout.split())
    assert words.count("DIVERGED") == 4
    assert "4 of 4 jobs trained alone: model.layers=torch" in words
    found, expected = weights(tmp_path / "sweep"), weights(whole)
    assert len(found) == 8
    for seed in (0, 1):
        ours = next(
            v for name, v in found.items() if "lr-0.01" in name and "scratch" in name and f"seed-{seed}" in name
        )
        torch.testing.assert_close(
            ours, expected[next(n for n in expected if f"0.01_seed-{seed}" in n)], rtol=0, atol=1e-9
        )
