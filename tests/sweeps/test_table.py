"""The closing table, from folders made by hand."""

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from initlab.errors import UserError
from initlab.sweeps import Job, SweepFolder, progress
from initlab.sweeps.conclusions import conclusions
from initlab.sweeps.summary import Summary, summarize
from initlab.sweeps.table import columns_of, show, write_csv

Made = Callable[[dict[str, list[Any]]], Path]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A sweep over init and seed; each init is given the scores of its seeds: a number, "nan", "failed" or "killed"."""

    def make(scores: dict[str, list[Any]]) -> Path:
        axes = {"init": list(scores), "seed": ["0", "1", "2"]}
        sweep = SweepFolder(tmp_path)
        sweep.begin({"command": [], "overrides": [], "axes": axes, "monitor": "val/acc", "mode": "max"}, [])
        for init, of_seeds in scores.items():
            for seed, score in enumerate(of_seeds):
                num = len(sweep.jobs)
                job = Job(num, f"{num}_{init}", {"init": init, "seed": str(seed)})
                sweep.add(job)
                folder = tmp_path / job.folder
                folder.mkdir()
                (folder / "config.yaml").write_text("")
                if score == "failed":
                    (folder / "failed.json").write_text('{"error": "x"}')
                elif score != "killed":
                    value = None if score == "nan" else score
                    summary = {"score": value, "seconds": 2.0, "metrics": {"val/acc": value, "train/loss": 1.0}}
                    (folder / "summary.json").write_text(json.dumps(summary))
                    found = [{"kind": "dead layer"}, {"kind": "dead layer"}] if init == "zeros" else []
                    (folder / "findings.json").write_text(json.dumps(found))
        return tmp_path

    return make


def printed(summary: Summary, width: int = 200) -> str:
    """What the terminal shows, with single spaces."""
    show(summary, Console(file=(out := io.StringIO()), width=width))
    return " ".join(out.getvalue().split())


def test_mean_spread_and_order(made: Made, tmp_path: Path) -> None:
    scores = {"zeros": [0.1, 0.1, 0.1], "xavier": [0.80, 0.82, 0.81], "kaiming": [0.85, 0.87, 0.865]}
    summary = summarize(made(scores))
    write_csv(summary, tmp_path / "sweep.csv")
    with open(tmp_path / "sweep.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["init"] for row in rows] == ["kaiming", "xavier", "zeros"]  # more of an accuracy is better
    for row in rows:
        values = np.array(scores[row["init"]])
        assert float(row["compared mean"]) == pytest.approx(values.mean(), rel=1e-12)
        assert float(row["val/acc std"]) == pytest.approx(values.std(ddof=1), rel=1e-12, abs=1e-12)
        assert int(row["n"]) == 3
    assert (rows[2]["kinds"], rows[2]["findings"]) == ("dead layer (3)", "3")  # runs that have it
    assert float(rows[1]["to the best row"]) == pytest.approx(-0.0516667, abs=1e-6)
    assert (rows[1]["pairs"], rows[1]["higher in"], rows[1]["lower in"], rows[1]["low"]) == ("3", "0", "3", "-inf")


def test_three_seeds_that_all_say_so_are_told_so_and_what_would_decide(made: Made) -> None:
    meaning, sentence = conclusions(summarize(made({"zeros": [0.1, 0.1, 0.1], "kaiming": [0.83, 0.82, 0.84]})))
    assert meaning == "± is one standard deviation over the seeds."
    assert sentence == (
        "init=kaiming against init=zeros (higher in 3 of 3 seeds): "
        "3 seeds cannot decide with 95% confidence, 6 can (exact sign-flip test). "
        "Differences like these need about 6 seeds for init=zeros."
    )


def test_seven_seeds_decide_between_three_rows(made: Made) -> None:
    scores = {"zeros": [0.1] * 7, "kaiming": [0.85] * 7, "xavier": [0.86, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8]}
    _, beats, open_, width = conclusions(summarize(made(scores)))
    assert beats.startswith(
        "init=kaiming beats init=zeros: val/acc at the end, paired over seeds, 95% confidence for all"
    )
    assert "3 pairs of rows together (exact sign-flip test, Bonferroni)" in beats
    assert "init=xavier (higher in 6 of 7 seeds): not decided with 95% confidence" in open_
    assert "1 as wide for init=xavier" in width  # the best row does not vary; of init=zeros there is no spread at all


def test_the_best_of_many_epochs_is_not_what_is_compared(made: Made, tmp_path: Path) -> None:
    """Two settings of the same mean, one with four times the noise: its highest of 50 epochs is always higher."""
    sweep = made({"quiet": [0.5] * 6, "noisy": [0.5] * 6})
    numbers = np.random.default_rng(0)
    for job in SweepFolder.read(sweep).jobs:
        epochs = 0.5 + numbers.normal(0, 0.02 if job.overrides["init"] == "noisy" else 0.005, 50)
        file = tmp_path / job.folder / "summary.json"
        file.write_text(json.dumps({"score": epochs.max(), "seconds": 1.0, "metrics": {"val/acc": epochs[-1]}}))
    summary = summarize(sweep)
    best = {row.name: min(row.best.values.values()) for row in summary.rows}
    assert best["init=noisy"] > max(next(r for r in summary.rows if r.name == "init=quiet").best.values.values())
    assert not any("beats" in sentence for sentence in conclusions(summary))


def test_runs_that_were_stopped_early_are_compared_at_the_same_epoch(made: Made, tmp_path: Path) -> None:
    sweep = made({"a": [0.9], "b": [0.8]})
    ends = ([0.5, 0.6, 0.9], "max_epochs"), ([0.7, 0.8], "early_stopping")
    for job, (curve, by) in zip(SweepFolder.read(sweep).jobs, ends, strict=True):
        folder = tmp_path / job.folder
        lines = [f"{epoch},{value}\n" for epoch, value in enumerate(curve)]
        (folder / "metrics.csv").write_text("".join(["epoch,val/acc\n", *lines]))
        summary = {"score": max(curve), "metrics": {"val/acc": curve[-1]}, "ended": {"by": by}}
        (folder / "summary.json").write_text(json.dumps(summary))
    summary = summarize(sweep)
    assert [(row.name, row.score.mean) for row in summary.rows] == [("init=b", 0.8), ("init=a", 0.6)]
    shown = printed(summary)
    assert "val/acc after epoch 2" in shown
    assert "Some runs were stopped early, so compared is epoch 2, the last that all runs in the means have." in shown
    assert "val/acc at the end" in shown  # of each run, another column


def test_a_difference_that_may_be_luck_is_not_called_one(made: Made) -> None:
    _, sentence, _ = conclusions(summarize(made({"a": [0.80, 0.86, 0.83] * 2, "b": [0.83, 0.82, 0.82] * 2})))
    assert "not decided" in sentence
    assert "beats" not in sentence


def test_one_seed_decides_nothing(made: Made) -> None:
    (sentence,) = conclusions(summarize(made({"a": [0.9], "b": [0.1]})))
    assert "one seed decides nothing, 6 can decide between two rows" in sentence


def test_rows_with_lost_runs_come_after_whole_ones(made: Made) -> None:
    summary = summarize(made({"a": ["failed"] * 2, "b": [0.9, "nan"], "c": [0.95, "failed"], "d": [0.5, 0.6]}))
    assert [row.name for row in summary.rows] == ["init=d", "init=c", "init=b", "init=a"]
    assert [(row.score.n, row.failed, row.score.nan) for row in summary.rows] == [
        (2, 0, 0), (1, 1, 0), (1, 0, 1), (0, 2, 0)
    ]  # fmt: skip
    assert summary.rows[2].to_best is None  # a mean without the runs that diverged says nothing about the setting


def test_an_unfinished_sweep_has_a_table_too(made: Made) -> None:
    (row,) = summarize(made({"a": [0.9, "killed"]})).rows
    assert (row.score.n, row.unfinished, row.failed) == (1, 1, 0)


def test_a_run_whose_summary_cannot_be_read_is_unfinished(made: Made, tmp_path: Path) -> None:
    folder = made({"a": [0.9, 0.8, 0.7], "b": [0.5, 0.5, 0.5]})
    (folder / "0_a" / "summary.json").write_text('{"score": ')
    (folder / "4_b" / "findings.json").write_text("[3, {}")
    one, two = summarize(folder).rows
    assert (one.name, two.name, two.score.n, two.unfinished) == ("init=b", "init=a", 2, 1)


def test_findings_stand_in_the_order_of_the_runs_causes_first(made: Made) -> None:
    """Whatever the order of Python's sets."""
    folder = made({"a": [0.9, 0.8]})
    kinds = [
        "vanishing signal",
        "vanishing gradient",
        "dead layer",
        "update too small",
        "loss not moving",
        "left its band",
    ]
    for name in ("0_a", "1_a"):
        (folder / name / "findings.json").write_text(json.dumps([{"kind": kind} for kind in [*kinds, kinds[0]]]))
    (row,) = summarize(folder).rows
    assert row.findings.most_common() == [(kind, 2) for kind in kinds]


