"""Whole runs: what they leave, that they repeat, and how they end when something is wrong."""

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
import yaml
from children import answered
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from initlab.composition import compose
from initlab.console import CONSOLE
from initlab.errors import UserError
from initlab.models import MLP
from initlab.run import Result, train
from initlab.shipped import CONFIGS

pytestmark = pytest.mark.slow

TRAIN = str(CONFIGS.parent / "scripts" / "train.py")
LINEAR = ["model=linear", "data=synthetic_regression", "init=normal", "trainer=cpu", "threads=1"]
DATA = f"data.root={CONFIGS.parent / 'data'}"


def run(tmp_path: Path, *overrides: str, name: str = "run") -> Result:
    return train(compose(*overrides, run_dir=tmp_path / name))


def metrics(folder: Path) -> list[dict[str, str]]:
    with open(folder / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_the_main_job_on_the_real_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One epoch of `model=mlp init=kaiming`: everything a run promises is there and says the same."""
    words = ["model=mlp", "init=kaiming", "trainer.max_epochs=1", "threads=1"]
    result = run(tmp_path, *words, DATA)
    folder = result.run_dir

    # Learned: an epoch of this network reaches .80 to .85; .1 is chance and a linear model stays below .80 so early.
    assert 0.78 < result.metrics["test/acc"] < 0.88
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["metrics"] == result.metrics
    (row,) = metrics(folder)
    assert float(row["val/loss"]) == result.metrics["val/loss"] == pytest.approx(result.score, rel=1e-6)
    assert (int(row["epoch"]), int(row["step"])) == (0, 215)  # ceil(55,000 / 256)

    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["init"]["_target_"] == "initlab.init.Kaiming"
    assert config["optimizer"]["lr"] == 0.1
    assert {"best.ckpt", "last.ckpt"} == set(os.listdir(folder / "checkpoints"))
    loaded = MLP.load_from_checkpoint(folder / "checkpoints" / "best.ckpt")
    assert torch.equal(loaded.layers[0].weight, result.model.layers[0].weight)

    tags: dict[str, list[str]] = {}
    values: dict[str, list[Any]] = {}
    plugins: set[str] = set()
    for part in sorted((folder / "tensorboard").glob("events*")):
        events = EventAccumulator(str(part))
        events.Reload()
        plugins |= set(events.summary_metadata)
        for kind, names in events.Tags().items():
            if isinstance(names, list):
                tags.setdefault(kind, []).extend(names)
        for tag in events.Tags()["scalars"]:
            values.setdefault(tag, []).extend(events.Scalars(tag))
    layers = ["layers.0", "phi.0", "layers.1"]
    assert {f"watched/activations/{layer}/{q}" for layer in layers for q in ("mean", "log10 std")} <= set(values)
    assert [event.step for event in values["watched/activations/layers.0/log10 std"]] == [
        *range(10),
        *range(10, 100, 10),
        100,
        200,
    ]
    assert values["val/acc"][0].value == pytest.approx(float(row["val/acc"]))
    assert values["whole test/acc"][0].value == pytest.approx(result.metrics["test/acc"])
    assert {"train/lr", "train/loss", "train/loss_step"} <= set(values)
    unfolded = sorted({tag.split("/")[0] for names in (*tags.values(), values) for tag in names if "/" in tag})[:2]
    assert unfolded == ["train", "val"]
    assert "x/a batch of the data" in tags["images"]
    assert "custom_scalars__config__" in tags["tensors"]
    assert "_hparams_/experiment" in plugins

    said = capsys.readouterr().out
    assert "layers.0" in said  # the model before
    assert "val/acc" in said  # the epoch's line
    assert str(folder) in said  # the folder after
    assert "tensorboard --logdir" in said


def test_the_same_seed_repeats_to_the_bit_and_another_does_not(tmp_path: Path) -> None:
    a, b, other = (
        run(tmp_path, *LINEAR, "trainer.max_epochs=2", f"seed={seed}", name=name)
        for name, seed in zip("abc", (0, 0, 1), strict=True)
    )
    assert metrics(a.run_dir) == metrics(b.run_dir)
    assert (a.run_dir / "signal.csv").read_text() == (b.run_dir / "signal.csv").read_text()
    assert torch.equal(a.model.net.weight, b.model.net.weight)
    assert metrics(a.run_dir) != metrics(other.run_dir)


def test_the_draw_of_the_weights_never_moves_the_data(tmp_path: Path) -> None:
    a, b = (run(tmp_path, *LINEAR, f"init_seed={seed}", "debug=fast", name=str(seed)) for seed in (0, 1))
    assert not torch.equal(a.model.net.weight, b.model.net.weight)
    for split in ("train", "val", "test"):
        assert torch.equal(getattr(a.data.splits, split)[0], getattr(b.data.splits, split)[0])
    assert torch.equal(a.data.train_batches().order(3), b.data.train_batches().order(3))


@pytest.mark.usefixtures("torch_afterwards")
def test_a_run_that_went_before_leaves_no_trace(tmp_path: Path) -> None:
    """Runs share a process in a sweep: whatever went before is set afresh, and is afterwards as it was."""
    clean = run(tmp_path, *LINEAR, "debug=fast", name="clean")
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(99)
    torch.set_num_threads(2)
    torch.set_float32_matmul_precision("medium")
    after = run(tmp_path, *LINEAR, "debug=fast", name="after")
    assert metrics(clean.run_dir) == metrics(after.run_dir)
    assert torch.get_num_threads() == 2
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.get_float32_matmul_precision() == "medium"
    assert torch.get_default_dtype() == torch.float64


@pytest.fixture
def torch_afterwards() -> Iterator[None]:
    yield
    torch.set_default_dtype(torch.float32)
    torch.use_deterministic_algorithms(False)
    torch.set_float32_matmul_precision("highest")


@pytest.fixture
def precisions() -> Iterator[list[str]]:
    """What torch was set to in each of a test's runs."""
    yield []
    torch.set_float32_matmul_precision("highest")


class Precision(L.Callback):
    def __init__(self, seen: list[str]) -> None:
        self.seen = seen

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.seen.append(torch.get_float32_matmul_precision())


def test_the_precision_of_products_is_the_runs_own(tmp_path: Path, precisions: list[str]) -> None:
    for name, words in {"a": ["matmul_precision=high"], "b": []}.items():
        train(compose(*LINEAR, *words, "debug=fast", run_dir=tmp_path / name), [Precision(precisions)])
    assert precisions == ["high", "highest"]
    written = [yaml.safe_load((tmp_path / name / "config.yaml").read_text()) for name in "ab"]
    assert [config["matmul_precision"] for config in written] == precisions


def test_a_resumed_run_keeps_its_precision_and_one_from_before_there_was_the_key_has_the_highest(
    tmp_path: Path, precisions: list[str]
) -> None:
    run(tmp_path, *LINEAR, "matmul_precision=high", "trainer.max_epochs=1")
    config = tmp_path / "run" / "config.yaml"
    for epochs in (2, 3):
        cfg = compose(f"resume={tmp_path / 'run'}", f"trainer.max_epochs={epochs}")
        train(cfg, [Precision(precisions)])
        config.write_text(config.read_text().replace("matmul_precision: high\n", ""))
    assert precisions == ["high", "highest"]
    assert "matmul_precision" not in config.read_text()


@pytest.mark.parametrize("experiment", ["forecast_evidence", "fifty_layers", "d2l_zero_init", "house_prices"])
def test_experiments_run_with_all_that_watches(tmp_path: Path, experiment: str) -> None:
    """Also where everything is 0, overflows or holds but four rows; all pages run, more barely, in tests/textbook."""
    page = compose(f"experiment={experiment}", run_dir="x")
    where = [DATA] if "root" in page.data else []
    result = run(tmp_path, f"experiment={experiment}", "debug=fast", "threads=1", *where)
    assert result.score == result.score  # a number
    assert len(metrics(result.run_dir)) == 2


@pytest.mark.parametrize(
    "overrides",
    [
        ["optimizer=adam", "scheduler=one_cycle", "model.activation=silu", "model.depth=3"],
        ["optimizer=adamw", "scheduler=step", "model.layers=torch"],
        ["optimizer=torch_sgd", "scheduler=cosine", "trainer.gradient_clip_val=1", "model.num_hiddens=[32,16]"],
        ["callbacks=none", "logger=none", "model=softmax", "data.resize=[14,14]"],
        ["~callbacks.monitor", "trainer.accumulate_grad_batches=2", "optimizer.momentum=0.9"],
        ["trainer.precision=bf16-mixed", "optimizer.l1=1e-5", "optimizer.weight_decay=1e-4", "data.num_val=0"],
    ],
)
def test_choices_work_together(tmp_path: Path, overrides: list[str]) -> None:
    result = run(tmp_path, *overrides, "debug=fast", "trainer=cpu", DATA)
    assert 0 <= result.metrics["test/acc"] <= 1


def test_a_taken_folder_is_refused_and_kept(tmp_path: Path) -> None:
    first = run(tmp_path, *LINEAR, "debug=fast")
    before = (first.run_dir / "metrics.csv").read_text()
    with pytest.raises(UserError, match="already holds a run"):
        run(tmp_path, *LINEAR, "debug=fast", "seed=1")
    assert (first.run_dir / "metrics.csv").read_text() == before


def test_an_added_key_that_nobody_takes_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data.colour: initlab.data.SyntheticRegression takes no such value"):
        run(tmp_path, *LINEAR, "+data.colour=red")
    assert not (tmp_path / "run").exists()


def test_a_metric_that_nobody_reports_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"monitor=val/acc: LinearRegression .*val/loss"):
        run(tmp_path, *LINEAR, "monitor=val/acc")


