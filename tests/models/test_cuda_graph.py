"""Updates replayed from a recording are the updates that would have been made."""

import logging
from pathlib import Path
from typing import Any

import lightning as L
import pandas as pd
import pytest
import torch

from initlab.composition import compose
from initlab.models import MLPRegression, execution
from initlab.run import train
from tests.models.tape import TapeRecorder
from tests.models.test_execution import Diary

pytestmark = pytest.mark.slow

WORDS = (
    "data=synthetic_regression", "model=mlp_regression", "model.width=8", "data.num_train=290", "data.batch_size=16",
    "trainer=cpu", "trainer.max_epochs=3", "lr=0.03", "callbacks.last.every_n_steps=7",
    "callbacks.step_curve.every_n_steps=5", "callbacks.monitor.dense_steps=4", "callbacks.monitor.every_n_steps=10",
    "callbacks.monitor.max_overhead=null",
)  # fmt: skip


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> TapeRecorder:
    recorder = TapeRecorder()
    monkeypatch.setattr(execution, "recorder_for", lambda device: recorder)
    return recorder


def run(folder: Path, *words: str, callbacks: Any = ()) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = train(compose(*WORDS, *words, run_dir=folder), callbacks).model.state_dict()
    return weights


@pytest.mark.parametrize(
    ("words", "recordings", "replays"),
    [  # of 57 updates 15 are looked at, 3 are of a short batch, 3 warm up
        (("optimizer.momentum=0.9", "optimizer.weight_decay=0.01", "optimizer.l1=0.001"), 3, 30),
        (("model.backward=manual", "model.depth=3", "model.activation=tanh"), 3, 30),
        (("trainer.precision=bf16-mixed",), 3, 30),
        (("scheduler=step", "scheduler.every_n_epochs=1"), 3, 30),  # 3 to warm up again after each change of lr
        (("scheduler=cosine",), 0, 0),  # lr moves at every update
    ],
)
def test_a_run_is_the_same_with_updates_replayed(
    words: tuple[str, ...], recordings: int, replays: int, recorder: TapeRecorder, tmp_path: Path
) -> None:
    replayed = run(tmp_path / "replayed", *words, "cuda_graph=true")
    assert (recorder.recordings, recorder.replays) == (recordings, replays)
    weights = run(tmp_path / "run", *words)
    assert recorder.replays == replays  # nothing without being asked

    assert all(torch.equal(replayed[name], weights[name]) for name in weights)
    for file in ("signal.csv", "histograms.csv", "findings.json"):
        assert (tmp_path / "replayed" / file).read_bytes() == (tmp_path / "run" / file).read_bytes()
    figures, expected = (pd.read_csv(tmp_path / name / "metrics.csv") for name in ("replayed", "run"))
    pd.testing.assert_frame_equal(figures, expected, rtol=1e-12)  # float64 sums, added up in another order


def test_what_cannot_be_recorded_is_made_kernel_by_kernel(
    recorder: TapeRecorder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Adam asks for its count of steps as a number, where it is not told to keep it on the device."""
    replayed = run(tmp_path / "replayed", "optimizer=adam", "cuda_graph=true")
    assert "cuda_graph=true: an update cannot be recorded (operation not permitted" in caplog.text
    assert recorder.replays == 0
    weights = run(tmp_path / "run", "optimizer=adam")
    assert all(torch.equal(replayed[name], weights[name]) for name in weights)


def test_a_stranger_that_looks_at_every_update_sees_them_all(
    recorder: TapeRecorder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    diary = Diary()
    run(tmp_path, "cuda_graph=true", callbacks=[diary])
    assert "cuda_graph=true: Diary looks at every update" in caplog.text
    assert len(diary.calls) == 57 * 6
    assert recorder.recordings == 0


class Freeze(L.Callback):
    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.current_epoch == 1:
            next(pl_module.parameters()).requires_grad_(False)


def test_a_layer_frozen_on_the_way_stays_as_it_is(recorder: TapeRecorder, tmp_path: Path) -> None:
    replayed = run(tmp_path / "replayed", "cuda_graph=true", callbacks=[Freeze()])
    assert recorder.replays == 30
    weights = run(tmp_path / "run", callbacks=[Freeze()])
    assert all(torch.equal(replayed[name], weights[name]) for name in weights)


def test_an_epoch_without_replays_is_told(
    recorder: TapeRecorder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path, "cuda_graph=true", "scheduler=cosine")
    assert caplog.text.count("cuda_graph=true: no update was replayed") == 1


def test_a_model_with_hooks_of_its_own_has_them_called(
    recorder: TapeRecorder, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(MLPRegression, "on_after_backward", lambda self: calls.append(self.global_step), raising=False)
    run(tmp_path, "cuda_graph=true")
    assert "cuda_graph=true: MLPRegression looks at every update" in caplog.text
    assert calls == list(range(57))
    assert recorder.recordings == 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "there are none on the device cpu"),
        (("steps_per_execution=1",), "with steps_per_execution=1 Lightning makes one update a call"),
        (("trainer.gradient_clip_val=1.0",), "with trainer.gradient_clip_val=1.0 Lightning"),
        (("trainer.precision=64-true",), "with trainer.precision=64-true Lightning"),
    ],
)
def test_where_there_is_nothing_to_replay_a_sentence_says_so(
    words: tuple[str, ...], reason: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        run(tmp_path, *words, "cuda_graph=true")
    assert [record.message for record in caplog.records if "cuda_graph" in record.message] == [
        message for message in caplog.messages if reason in message
    ]
    assert reason in caplog.text


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize(
    "words", [(), ("model.backward=manual",), ("optimizer=adam",), ("trainer.precision=bf16-mixed",)]
)
def test_on_a_gpu(words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replays = []
    replay = torch.cuda.CUDAGraph.replay
    monkeypatch.setattr(torch.cuda.CUDAGraph, "replay", lambda graph: replays.append(replay(graph)))
    replayed = run(tmp_path / "replayed", *words, "trainer=gpu", "cuda_graph=true")
    assert len(replays) == 30
    weights = run(tmp_path / "run", *words, "trainer=gpu")
    tolerance = (
        {"rtol": 1e-2, "atol": 1e-3} if "trainer.precision=bf16-mixed" in words else {"rtol": 1e-4, "atol": 1e-6}
    )
    for name in weights:  # the same kernels, but a library may choose others while it is recorded
        torch.testing.assert_close(replayed[name], weights[name], **tolerance)
