"""One page from any folder, or one sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from run_folders import make_run, make_sweep

from initlab.errors import UserError
from initlab.report import write_report

ROOT = Path(__file__).parents[2]
LIMIT = 6_000_000  # bytes


def script(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "scripts/report.py", *words], capture_output=True, text=True, timeout=600
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
            [sys.executable, ROOT / "scripts/report.py", folder], check=True, timeout=600, capture_output=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        )  # fmt: skip
        pages.append((folder / "report.html").read_bytes())
    assert pages[0] == pages[1]


def test_a_link_to_the_latest_and_no_torch(tmp_path: Path) -> None:
    make_run(tmp_path / "runs/one")
    (tmp_path / "runs/latest").symlink_to("one")
    program = f"import sys; from initlab.report import write_report; write_report({str(tmp_path / 'runs/latest')!r}); "
    program += "assert not {'torch', 'lightning'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=600)
    assert (tmp_path / "runs/one/report.html").is_file()


def test_what_is_no_run_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/notes.txt").write_text("")
    for name, words in {
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
    "findings.json": ("findings.json is not whole JSON", ""),
    "environment.json": ("environment.json is not whole JSON", ""),
    "summary.json": ("summary.json is not whole JSON", "It did not finish"),
    "config.yaml": ("config.yaml is not whole YAML", "There is no config.yaml"),
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
    assert "Best: kaiming" in text


def test_who_beats_whom_is_said_as_the_closing_table_has_it(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path / "sweep", {"init": ["normal", "kaiming"], "seed": ["0", "1"]}, steps=[0])
    assert "It beats" not in write_report(folder).read_text()
    scores = [json.loads((folder / f"{n}_init-kaiming_seed-{n - 2}/summary.json").read_text())["score"] for n in (2, 3)]
    table = folder / "sweep.csv"
    head = "init,n,compared mean,to the best row,low,high,pairs,higher in,lower in\r\n"
    best = f"{head}kaiming,2,{sum(scores) / 2!r},,,,,,\r\n"
    table.write_text(f"{best}normal,2,2.3526,1.66,1.5,1.82,2,2,0\r\n")
    text = write_report(folder).read_text()
    assert "It beats normal (paired over the seeds" in text
    assert "+1.66" in text
    assert "[1.5, 1.82]" in text
    table.write_text(f"{best}normal,2,2.3526,1.66,-inf,inf,2,2,0\r\n")
    said = "Against normal (lower in 2 of 2 seeds): 2 seeds cannot decide at 95 % confidence, 6 can."
    assert said in write_report(folder).read_text()
    one = f"{head}kaiming,1,{scores[0]!r},,,,,,\r\n"
    table.write_text(f"{one}normal,1,2.3526,1.66,1.5,1.82,2,2,0\r\n")  # before the other seed
    assert "It beats" not in write_report(folder).read_text()


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
    from initlab.report.run_files import read_run
    from initlab.report.sweep_files import Job, Sweep
    from initlab.report.sweep_page import sweep_page

    steps = [*range(100), *range(100, 60_000, 100)]
    run = read_run(make_run(tmp_path / "run", depth=20, epochs=200, steps=steps), pictures=False)
    jobs = []
    import numpy as np

    rng = np.random.default_rng(0)
    for num in range(50):
        own = read_run(tmp_path / "run", pictures=False) if num == 0 else type(run)(**vars(run) | {})
        assert run.signal is not None
        own.signal = run.signal.assign(value=run.signal["value"] * rng.lognormal(0, 2, len(run.signal)))
        own.folder = tmp_path / f"run-{num}"
        jobs.append(Job(num, own.folder, {"init": f"scheme-{num // 5}", "seed": str(num % 5)}, own))
    axes = {"init": [f"scheme-{i}" for i in range(10)], "seed": [str(i) for i in range(5)]}
    page = sweep_page(Sweep(tmp_path, [], axes, "val/loss", "min", jobs))
    assert len(page.encode()) < LIMIT
    assert "are not among them" not in page  # every run has its pictures
