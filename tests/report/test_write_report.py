"""One page from any folder, or one sentence."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from children import PATIENCE
from run_folders import make_run, make_sweep

from initlab.errors import UserError
from initlab.report import write_report
from initlab.report.sweep_page import sweep_page
from initlab.runs import Run
from initlab.sweeps import Job
from initlab.sweeps.summary import Member, Row, Summary, summarize
from initlab.sweeps.table import write_csv

ROOT = Path(__file__).parents[2]
LIMIT = 6_000_000  # bytes


def script(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "scripts/report.py", *words], capture_output=True, text=True, timeout=PATIENCE
    )


def test_the_same_rows_give_the_same_page(tmp_path: Path) -> None:
    page = write_report(make_run(tmp_path / "run"))
    first = page.read_bytes()
    assert page == tmp_path / "run" / "report.html"
    assert write_report(tmp_path / "run").read_bytes() == first
    assert len(first) < LIMIT


def test_a_sweep_too_whatever_the_order_of_pythons_sets(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path / "sweep", {"init": ["normal", "kaiming"], "seed": ["0", "1"]}, steps=[0, 10])
    pages = []
    for seed in "12":
        subprocess.run(
            [sys.executable, ROOT / "scripts/report.py", folder], check=True, timeout=PATIENCE, capture_output=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        )  # fmt: skip
        pages.append((folder / "report.html").read_bytes())
    assert pages[0] == pages[1]


def test_seeds_of_several_kinds_are_counted_together(tmp_path: Path) -> None:
    axes = {"init": ["normal", "kaiming"], "seed": ["0", "1"], "data.seed": ["0", "1", "2"]}
    title = "init: 12 runs, 6 seeds each"
    assert title in sweep_page(summarize(make_sweep(tmp_path / "sweep", axes, steps=[0, 10])))


def test_a_link_to_the_latest_and_no_torch(tmp_path: Path) -> None:
    make_run(tmp_path / "runs/one")
    (tmp_path / "runs/latest").symlink_to("one")
    program = f"import sys; from initlab.report import write_report; write_report({str(tmp_path / 'runs/latest')!r}); "
    program += "assert not {'torch', 'lightning'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=PATIENCE)
    assert (tmp_path / "runs/one/report.html").is_file()


def test_what_is_no_run_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/notes.txt").write_text("")
    (tmp_path / "latest_run").symlink_to("nowhere")
    for name, words in {
        "latest_run": "a link to a folder that is gone",
        "nowhere": "no such folder",
        "empty": "an empty folder",
        "other": "no run and no sweep",
    }.items():
        with pytest.raises(UserError, match=words):
            write_report(tmp_path / name)
    with pytest.raises(UserError, match="a file, not a folder"):
        write_report(tmp_path / "other/notes.txt")
    with pytest.raises(UserError, match=r"no such folder|too long"):
        write_report(tmp_path / ("a" * 300))
    (make_run(tmp_path / "run", steps=[0]) / "report.html").mkdir()
    with pytest.raises(UserError, match="is written into the folder"):
        write_report(tmp_path / "run")
    answer = script(str(tmp_path / "nowhere"))
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("error: ")
    assert answer.stderr.count("\n") == 1


SENTENCES = {
    "signal.csv": ("signal.csv ends in mid-line", "There is no signal.csv"),
    "metrics.csv": ("metrics.csv ends in mid-line", "There is no metrics.csv"),
    "histograms.csv": ("histograms.csv ends in mid-line", ""),
    "findings.json": ("findings.json: not whole JSON, it was cut off or altered; it is left out", ""),
    "environment.json": ("environment.json: not whole JSON", ""),
    "summary.json": ("summary.json: not whole JSON", "It did not finish"),
    "config.yaml": ("config.yaml: not whole YAML", "There is no config.yaml"),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_a_file_that_is_cut_off_or_missing_is_said(tmp_path: Path, name: str) -> None:
    cut_off, missing = SENTENCES[name]
    file = make_run(tmp_path / "run", init="normal", fades=0.1) / name
    file.write_bytes(file.read_bytes()[:-9])
    if name == "config.yaml":
        file.write_text("a: [1,")
    assert cut_off in write_report(tmp_path / "run").read_text()
    file.unlink()
    assert missing in write_report(tmp_path / "run").read_text()


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 400, b"step,layer,quantity,value\n", b"\xff\xfe\n1,2\n",
     b'step,layer,quantity,value\n1,"a,std,1\n2,b\n',
     b"step,layer,quantity,value\n1,a,std,1\nx,a,std,2\n3,a,std,word\n4,a,std,2,3,4\n5.5,a,std,1\n6,a,std,inf\n"
     b"-7,a,std,1\n99999999999999999999,a,std,1\n8,a,std,1e999\n"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["signal.csv", "metrics.csv", "histograms.csv"])
def test_any_bytes_make_a_page(tmp_path: Path, name: str, content: bytes) -> None:
    (make_run(tmp_path / "run") / name).write_bytes(content)
    assert "</html>" in write_report(tmp_path / "run").read_text()


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{}",
        "null",
        "[1, {}]",
        '{"jobs": 3}',
        '{"jobs": [{"folder": "../.."}]}',
        "[" * 99_999,
        '[{"kind": "\\ud800", "value": 1' + "0" * 400 + "}]",
        '{"score": 1' + "0" * 400 + "}",
    ],
)
@pytest.mark.parametrize("name", ["findings.json", "summary.json", "environment.json", "failed.json", "../sweep.json"])
def test_any_json_makes_a_page(tmp_path: Path, name: str, content: str) -> None:
    folder = make_run(tmp_path / "sweep/run", steps=[0])
    (folder / name).write_text(content)
    assert "</html>" in write_report(folder).read_text()
    assert "</html>" in write_report(folder.parent).read_text()


def test_a_half_written_run(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.yaml").write_text("seed: 0\n")
    text = write_report(tmp_path / "run").read_text()
    assert "It did not finish." in text
    assert "It wrote no figures" in text


def test_a_sweep_says_what_failed_what_stopped_and_what_never_began(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path / "sweep", {"init": ["normal", "kaiming"], "seed": ["0", "1"]}, steps=[0, 10, 100])
    failed, stopped = folder / "0_init-normal_seed-0", folder / "1_init-normal_seed-1"
    (failed / "summary.json").unlink()
    (stopped / "summary.json").unlink()
    (failed / "failed.json").write_text(json.dumps({"error": "the disk <b>is</b> full", "traceback": "..."}))
    plan = json.loads((folder / "sweep.json").read_text())
    plan["jobs"].append({"num": 4, "folder": "4_later", "overrides": {"init": "zeros", "seed": "0"}})
    (folder / "sweep.json").write_text(json.dumps(plan))
    text = write_report(folder).read_text()
    assert "the disk &lt;b&gt;is&lt;/b&gt; full." in text
    assert "normal, seed 1: did not finish, or still running" in text
    assert "zeros, seed 0: not begun" in text
    assert "kaiming" in text


def test_where_it_cannot_be_told_whether_runs_trained_nobody_says_that_none_did(tmp_path: Path) -> None:
    """Runs without a row of their first losses, as without the monitor, of one epoch."""
    folder = make_sweep(tmp_path / "sweep", {"init": ["kaiming"], "seed": ["0", "1"]}, steps=[], epochs=1)
    text = write_report(folder).read_text()
    assert "2 unclear" in text
    assert "None of the runs trained" not in text
    assert "Best: " in text


def test_who_beats_whom_is_said_as_the_closing_table_has_it(tmp_path: Path) -> None:
    """Six seeds of one sign decide between two settings, 2 / 2^6 < 5 %; two do not."""
    seeds = [str(seed) for seed in range(6)]
    text = write_report(make_sweep(tmp_path / "two", {"init": ["normal", "kaiming"], "seed": seeds[:2]}, steps=[0]))
    said = "init=kaiming against init=normal (lower in 2 of 2 seeds): 2 seeds cannot decide with 95% confidence, 6 can"
    assert said in text.read_text()
    assert " beats " not in text.read_text()

    folder = make_sweep(tmp_path / "six", {"init": ["normal", "kaiming"], "seed": seeds}, steps=[0])
    differences = []
    for seed in range(6):
        losses = [
            json.loads((folder / f"{num}_init-{init}_seed-{seed}/summary.json").read_text())["metrics"]["val/loss"]
            for num, init in ((seed, "normal"), (6 + seed, "kaiming"))
        ]
        differences.append(losses[0] - losses[1])
    page = write_report(folder).read_text()
    assert "init=kaiming beats init=normal: val/loss at the end, paired over seeds, 95% confidence" in page
    assert f"{sum(differences) / 6:+.3g}" in page
    assert f"[{min(differences):.3g}, {max(differences):.3g}]" in page  # the extreme order statistics
    write_csv(summarize(folder), folder / "sweep.csv")
    with open(folder / "sweep.csv", newline="") as file:
        _, worse = csv.DictReader(file)
    assert float(worse["to the best row"]) == pytest.approx(sum(differences) / 6, rel=1e-12)
    assert (float(worse["low"]), float(worse["high"])) == pytest.approx((min(differences), max(differences)), rel=1e-12)


def test_the_command_of_a_job_is_its_own(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path / "sweep", {"init": ["kaiming"], "seed": ["0", "1"]}, steps=[0])
    job = folder / "1_init-kaiming_seed-1"
    environment = json.loads((job / "environment.json").read_text())
    environment["command"] = ["train.py", "-m", "init=kaiming", "seed=0,1", "model.depth=2"]
    (job / "environment.json").write_text(json.dumps(environment))
    assert "python scripts/train.py model.depth=2 init=kaiming seed=1</pre>" in write_report(job).read_text()
    assert "python scripts/train.py -m init=kaiming seed=0,1</pre>" in write_report(folder).read_text()


def test_fifty_long_runs_of_twenty_layers_fit(tmp_path: Path) -> None:
    """What does not compress is the noise of the figures, so each run has its own; read once, copied in memory."""
    import numpy as np

    steps = [*range(100), *range(100, 60_000, 100)]
    read = Run.lenient(make_run(tmp_path / "run", depth=20, epochs=200, steps=steps))
    rng = np.random.default_rng(0)
    members, rows = [], [Row(it := {"init": f"scheme-{i}"}, it) for i in range(10)]
    _ = read.signal, read.metrics, read.summary, read.findings, read.failed, read.environment, read.config_text
    for num in range(50):
        own = Run.lenient(tmp_path / f"run-{num}")
        own.__dict__ |= {name: value for name, value in vars(read).items() if name not in ("path", "_files")}
        own.signal = read.signal.assign(value=read.signal["value"] * rng.lognormal(0, 2, len(read.signal)))
        job = Job(num, own.path.name, {"init": f"scheme-{num // 5}", "seed": str(num % 5)})
        members.append(Member(job, own, str(num % 5)))
        rows[num // 5].add(members[-1], 0.5)
    axes = {"init": [f"scheme-{i}" for i in range(10)], "seed": [str(i) for i in range(5)]}
    page = sweep_page(Summary(tmp_path, members, rows, axes, "val/loss", "min"))
    assert len(page.encode()) < LIMIT
    assert page.count("<td") > 50
    assert "are not among them" not in page  # every run has its pictures
