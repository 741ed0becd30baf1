"""The benchmark's harness: who is timed when, against what, and that its contenders run. No time is asserted."""

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from children import PATIENCE

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).parents[1] / "scripts"


def test_a_turn_is_compared_with_its_two_neighbours() -> None:
    from benchmarks.turns import between

    calls: list[str] = []

    def taking(name: str, *seconds: float) -> Any:
        left = list(seconds)

        def run() -> float:
            calls.append(name)
            return left.pop(0)

        return run

    base = taking("base", 99, 1, 2, 3, 4, 5)  # one that does not count, then one before, and one after each turn
    times = between({"base": base, "a": taking("a", 99, 10, 20), "b": taking("b", 99, 30, 40)}, 2, "base")
    assert times.seconds == {"base": [2, 3, 4, 5], "a": [10, 20], "b": [30, 40]}
    assert calls[:3] == ["base", "a", "b"]
    assert calls[3::2] == ["base"] * 5
    neighbours = {1: 1.5, 2: 2.5, 3: 3.5, 4: 4.5}  # mean of the base before and after the n-th turn
    for place, name in enumerate(calls[4::2], start=1):
        turn = 0 if place <= 2 else 1
        assert times.ratios[name][turn] == times.seconds[name][turn] / neighbours[place]


def test_alternation_compares_within_a_round() -> None:
    from benchmarks.turns import alternate

    left = {"base": [9, 2, 4], "a": [9, 3, 5]}
    turns: dict[str, Any] = {name: (lambda queue=queue: queue.pop(0)) for name, queue in left.items()}
    times = alternate(turns, 2, "base")
    assert times.seconds == {"base": [2, 4], "a": [3, 5]}
    assert times.ratios == {"base": [1, 1], "a": [1.5, 1.25]}


def test_the_monitor_benchmark_runs_all_contenders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import monitor_cost
    from benchmarks.table import report

    monkeypatch.setattr("warnings.filters", [("ignore", None, Warning, None, 0)])  # Lightning about its loggers
    times = monitor_cost.monitor(rounds=1, steps=2, skip=1, width=8)
    names = list(monitor_cost.contenders())
    assert set(times.seconds) == set(names)
    assert set(times.ratios) == set(names) - {monitor_cost.BASE}
    arguments = {"name": "monitor", "rounds": 1, "threads": 1}
    rows = report(arguments, times, monitor_cost.BASE, "s a step", tmp_path / "b" / "monitor.json")
    written = json.loads((tmp_path / "b" / "monitor.json").read_text())
    assert written["rows"] == rows
    assert {row["name"]: row.get("ratios") for row in rows} == {name: times.ratios.get(name) for name in names}


def test_the_stopwatch_leaves_out_what_it_should(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import stopwatch

    now = [0.0]
    monkeypatch.setattr(stopwatch, "_now", lambda module: now[0])
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: now[0])
    trainer: Any = SimpleNamespace(global_step=0, is_last_batch=False, should_stop=False)

    def train(clock: Any, *ends: float, whole: bool = True) -> None:
        """A step a call, with these ends; the fit ends at 1000."""
        trainer.should_stop, now[0] = False, 0.0
        clock.on_train_start(trainer, None)
        for trainer.global_step, now[0] in enumerate(ends, start=1):
            trainer.is_last_batch = whole and trainer.global_step == len(ends)
            clock.on_train_batch_end(trainer, None, None, None, 0)
            if trainer.should_stop:
                break
        now[0] = 1000.0
        clock.on_train_end(trainer, None)

    clock: Any = stopwatch.Stopwatch(skip=2)
    train(clock, 100.0, 200.0, 201.0, 202.0, 206.0)
    assert clock.seconds_a_step == 2.0  # (206 - 200) / 3 steps
    assert clock.seconds == 1000.0
    clock = stopwatch.Stopwatch(skip=3, enough=40.0)
    train(clock, *[3.0 * step for step in range(1, 1000)], whole=False)
    assert trainer.global_step == 3 + stopwatch.LEAST  # 48 seconds; 40 had passed before
    assert clock.seconds_a_step == 3.0