def test_a_folder_of_runs_has_a_table_without_a_record(made: Made) -> None:
    """What was swept is what differs between the configs; what is compared is what they monitor."""
    folder = made({"a": [0.9, 0.8, "failed"], "b": [0.5, 0.6, 0.7]})
    with_record = summarize(folder)
    (folder / "sweep.json").unlink()
    for job in folder.iterdir():
        num, init = job.name.split("_")
        target = f"initlab.init.{init.upper()}"
        config = {"init": {"_target_": target}, "seed": int(num) % 3, "monitor": "val/acc", "mode": "max"}
        (job / "config.yaml").write_text(json.dumps(config))
    without = summarize(folder)
    assert len(without.troubles) == 1
    assert without.axes == {"init": ["a", "b"], "seed": ["0", "1", "2"]}
    for one, two in zip(with_record.rows, without.rows, strict=True):
        assert (one.setting, one.failed, one.to_best) == (two.setting, two.failed, two.to_best)
        assert list(one.score.values.values()) == list(two.score.values.values())


@pytest.mark.parametrize("width", [60, 100, 160])
def test_the_terminal_is_not_overrun(made: Made, width: int) -> None:
    summary = summarize(made({"zeros": [0.1, 0.1, 0.1], "kaiming": [0.85, "failed", 0.865]}))
    out = io.StringIO()
    show(summary, Console(file=out, width=width))
    assert max(map(len, out.getvalue().splitlines())) <= width
    assert "1 failed" in " ".join(out.getvalue().split()) or width == 60


