"""The benchmarks of a sweep's jobs and of a CSV file: what they run and read. No time is asserted."""

from pathlib import Path

import pandas as pd
import pytest
import torch

pytestmark = pytest.mark.slow
SPLITS = ("train", "val", "test")


@pytest.fixture(autouse=True)
def _no_warning_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warnings.filters", [("ignore", None, Warning, None, 0)])


def test_a_job_is_compared_with_its_own_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import jobs

    X, y = torch.rand(600, 784), torch.randint(10, (600,))
    monkeypatch.setattr(jobs, "tensors", lambda: (X, y, X[:256], y[:256]))
    few = ("trainer.max_epochs=1", "callbacks=none", "logger=none", *(f"trainer.limit_{x}_batches=2" for x in SPLITS))
    monkeypatch.setattr(jobs, "JOBS", {name: (*words[:2], *few) for name, words in jobs.JOBS.items()})
    times = jobs.jobs(rounds=1, threads=1, accelerator="cpu", number=2, each=2)
    assert len(times.seconds) == 4
    for name in jobs.JOBS:
        (seconds,), (alone,) = times.seconds[name], times.seconds[f"{name}: {jobs.ALONE}"]
        assert times.ratios[name] == [seconds / alone]
    more = f"{seconds - alone:.3f}"
    assert times.notes[1] == f"{name}: a job takes {more} s [{more}, {more}] more than {jobs.ALONE}"
    assert " MB after job 2, " in times.notes[2]


def test_a_sweep_is_timed_only_if_all_jobs_train() -> None:
    from benchmarks import jobs

    words = ["model=linear", "data=synthetic_regression", "trainer=cpu", "trainer.max_epochs=1", "threads=1"]
    held = torch.ones(50_000_000)  # 200 MB
    ends = jobs.sweep(words, 2)
    assert ends[0][0] < ends[1][0]
    assert all(memory > held.nbytes for _, memory in ends)
    with pytest.raises(RuntimeError, match=r"0 of 2 jobs trained:(.|\n)*lr=fast: must be a number"):
        jobs.sweep([*words, "lr=fast"], 2)


def test_the_file_has_what_real_files_have(tmp_path: Path) -> None:
    from benchmarks import csv_file

    path, same = tmp_path / "a.csv", tmp_path / "b.csv"
    for file in (path, same):
        csv_file.write(file, 300, text=3)
    assert path.read_bytes() == same.read_bytes()
    table = pd.read_csv(path)
    assert table.shape == (300, 21)
    assert [column for column in table if not pd.api.types.is_numeric_dtype(table[column])] == ["x0", "x1", "x2"]
    assert table["x2"].dropna().str.contains(",").all()
    missing = table.isna().mean()
    assert missing["y"] == 0
    assert 0.01 < missing.drop("y").mean() < 0.03  # .02 of 6,000 cells, whose standard error is .0018


def test_the_csv_benchmark_reads_both_files() -> None:
    from benchmarks import csv_file

    times = csv_file.csv_file(rounds=1, rows=300)
    for kind in csv_file.KINDS:
        assert times.ratios[kind] == [times.seconds[kind][0] / times.seconds[f"{kind}: {csv_file.ALONE}"][0]]


def test_very_many_runs_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import many_runs

    from initlab.sweeps.summary import summarize

    few = ("trainer.max_epochs=1", "trainer.limit_train_batches=5", "trainer.limit_val_batches=1")
    monkeypatch.setattr(many_runs, "WORDS", (*many_runs.WORDS[:-1], *few, "trainer.limit_test_batches=1"))
    sweep = many_runs.many_runs(20, tmp_path)
    assert {(row.setting["init"], row.score.n, row.identical) for row in summarize(sweep).rows} == {
        (scheme, 5, 0) for scheme in ("normal", "xavier", "kaiming", "zeros")
    }
    assert " MB held, a page of " in many_runs.report_of(sweep)
