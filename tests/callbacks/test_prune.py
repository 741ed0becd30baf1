"""A trial that is worse than its pruner allows ends early; outside a study nothing happens."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from initlab.callbacks.prune import PruneTrial
from initlab.data import SyntheticRegression
from initlab.models import LinearRegression
from initlab.nn import SGD
from initlab.sweeps import trial

optuna = pytest.importorskip("optuna")


@pytest.mark.parametrize(("upper", "epochs"), [(1e-12, 1), (1e9, 4)])
def test_a_hopeless_trial_ends_after_its_first_epoch(
    tmp_path: Path, fit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, upper: float, epochs: int
) -> None:
    study = optuna.create_study(pruner=optuna.pruners.ThresholdPruner(upper=upper))
    monkeypatch.setattr(trial._here, "trial", study.ask(), raising=False)
    trainer = fit(_model(), SyntheticRegression(), callbacks=[PruneTrial("val/loss", str(tmp_path))], max_epochs=4)
    assert trainer.current_epoch == epochs
    (asked,) = study.trials
    assert list(asked.intermediate_values) == list(range(epochs))
    assert asked.intermediate_values[epochs - 1] == pytest.approx(trainer.callback_metrics["val/loss"].item())
    assert (tmp_path / "pruned.json").exists() == (epochs == 1)


def test_without_a_trial_a_run_is_left_alone(tmp_path: Path, fit: Callable[..., Any]) -> None:
    trainer = fit(_model(), SyntheticRegression(), callbacks=[PruneTrial("val/loss", str(tmp_path))], max_epochs=2)
    assert trainer.current_epoch == 2
    assert not list(tmp_path.glob("pruned*"))


def _model() -> LinearRegression:
    return LinearRegression(num_inputs=2, num_outputs=1, optimizer=lambda params: SGD(params, lr=0.03))