def test_a_folder_without_a_sweep_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no sweep in this folder"):
        SweepFolder.read(tmp_path)
    (tmp_path / "sweep.json").write_text('{"jobs": [')
    with pytest.raises(UserError, match="cannot be read"):
        SweepFolder.read(tmp_path)


def test_runs_that_a_seed_does_not_change_count_once(made: Made, tmp_path: Path) -> None:
    folder = made({"zeros": [0.1] * 6, "kaiming": [0.85] * 6, "xavier": [0.5] * 6})
    curves = {"zeros": lambda seed: 0.1, "kaiming": lambda seed: 0.3 + seed / 10, "xavier": lambda seed: 0.5}
    for job in SweepFolder.read(folder).jobs:  # kaiming ends at the same accuracy, by another way each time
        value = curves[job.overrides["init"]](int(job.overrides["seed"]))
        (folder / job.folder / "metrics.csv").write_text(f"epoch,step,val/acc\n0,1,{value}\n")
    summary = summarize(folder)
    rows = {row.setting["init"]: row for row in summary.rows}
    assert {init: (row.score.n, row.identical) for init, row in rows.items()} == {
        "kaiming": (6, 0), "zeros": (1, 5), "xavier": (1, 5)
    }  # fmt: skip
    assert [row.to_best for row in summary.rows] == [None] * 3  # one seed is shared
    said = conclusions(summary)
    assert not any("beats" in sentence for sentence in said)
    assert any(s.startswith("A seed that changes nothing is no other run: with init=xavier, init=zeros") for s in said)
    write_csv(summary, tmp_path / "sweep.csv")
    with open(tmp_path / "sweep.csv", newline="") as file:
        assert [(row["n"], row["identical"]) for row in csv.DictReader(file)] == [("6", "0"), ("1", "5"), ("1", "5")]
    show(summary, console := Console(file=io.StringIO(), width=200))
    assert "1, 5 identical" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_hundred_seeds_are_a_distribution(made: Made, tmp_path: Path) -> None:
    """Quantiles are NumPy's; of the runs whose loss fell, and of those whose did not, the share with its interval."""
    scores = np.random.default_rng(0).normal(0.8, 0.01, 100)
    folder = made({"kaiming": list(scores), "normal": list(scores - 0.1)})
    for job in SweepFolder.read(folder).jobs:
        last = 0.5 if job.overrides["init"] == "kaiming" or int(job.overrides["seed"]) < 70 else 2.3
        rows = f"epoch,step,train/loss\n0,1,2.3\n1,2,{last}\n"
        (folder / job.folder / "metrics.csv").write_text(rows)
    summary = summarize(folder)
    kaiming, normal = summary.rows
    assert (kaiming.trained, normal.trained) == ((100, 100), (70, 100))
    write_csv(summary, tmp_path / "sweep.csv")
    with open(tmp_path / "sweep.csv", newline="") as file:
        first, second = csv.DictReader(file)
    for share in (5, 25, 50, 75, 95):
        assert float(first[f"compared {share}%"]) == np.quantile(scores, share / 100)
    low, high = stats.binomtest(70, 100).proportion_ci(0.95, method="wilson")
    assert (float(second["trained low"]), float(second["trained high"])) == pytest.approx((low, high), abs=1e-12)
    show(summary, console := Console(file=io.StringIO(), width=200))
    shown = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    assert "70 of 100 [60, 78 %]" in shown
    assert f"{np.median(scores):.4g} [{np.quantile(scores, 0.05):.4g}, {np.quantile(scores, 0.95):.4g}]" in shown
    assert "Trained with some seeds only: init=normal in 70 of 100 [60, 78 %]" in shown