def test_the_rivals_see_every_layer_at_every_step() -> None:
    from benchmarks.monitor_cost import Net
    from benchmarks.rivals import FastaiStyle, NaiveHooks

    X = torch.randn(16, 784, generator=torch.Generator().manual_seed(0))
    for rival in (NaiveHooks(), FastaiStyle()):
        net = Net(width=8)
        rival.on_train_start(None, net)  # type: ignore[arg-type]
        for _ in range(3):
            out = net.net(X)
        rival.on_train_end(None, net)  # type: ignore[arg-type]
        net.net(X)
        assert {len(stats) for stats in rival.stats.values()} == {3}
        assert len(rival.stats) == 11
        mean, std, *histogram = rival.stats["net.10"][-1]
        assert (mean, std) == (pytest.approx(out.mean().item()), pytest.approx(out.std().item()))
        for counts in histogram:
            assert counts.sum() == (out.abs() <= 10).sum()


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The contenders that are not ours get 600 images of nothing, and need not learn."""
    from benchmarks import learning, train_epoch

    X, y = torch.rand(600, 784), torch.randint(10, (600,))
    monkeypatch.setattr(train_epoch, "tensors", lambda: (X, y, X[:256], y[:256]))
    monkeypatch.setattr(learning, "FLOOR", 0.0)
    monkeypatch.setattr("warnings.filters", [("ignore", None, Warning, None, 0)])


@pytest.mark.usefixtures("few")
def test_the_train_benchmark_runs_all_contenders_and_names_those_it_cannot(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks import peers, train_epoch

    monkeypatch.setattr(peers, "find_spec", lambda package: None)
    times = train_epoch.train(rounds=1, epochs=1, threads=1, model="softmax")
    names = [
        train_epoch.BASE, "the plain tensor loop again", "scripts/train.py", train_epoch.BY_HAND,
        "scripts/train.py model.backward=manual", "the usual Lightning way",
    ]  # fmt: skip
    assert list(times.ratios) == names
    said = capsys.readouterr().out
    assert times.notes[0] == "not installed, so left out: fastai, keras, sklearn, jax"
    assert all(f"  {name}\n" in said for name in names)  # the accuracies


@pytest.mark.gpu
@pytest.mark.usefixtures("few")
def test_on_a_gpu_there_is_a_cuda_graph_too() -> None:
    from benchmarks import train_epoch

    times = train_epoch.train(rounds=1, epochs=1, threads=1, others=False, accelerator="gpu")
    assert train_epoch.GRAPH in times.ratios


@pytest.mark.parametrize(
    ("model", "name", "device"),
    [
        ("mlp", "by_hand", "cpu"),
        ("softmax", "by_hand", "cpu"),
        pytest.param(
            "mlp", "compiled", "cpu",
            marks=pytest.mark.skipif(not which(os.environ.get("CXX", "g++")), reason="no C++ compiler"),
        ),
        pytest.param("mlp", "by_hand", "cuda", marks=pytest.mark.gpu),
    ],
)  # fmt: skip
def test_the_other_loops_make_the_updates_of_autograd(model: str, name: str, device: str) -> None:
    """Three whole batches and a short one. A product's terms are summed in another order, which moves an update in its
    last digits, about 1e-6 of it; and each sum with a weight of up to 0.06 is rounded by 4e-9."""
    from benchmarks import plain

    torch.manual_seed(0)
    X, y, order = (
        part.to(device) for part in (torch.rand(1000, 784), torch.randint(10, (1000,)), torch.randperm(1000))
    )
    one, other = (plain.network(model).to(device) for _ in range(2))
    other.load_state_dict(one.state_dict())
    drawn = [parameter.detach().clone() for parameter in one.parameters()]
    plain.autograd(one)(X, y, order)
    getattr(plain, name)(other)(X, y, order)
    for before, expected, got in zip(drawn, one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(got - before, expected - before, rtol=1e-4, atol=1e-7)
        assert (expected - before).abs().max() > 5e-4


def test_a_contender_that_does_not_learn_is_no_contender() -> None:
    from benchmarks.learning import learning

    kept: dict[str, list[float]] = {}
    assert learning("learns", lambda: (2.0, 0.8), kept)() == 2.0
    for accuracy in (0.1, float("nan")):
        with pytest.raises(RuntimeError, match="fast and idle: validation accuracy"):
            learning("fast and idle", lambda accuracy=accuracy: (0.1, accuracy), kept)()
    assert kept["learns"] == [0.8]


LEARN = """
import sys, torch
from benchmarks import peers
peers.find_spec = lambda package: sys.argv[1] if package == sys.argv[1] else None
torch.manual_seed(0)
centres, y = torch.randn(10, 784), torch.arange(600) % 10
X = centres[y] + 0.1 * torch.randn(600, 784)
for model in ("mlp", "softmax"):
    turns, missing = peers.installed(model, epochs=3, threads=1, data=(X, y, X[:250], y[:250]))
    ((name, turn),) = turns.items()
    print(name, *turn(), sep="\\t")
