"""The closing table, from folders made by hand."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from initlab.errors import UserError
from initlab.sweeps import Job, SweepFolder
from initlab.sweeps.table import conclusions, show, summarize, write_csv

Made = Callable[[dict[str, list[Any]]], SweepFolder]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A sweep over init and seed; each init is given the scores of its seeds: a number, "nan", "failed" or "killed"."""

    def make(scores: dict[str, list[Any]]) -> SweepFolder:
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
        return SweepFolder.read(tmp_path)

    return make


def test_mean_spread_and_order(made: Made, tmp_path: Path) -> None:
    scores = {"zeros": [0.1, 0.1, 0.1], "xavier": [0.80, 0.82, 0.81], "kaiming": [0.85, 0.87, 0.865]}
    summary = summarize(made(scores))
    write_csv(summary, tmp_path / "sweep.csv")
    with open(tmp_path / "sweep.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["init"] for row in rows] == ["kaiming", "xavier", "zeros"]  # more of an accuracy is better
    for row in rows:
        values = np.array(scores[row["init"]])
        assert float(row["score mean"]) == pytest.approx(values.mean(), rel=1e-12)
        assert float(row["val/acc std"]) == pytest.approx(values.std(ddof=1), rel=1e-12, abs=1e-12)
        assert int(row["n"]) == 3
    assert (rows[2]["kinds"], rows[2]["findings"]) == ("dead layer (3)", "3")  # runs that have it
    assert float(rows[1]["score to best"]) == pytest.approx(-0.0516667, abs=1e-6)
    beats, _, how = conclusions(summary)[0].partition(": ")
    assert beats == "init=kaiming beats init=xavier, init=zeros"
    assert "3 pairs of rows together (Bonferroni)" in how


def test_a_difference_that_may_be_luck_is_not_called_one(made: Made) -> None:
    (sentence,) = conclusions(summarize(made({"a": [0.80, 0.86, 0.83], "b": [0.83, 0.82, 0.82]})))
    assert "not decided" in sentence
    assert "beats" not in sentence


def test_one_seed_decides_nothing(made: Made) -> None:
    (sentence,) = conclusions(summarize(made({"a": [0.9], "b": [0.1]})))
    assert "one seed decides nothing" in sentence


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