class Clock:
    """The clock of `progress`, and of the files of a sweep's jobs."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.now, self.said = folder, 1000.0, list[str]()
        monkeypatch.setattr(progress, "time", SimpleNamespace(time=lambda: self.now, monotonic=lambda: self.now))
        monkeypatch.setattr(progress, "say", self.said.append)

    def write(self, job: Job, name: str, content: str = "") -> None:
        (self.folder / job.folder).mkdir(exist_ok=True)
        file = self.folder / job.folder / name
        file.write_text(content)
        os.utime(file, (self.now, self.now))

    def end(self, job: Job) -> None:
        self.write(job, "summary.json", '{"score": 0.5, "monitor": "val/acc", "seconds": 1.0, "metrics": {}}')


def begun(folder: Path, number: int) -> SweepFolder:
    sweep = SweepFolder(folder)
    jobs = [Job(num, f"{num}_job", {"seed": str(num)}) for num in range(number)]
    sweep.begin({"command": [], "overrides": [], "axes": {"seed": []}, "monitor": "val/acc", "mode": "max"}, jobs)
    return sweep


def test_of_very_many_jobs_a_line_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that failed are named, the others counted."""
    monkeypatch.setattr(progress, "MANY", 50)
    clock, sweep = Clock(tmp_path, monkeypatch), begun(tmp_path, 200)
    watch = progress.Progress(sweep, 200)
    for job in sweep.jobs:
        clock.write(job, "config.yaml")
        clock.now += 1.0
        if job.num == 7:
            clock.write(job, "failed.json", '{"error": "no room"}')
        else:
            clock.end(job)
        watch.look()
    said = clock.said
    ends = "59 unclear, 1 failed [1 failed, about 2.3 min left]"
    assert said[:3] == ["200 jobs", "seed=7: FAILED: no room", f"60 of 200 jobs: {ends}"]
    assert [line.split(" jobs")[0] for line in said[3:]] == ["120 of 200", "180 of 200", "200 of 200"]