"""


@pytest.mark.parametrize("package", ["fastai", "keras", "sklearn", "jax"])
def test_a_peer_that_is_installed_learns(package: str) -> None:
    """Ten classes far apart, a short batch at an epoch's end; in its own process, as jax forbids others to fork."""
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    paths = os.pathsep.join([str(SCRIPTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LEARN, package],
        env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    lines = [line.split("\t") for line in said.stdout.splitlines() if "\t" in line]
    assert len(lines) == 2, said.stderr
    for name, seconds, accuracy in lines:
        assert name.startswith(package)
        assert float(seconds) > 0
        assert float(accuracy) > 0.95


@pytest.mark.usefixtures("few")
def test_the_data_benchmark_leaves_the_users_cache_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from benchmarks import data_pass

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    times = data_pass.data(rounds=1)
    assert len(times.ratios) == 5
    assert len(list((tmp_path / "initlab" / "unpacked").iterdir())) == 4  # of the contender that reads again


def test_the_startup_benchmark_does_not_take_a_crash_for_a_fast_start(tmp_path: Path) -> None:
    from benchmarks import startup_time

    folder = str(tmp_path)
    for answer in startup_time.answers(folder).values():
        assert answer() > 0
    assert startup_time.process(folder, "-c", "print('so')", says="so")() > 0
    for code, status, says in (("1 / 0", 0, ""), ("pass", 2, ""), ("print('so')", 0, "otherwise")):
        with pytest.raises(RuntimeError, match=f"expected {status} and '{says}'"):
            startup_time.process(folder, "-c", code, status=status, says=says)()


def test_the_first_update_of_a_run_in_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import startup_time

    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # else all of torch is compiled for this one process
    words = ("model=linear", "data=synthetic_regression", "init=normal")
    start = time.perf_counter()
    seconds = startup_time.first_update(str(tmp_path), 1, False, *words)()
    assert 0 < seconds < time.perf_counter() - start
    (run,) = tmp_path.glob("*/run")
    assert "threads: 1\n" in (run / "config.yaml").read_text()
    assert (run / "signal.csv").exists()  # what watches by default was there


def test_the_scaling_benchmark(tmp_path: Path) -> None:
    from benchmarks import scaling
    from PIL import Image

    # forward and weights' gradients of both layers, and the signal's gradient through the second
    assert scaling.operations(8, [784, 16, 10]) == 2 * 8 * (2 * 784 * 16 + 3 * 16 * 10)
    points = scaling.scaling((1,), 0.01, "manual", sizes=((16,), (8, 12), (2,)))
    assert [(p.axis, p.value) for p in points] == [("batch size", 16), ("width", 8), ("width", 12), ("depth", 2)]
    assert all(p.seconds_a_step > 0 for p in points)
    assert points[0].epoch == pytest.approx(points[0].seconds_a_step * 60_000 / 16)
    scaling.report(points, {"name": "scaling"}, tmp_path / "scaling.json")
    assert len(json.loads((tmp_path / "scaling.json").read_text())["points"]) == 4
    with Image.open(tmp_path / "scaling.png") as picture:
        assert picture.size[0] > 1000


def test_the_precision_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import precision

    monkeypatch.setattr("warnings.filters", [("ignore", None, Warning, None, 0)])  # Lightning about its workers
    few = ("trainer.limit_train_batches=3", "trainer.limit_val_batches=2", "trainer.limit_test_batches=1")
    outcomes = precision.precision(2, 1, 1, "softmax", "cpu", words=few)
    assert list(outcomes) == ["float32", "TF32, emulated", "bf16-mixed"]
    base, tf32, bf16 = outcomes.values()
    assert tf32.seconds is None  # of an emulation
    assert all(second > 0 for outcome in (base, bf16) for second in outcome.seconds or [])
    off = [max(abs(a - b) for a, b in zip(o.losses, base.losses, strict=True)) for o in (tf32, bf16)]
    assert 0 < off[0] < off[1] < 0.01  # of a loss near 2: 10 bits and 7

    path = tmp_path / "b" / "precision.json"
    arguments = {"name": "precision", "model": "softmax", "rounds": 2, "epochs": 1, "accelerator": "cpu"}
    rows = precision.report(outcomes, arguments, path)
    assert json.loads(path.read_text())["rows"] == rows
    assert [len(row["accuracies"]) for row in rows] == [2, 2, 2]


def test_precisions_are_compared_seed_by_seed() -> None:
    from benchmarks.precision import MeanDifference

    # differences .2, .1, .3: mean .2, sd .1
    assert MeanDifference.of([1.2, 2.1, 3.3], [1, 2, 3]) == pytest.approx((0.2, 0.1 / 3**0.5))
    assert MeanDifference.of([1.0], [0.5]) == (0.5, None)


def test_tf32_is_real_on_a_gpu_or_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import precision

    assert precision.contenders("gpu")["TF32"] == precision.Contender(("matmul_precision=high",), emulated=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="torch sees no GPU with TF32 here"):
        precision.precision(1, 1, 1, "softmax", "gpu")
