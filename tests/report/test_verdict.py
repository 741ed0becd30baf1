"""Did it train: each answer from rows that are so."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from run_folders import make_run, make_sweep

from initlab.runs import Run
from initlab.runs.config_file import leaves
from initlab.runs.outcome import blame, guessing, outcome
from initlab.shipped import CONFIGS
from initlab.sweeps.from_configs import FOLLOWS, what_differs
from initlab.sweeps.summary import summarize


def test_trained_flat_diverged(tmp_path: Path) -> None:
    assert outcome(Run.lenient(make_run(tmp_path / "good"))).word == "trained"
    flat = Run.lenient(make_run(tmp_path / "flat", init="normal", fades=0.1))
    assert outcome(flat).word == "flat"
    assert "guessing among 10 classes" in outcome(flat).because
    assert "There at step 0, so the initialisation has it: vanishing signal" in blame(flat.findings)
    metrics = make_run(tmp_path / "little") / "metrics.csv"
    head, *lines = metrics.read_text().splitlines()
    at = head.split(",").index("train/loss")
    rows = [line.split(",") for line in lines]
    first = Run.lenient(tmp_path / "little").recorded["loss"]["loss"][0]
    for row in rows:
        row[at] = str(0.97 * first)
    metrics.write_text("\n".join([head, *(",".join(row) for row in rows)]) + "\n")
    little = outcome(Run.lenient(tmp_path / "little"))
    assert (little.word, little.says) == ("flat", "It hardly trained.")
    assert "fell by 3.0% only" in little.because
    metrics = make_run(tmp_path / "nan") / "metrics.csv"
    lines = metrics.read_text().splitlines()
    metrics.write_text("\n".join([*lines[:-1], "2,900,0.1,nan,0.1,nan"]) + "\n")
    assert outcome(Run.lenient(tmp_path / "nan")).word == "diverged"


@pytest.mark.parametrize(("widths", "word"), [([784, 64, 10], "trained"), ([784, 64, 3], "flat"), (None, "trained")])
def test_a_loss_that_fell_but_is_above_that_of_guessing_is_no_training(
    tmp_path: Path, widths: list[int] | None, word: str
) -> None:
    """From 2390, of weights that were too large, to 1.37; log 3 is 1.10. The forecast knows of how many classes."""
    folder = make_run(tmp_path / "run")
    (folder / "signal.csv").write_text("step,layer,quantity,value\r\n0,loss,loss,2390.0\r\n")
    (folder / "metrics.csv").write_text("epoch,step,train/acc,train/loss\r\n0,300,0.26,1.37\r\n")
    if widths:
        (folder / "forecast.json").write_text(json.dumps({"verdict": "trains", "widths": widths}))
    found = outcome(Run.lenient(folder))
    assert found.word == word
    config = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(config.replace("model:\n", "model:\n  task: regression\n"))
    assert outcome(Run.lenient(folder)).word == "trained"  # its loss is no cross-entropy
    assert word == "trained" or "above log 3 = 1.0986" in found.because


@pytest.mark.parametrize(("rows", "word", "until"), [(25, "trained", "step 96"), (3, "flat", "epoch 1")])
def test_the_mean_of_an_only_epoch_is_not_its_end(tmp_path: Path, rows: int, word: str, until: str) -> None:
    """The first steps of Adam at a large rate: up to 190, at the end 1.1, val/loss 1.05; the mean is 4.9."""
    folder = make_run(tmp_path / "run", epochs=1)
    losses = [3.3, 190.0, 20.0, *[1.3, 1.0, 1.1, 1.1] * 6][:rows]
    lines = [f"{4 * i},loss,loss,{loss}\r\n" for i, loss in enumerate(losses)]
    (folder / "signal.csv").write_text("step,layer,quantity,value\r\n" + "".join(lines))
    (folder / "metrics.csv").write_text("epoch,step,train/acc,train/loss\r\n0,200,0.57,4.9\r\n")
    (folder / "forecast.json").write_text(json.dumps({"verdict": "trains", "widths": [784, 64, 10]}))
    found = outcome(Run.lenient(folder))
    assert found.word == word
    assert f"{'1.1000' if word == 'trained' else '4.9000'} at {until}" in found.because


@pytest.mark.parametrize(("end", "word"), [(8.1, "flat"), (7.99, "flat"), (3.0, "trained")])
def test_a_regression_that_answers_the_mean_has_not_trained(tmp_path: Path, end: float, word: str) -> None:
    """Targets with a mean of 4.2: from 17 down to 8, half their variance, falls to the bias alone."""
    folder = make_run(tmp_path / "run")
    (folder / "signal.csv").write_text("step,layer,quantity,value\r\n0,loss,loss,17.1\r\n")
    (folder / "metrics.csv").write_text(f"epoch,step,train/loss\r\n0,30,9.5\r\n1,60,{end}\r\n")
    (folder / "forecast.json").write_text(json.dumps({"verdict": "trains", "widths": [2, 9, 1], "guess": 8.0}))
    found = outcome(Run.lenient(folder))
    assert found.word == word
    assert ("the mean of the targets to every input costs 8.0" in found.because) == (word == "flat")


def test_failed_and_unfinished(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    (folder / "summary.json").unlink()
    stopped = outcome(Run.lenient(folder))
    assert (stopped.word, stopped.says, stopped.bad) == ("unfinished", "It did not finish; so far it trains.", False)
    assert "3 of 3 epochs" in stopped.reached
    flat = make_run(tmp_path / "flat", init="normal", fades=0.1)
    (flat / "summary.json").unlink()
    stopped = outcome(Run.lenient(flat))
    assert (stopped.says, stopped.bad) == ("It did not finish; so far it does not train.", True)
    assert stopped.cause.startswith("Cause, from step 0")
    (folder / "failed.json").write_text(json.dumps({"error": "the disk is full", "traceback": "..."}))
    full = outcome(Run.lenient(folder))
    assert (full.word, full.says, full.because) == ("failed", "It failed.", "the disk is full.")
    (folder / "findings.json").write_text('[{"kind": "non-finite", "layers": ["layers.1"]}]')
    (folder / "failed.json").write_text('{"error": "layer layers.1 first non-finite at step 5"}')
    broken = outcome(Run.lenient(folder))
    assert (broken.word, broken.says, broken.bad) == ("diverged", "It diverged and was ended.", True)


@pytest.mark.parametrize(
    ("loss", "accuracy", "classes"),
    [(math.log(10), 0.1, 10), (math.log(2), 0.51, 2), (1.3, 0.5, None), (2.3, 0.4, None), (0.4, 0.86, None)],
)
def test_guessing_is_told_from_loss_and_accuracy_together(loss: float, accuracy: float, classes: int | None) -> None:
    assert guessing(loss, accuracy) == classes


def test_the_ranking_has_numpys_means_and_deviations(tmp_path: Path) -> None:
    np = pytest.importorskip("numpy")
    folder = make_sweep(tmp_path / "sweep", {"init": ["normal", "kaiming"], "seed": ["0", "1", "2"]})
    best, worst = summarize(folder).rows
    assert [row.setting for row in (best, worst)] == [{"init": "kaiming"}, {"init": "normal"}]
    runs = [json.loads((folder / f"{n}_init-kaiming_seed-{n - 3}/summary.json").read_text()) for n in (3, 4, 5)]
    scores = [run["metrics"]["val/loss"] for run in runs]
    assert best.score.mean == pytest.approx(np.mean(scores), rel=1e-12)
    assert best.score.std == pytest.approx(np.std(scores, ddof=1), rel=1e-9)
    assert (best.score.n, worst.outcomes["flat"], worst.findings["vanishing signal"]) == (3, 3, 3)


def test_a_combination_with_a_seed_that_diverged_is_after_the_whole_ones(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path / "sweep", {"init": ["normal", "kaiming"], "seed": ["0", "1"]})
    summary = folder / "2_init-kaiming_seed-0/summary.json"
    content = json.loads(summary.read_text())
    content["metrics"]["val/loss"] = content["score"] = None  # nan, as JSON has it
    summary.write_text(json.dumps(content))
    best, worst = summarize(folder).rows
    assert (best.setting["init"], worst.setting["init"]) == ("normal", "kaiming")
    assert (worst.score.n, worst.score.nan) == (1, 1)
    assert worst.score.mean < best.score.mean


def test_without_a_plan_the_axes_are_what_differs(tmp_path: Path) -> None:
    axes = {"init": ["normal", "kaiming"], "model.depth": ["2", "10"], "seed": ["0", "1"]}
    sweep = summarize(make_sweep(tmp_path / "sweep", axes, plan=False))
    assert {axis: set(values) for axis, values in sweep.axes.items()} == {axis: set(v) for axis, v in axes.items()}
    assert sweep.axes["model.depth"] == ["2", "10"]
    assert [trouble for trouble in sweep.troubles if "sweep.json" in trouble]
    planned = summarize(make_sweep(tmp_path / "planned", axes))
    assert planned.axes == axes
    assert planned.troubles == []


def test_what_follows_from_another_choice_is_no_axis() -> None:
    one = {"init": {"_target_": "initlab.init.Normal", "sigma": 0.01}, "seed": 0, "data": {"seed": 0}, "run_dir": "a"}
    two = {"init": {"_target_": "initlab.init.TorchDefault"}, "seed": 1, "data": {"seed": 1}, "run_dir": "b"}
    assert what_differs([one, two]) == [{"init": "normal", "seed": "0"}, {"init": "torch_default", "seed": "1"}]


@pytest.mark.parametrize(
    ("rates", "differs"),  # (lr, optimizer.lr) of two runs
    [
        ([(0.1, 0.1), (0.01, 0.01)], [{"lr": "0.1"}, {"lr": "0.01"}]),
        ([(0.1, 0.1), (0.1, 0.3)], [{"optimizer.lr": "0.1"}, {"optimizer.lr": "0.3"}]),
        ([(0.1, 0.1), (0.2, 0.3)], [{"lr": "0.1", "optimizer.lr": "0.1"}, {"lr": "0.2", "optimizer.lr": "0.3"}]),
    ],
)
def test_a_rate_that_follows_lr_is_no_axis_of_its_own(
    rates: list[tuple[float, float]], differs: list[dict[str, str]]
) -> None:
    assert what_differs([{"lr": lr, "optimizer": {"lr": own}} for lr, own in rates]) == differs


def test_every_value_of_the_configs_that_follows_another_is_known() -> None:
    """One that is not would be an axis next to the one that it follows."""
    known = {**FOLLOWS, "init_seed": "seed", "data.seed": "seed"}
    for path in CONFIGS.rglob("*.yaml"):
        text, group = path.read_text(), path.relative_to(CONFIGS).parts[0]
        if group in ("callbacks", "logger", "hydra"):
            continue
        node: Any = OmegaConf.to_container(OmegaConf.create(text))
        own = [] if path.parent == CONFIGS or text.startswith("# @package _global_") else [group]
        for keys, value in leaves(node):
            if isinstance(value, str) and (follows := re.fullmatch(r"\$\{([\w.]+)\}", value)):
                assert known[".".join([*own, *keys])] == follows[1]


def test_an_epoch_without_validation_hides_no_figure_of_an_earlier_one(tmp_path: Path) -> None:
    """An empty cell was not measured; nan was, and is no number."""
    folder = make_run(tmp_path / "run")
    (folder / "summary.json").unlink()
    (folder / "metrics.csv").write_text(
        'epoch,step,"a, quoted",train/loss,val/loss\r\n0,3,,2.0,\r\n1,6,0.5,1.0,1.5\r\n2,9,,nan,\r\n'
    )
    run = Run.lenient(folder)
    assert not run.troubles
    assert run.last["val/loss"] == 1.5
    assert run.last["a, quoted"] == 0.5
    assert math.isnan(run.last["train/loss"])