def test_the_time_left_counts_from_the_start_of_the_first_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of the program, which takes its imports first."""
    clock, sweep = Clock(tmp_path, monkeypatch), begun(tmp_path, 4)
    watch = progress.Progress(sweep, 4)
    clock.now += 60.0
    for job in sweep.jobs:
        clock.write(job, "config.yaml")
        clock.now += 10.0
        clock.end(job)
        watch.look()
    assert [line.rpartition("[")[2] for line in clock.said[1:4]] == [
        "about 30 s left]", "about 20 s left]", "about 10 s left]"
    ]  # fmt: skip


def test_a_job_that_failed_before_is_told_when_it_has_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, sweep = Clock(tmp_path, monkeypatch), begun(tmp_path, 3)
    failure = '{"error": "a broken disk"}'
    for job in sweep.jobs:
        clock.write(job, "failed.json", failure)
    watch = progress.Progress(sweep, 3)
    watch.look()
    assert clock.said == ["3 jobs"]
    first, second, _ = sweep.jobs
    (tmp_path / first.folder / "failed.json").unlink()
    clock.write(first, "config.yaml")
    watch.look()
    clock.now += 10.0
    clock.end(first)
    clock.write(second, "failed.json", failure)  # once more
    watch.look()
    said = [line.partition(" [")[0] for line in clock.said[1:]]
    assert said == ["job 1 of 3: seed=0: val/acc 0.5000, 1.0 s", "job 2 of 3: seed=1: FAILED: a broken disk"]


@pytest.mark.parametrize(("places", "left"), [(8, [""]), (4, ["10 s"]), (2, ["30 s", "30 s", "20 s"])])
def test_jobs_side_by_side_end_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, places: int, left: list[str]
) -> None:
    """Eight jobs of 10 s, so many at a time: those that run count by how far they must have come."""
    clock, sweep = Clock(tmp_path, monkeypatch), begun(tmp_path, 8)
    watch = progress.Progress(sweep, 8)
    for first in range(0, 8, places):
        for job in sweep.jobs[first : first + places]:
            clock.write(job, "config.yaml")
        clock.now += 10.0
        for job in sweep.jobs[first : first + places]:
            clock.end(job)
            watch.look()
    said = [line.partition("about ")[2].removesuffix(" left]") for line in clock.said[1:]]
    assert said[: len(left)] == left


def test_a_line_of_progress_has_the_number_that_the_table_compares(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not that of the best epoch."""
    said: list[str] = []
    monkeypatch.setattr(progress, "say", said.append)
    sweep = SweepFolder.read(made({"kaiming": ["killed"]}))
    watch = progress.Progress(sweep, 1)
    (tmp_path / "0_kaiming" / "summary.json").write_text(
        json.dumps({"score": 0.91, "monitor": "val/acc", "seconds": 1.0, "metrics": {"val/acc": 0.13}})
    )
    watch.look()
    assert said[1] == "job 1 of 1: init=kaiming seed=0: val/acc 0.1300, 1.0 s"