def test_the_best_epoch_of_an_accuracy_is_the_highest(tmp_path: Path) -> None:
    result = run(tmp_path, "model=softmax", "monitor=val/acc", "debug=fast", "trainer.max_epochs=4", DATA)
    assert result.score == pytest.approx(max(float(row["val/acc"]) for row in metrics(result.run_dir)))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"trainer.accelerator=gpu: .*trainer=cpu"):
        run(tmp_path, *LINEAR, "trainer=gpu")


def test_the_command_names_its_folder_and_points_latest_to_it(tmp_path: Path) -> None:
    said = answered(TRAIN, *LINEAR, "debug=fast", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    (folder,) = [p for p in (tmp_path / "outputs" / "runs").iterdir() if not p.is_symlink()]
    assert folder.name.endswith("_data-synthetic_regression_debug-fast_init-normal_model-linear_threads-1_trainer-cpu")
    assert (tmp_path / "outputs/latest_run").resolve() == folder
    assert (folder / "summary.json").exists()
    assert said.stderr == ""


def test_multirun_runs_every_combination(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    words = ["-m", "init=normal,zeros", "seed=range(2)", f"hydra.sweep.dir={sweep}", *LINEAR[:2], "debug=fast"]
    said = answered(TRAIN, *words, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    runs = sorted(path.parent for path in sweep.glob("*/summary.json"))
    seen = {(c["init"]["_target_"], c["seed"]) for c in (yaml.safe_load((r / "config.yaml").read_text()) for r in runs)}
    assert seen == {(f"initlab.init.{scheme}", seed) for scheme in ("Normal", "Zeros") for seed in (0, 1)}


def test_a_loss_that_is_no_number_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(tmp_path, "model=mlp", "lr=1e12", "debug=fast", DATA)
    assert "not a number" in capsys.readouterr().out
    assert json.loads((result.run_dir / "summary.json").read_text())["metrics"]["train/loss"] is None


@pytest.mark.parametrize(
    ("steps", "says"),
    [(1, "1 update is too few to tell."), (19, "19 updates are too few to tell."), (20, "IT DID NOT TRAIN.")],
)
def test_of_few_updates_nobody_says_that_a_run_did_not_train(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], steps: int, says: str
) -> None:
    run(tmp_path, "data=truth_table", "model=mlp_regression", "lr=1e-6", "threads=1", f"trainer.max_steps={steps}")
    assert says in " ".join(capsys.readouterr().out.split())


def test_without_validation_the_best_epoch_may_be_that_of_the_training_loss(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*LINEAR, "data.num_train=64", "trainer.max_epochs=2", "trainer.limit_val_batches=0"]
    for monitor, best in (("train/loss", True), ("val/loss", False)):
        run(tmp_path, *words, f"monitor={monitor}", name=monitor[:3])
        said = " ".join(capsys.readouterr().out.split())
        assert ("test, best epoch" in said) == best
        assert ("no validation took place, so no epoch counts as best" in said) != best


def test_a_disk_that_fills_gets_one_line_and_loses_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands in for a full disk: the checkpoint is the first file to meet it."""
    small_disk = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
    small_disk += "del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
    words = [
        "model=mlp",
        "model.width=256",
        "data.batch_size=60000",
        "trainer.max_epochs=1",
        "~callbacks.monitor",
        DATA,
    ]
    said = answered("-c", small_disk, TRAIN, *words, f"hydra.run.dir={tmp_path}/run", cwd=tmp_path)
    assert said.returncode == 2
    assert said.stderr.startswith("error: ")
    assert said.stderr.count("\n") == 1
    assert "hydra.run.dir" in said.stderr
    assert not list((tmp_path / "run").rglob("*.part"))
    assert not list((tmp_path / "run").rglob("*.ckpt"))
    assert (tmp_path / "run" / "config.yaml").exists()


def test_a_job_beside_others_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(CONSOLE, "quiet", True)  # as a launcher does in the processes of its jobs
    run(tmp_path, "model=linear", "data=synthetic_regression", "debug=fast", "threads=1")
    assert capsys.readouterr().out == ""