def test_runs_that_diverged_and_were_ended_count_as_not_trained(made: Made, tmp_path: Path) -> None:
    """Those that failed for other reasons do not: of them it is not told."""
    folder = made({"kaiming": [0.9, 0.8, "failed", "failed"], "normal": ["failed", "failed"]})
    for job in SweepFolder.read(folder).jobs:
        of_job = folder / job.folder
        if (of_job / "failed.json").exists():
            (of_job / "forecast.json").write_text('{"verdict": "will not train"}')
            if job.num != 3:
                (of_job / "findings.json").write_text('[{"kind": "non-finite", "layers": ["layers.1"]}]')
        last = 0.5 if job.num == 0 else 2.3
        (of_job / "metrics.csv").write_text(f"epoch,step,train/loss\n0,100,2.3\n1,200,{last}\n")
    summary = summarize(folder)
    kaiming, normal = summary.rows
    assert (kaiming.trained, normal.trained) == ((1, 3), (0, 2))
    assert (kaiming.failed, normal.failed) == (2, 2)
    assert kaiming.outcomes == {"trained": 1, "flat": 1, "diverged": 1, "failed": 1}
    assert (kaiming.forecasts["will not train"], normal.forecasts["will not train"]) == (2, 2)
    low, high = stats.binomtest(1, 3).proportion_ci(0.95, method="wilson")
    assert f"1 of 3 [{100 * low:.0f}, {100 * high:.0f} %]" in printed(summary)
    write_csv(summary, tmp_path / "sweep.csv")
    with open(tmp_path / "sweep.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["trained"], row["trained of"], row["failed"]) for row in rows] == [("1", "3", "2"), ("0", "2", "2")]


def test_settings_that_are_the_same_in_every_seed_need_no_number_of_seeds(made: Made) -> None:
    scores = {"a": [0.83, 0.82, 0.84], "b": [0.83, 0.82, 0.84], "c": [0.831, 0.8188, 0.84], "d": [0.1, 0.1, 0.1]}
    said = conclusions(summarize(made(scores)))
    assert "init=a and init=b: val/acc at the end is the same in every seed that they share." in said
    (open_,) = [sentence for sentence in said if "against" in sentence]
    assert open_.startswith("init=a against init=c (higher in 1 of 3 seeds), init=d (higher in 3 of 3 seeds): ")
    assert open_.endswith("Differences like these need more than 1,000 seeds for init=c, about 8 seeds for init=d.")


def test_values_are_shortened_only_as_far_as_they_stay_apart(made: Made, tmp_path: Path) -> None:
    """A sampler's long numbers in four digits, but of 0.100000001 and 0.100000002 as many as it takes."""
    values = {
        "sigma": ["0.100000001", "0.100000002", "0.1"], "lr": ["0.0123456789", "1000000.0", "0.5"],
        "data.num_train": ["123456789012", "123456789013", "5"], "init": ["kaiming_uniform", "xavier_uniform", "zeros"],
    }  # fmt: skip
    sweep = SweepFolder(tmp_path)
    jobs = [Job(i, str(i), {key: column[i] for key, column in values.items()}) for i in range(3)]
    axes = {key: list(column) for key, column in values.items()}
    sweep.begin({"command": [], "overrides": [], "axes": axes, "monitor": "val/loss", "mode": "min"}, jobs)
    for job in jobs:
        (tmp_path / job.folder).mkdir()
        summary = {"score": job.num, "seconds": 2.0, "metrics": {"val/loss": job.num}}
        (tmp_path / job.folder / "summary.json").write_text(json.dumps(summary))
    summary = summarize(tmp_path)
    shown = [[str(cell) for cell in column.cells] for column in columns_of(summary)[:4]]
    assert shown == [
        ["0.100000001", "0.100000002", "0.1"], ["0.01235", "1e+06", "0.5"], ["123456789012", "123456789013", "5"],
        ["kaiming_uniform", "xavier_uniform", "zeros"],
    ]  # fmt: skip
    assert "sigma=0.100000002 lr=1e+06 " in summary.rows[1].name  # as in the table
    assert [row.setting["lr"] for row in summary.rows] == values["lr"]  # and the page, sweep.csv as they were given


def test_the_compared_column_is_there_once(made: Made) -> None:
    summary = summarize(made({"a": [0.9, 0.8, 0.7], "b": [0.5, 0.6, 0.7]}))
    headings = [column.heading for column in columns_of(summary)]
    assert headings[:3] == ["init", "val/acc at the end", "n"]
    assert "val/acc" not in headings
    assert "val/acc" not in printed(summary, width=40).replace("val/acc at the end", "")


def test_a_best_epoch_by_another_metric_is_no_best_of_this_one(made: Made, tmp_path: Path) -> None:
    """Nor by the other end of it, nor is it what such a run is compared by."""
    folder = made({"a": [0.9, 0.8], "b": [0.5, 0.6], "c": [0.7, 0.4]})
    mode = "config.yaml", "mode: min\n"
    for num, at_the_end, (name, text) in (
        (2, {"val/acc": 0.5}, ("summary.json", "val/loss")), (3, {}, ("summary.json", "val/loss")),
        (4, {"val/acc": 0.7}, mode), (5, {"val/acc": 0.4}, mode),
    ):  # fmt: skip
        of_job = folder / f"{num}_{'abc'[num // 2]}"
        summary = {"score": 0.1, "metrics": at_the_end, "seconds": 1.0}
        if name == "summary.json":
            summary["monitor"] = text
        else:
            (of_job / name).write_text(text)
        (of_job / "summary.json").write_text(json.dumps(summary))
    rows = {row.setting["init"]: row for row in summarize(folder).rows}
    assert rows["a"].best.values == rows["a"].score.values
    assert (rows["b"].best.values, rows["c"].best.values) == ({}, {})
    assert (list(rows["b"].score.values.values()), rows["b"].score.nan) == ([0.5], 1)  # 0.1 is a loss
    assert "highest val/acc" not in printed(summarize(folder))


def test_the_best_epoch_has_no_column_where_it_is_the_last_one(made: Made, tmp_path: Path) -> None:
    """The last epoch's metric is a float64, the best one's has been a float32."""
    folder = made({"a": [1 / 3, 2 / 3]})
    file = folder / "0_a" / "summary.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"score": float(np.float32(1 / 3))}))
    assert "highest val/acc" not in printed(summarize(folder))
    file.write_text(json.dumps(json.loads(file.read_text()) | {"score": 0.3334}))
    assert "highest val/acc" in printed(summarize(folder))


def test_the_axes_of_a_study_hold_the_values_that_it_chose(tmp_path: Path) -> None:
    """Not the range that they were chosen from, so the page draws numbers along a line."""
    sweep = SweepFolder(tmp_path)
    jobs = [Job(num, str(num), {"lr": lr, "seed": "0"}) for num, lr in enumerate(["0.5", "0.03", "0.5"])]
    axes = {"lr": ["interval(0.01, 1)"], "seed": ["0"]}
    sweep.begin({"command": [], "overrides": [], "axes": axes, "monitor": "val/loss", "mode": "min"}, jobs)
    assert summarize(tmp_path).axes == {"lr": ["0.03", "0.5"], "seed": ["0"]}


def test_the_same_trial_again_is_no_seed_that_changes_nothing(made: Made) -> None:
    """As a sampler may choose it."""
    folder = made({"a": [0.9], "b": [0.5, 0.5]})
    sweep = SweepFolder.read(folder)
    for job in sweep.jobs:
        (folder / job.folder / "metrics.csv").write_text("epoch,step,val/acc\n0,100,0.5\n")
    said = "A seed that changes nothing is no other run: with init=b"
    assert any(sentence.startswith(said) for sentence in conclusions(summarize(folder)))
    record = (folder / "sweep.json").read_text()
    (folder / "sweep.json").write_text(record.replace('"seed": "1"', '"seed": "0"'))
    summary = summarize(folder)
    assert [row.identical for row in summary.rows] == [0, 1]
    assert not any(said in sentence for sentence in conclusions(summary))


def test_a_pruned_run_is_counted_once(made: Made) -> None:
    """It is in the mean, as `n` says."""
    folder = made({"a": [0.9, 0.8, "failed"]})
    (folder / "1_a" / "pruned.json").write_text("{}")
    (row,) = summarize(folder).rows
    assert (row.score.mean, row.counted) == (pytest.approx(0.85), "2 (1 pruned), 1 failed")
