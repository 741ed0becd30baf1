"""A past run opened again: its own config, weights and rows."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from initlab.composition import compose
from initlab.errors import UserError
from initlab.models import MLP, LinearRegression
from initlab.run import Result, train
from initlab.runs import Run, find_run, open_run

LINEAR = ["model=linear", "data=synthetic_regression", "init=normal", "trainer=cpu", "threads=1"]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = tmp_path_factory.mktemp("runs") / "outputs" / "runs" / "a"
    return train(compose(*LINEAR, "trainer.max_epochs=3", "data.w=[1,2,3]", "seed=7", run_dir=folder))


def test_a_run_comes_back_as_it_was(result: Result) -> None:
    run = open_run(result.run_dir, weights="last")
    assert run.config.seed == 7
    assert run.finished
    assert run.error is None
    assert run.summary is not None
    assert run.summary["metrics"] == result.metrics
    assert run.metrics["val/loss"].iloc[-1] == result.metrics["val/loss"]  # every bit
    assert list(run.metrics["epoch"]) == [0, 1, 2]
    assert set(run.rows["quantity"]) >= {"mean", "std", "loss", "update_ratio"}
    assert list(run.histograms.columns) == ["step", "layer", "low", "high", "counts"]
    assert isinstance(run.findings, list)
    assert isinstance(run.model, LinearRegression)
    assert torch.equal(run.model.net.weight, result.model.net.weight)
    for ours, its in zip(run.data.splits, result.data.splits, strict=True):
        assert torch.equal(ours[0], its[0].cpu())


def test_files_are_read_without_torch(result: Result) -> None:
    probe = f"""
import sys
from initlab.runs import open_run
run = open_run({str(result.run_dir)!r})
run.config, run.metrics, run.rows, run.histograms, run.findings, run.summary, run.finished, run.error
print(sorted({{"torch", "lightning", "matplotlib"}} & set(sys.modules)))
"""
    said = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_latest_names_and_typos(result: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(result.run_dir.parents[2])
    assert find_run("latest") == find_run("a") == find_run("outputs/runs/a") == result.run_dir.resolve()
    (result.run_dir.parents[1] / "latest_run").unlink()  # a file system without links
    assert find_run("latest") == result.run_dir.resolve()
    with pytest.raises(UserError, match=r"run=lates: there is no such folder; did you mean latest\?"):
        find_run("lates")
    with pytest.raises(UserError, match=r"such as run=outputs/runs/a"):
        find_run("outputs/runs")
    with pytest.raises(UserError, match=r"no config\.yaml"):
        find_run(".")


def test_a_run_that_was_killed_opens_too(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("seed: 0\n")
    run = open_run(tmp_path)
    assert not run.finished
    assert run.metrics.empty
    assert run.findings == []
    with pytest.raises(UserError, match="no such checkpoint"):
        _ = run.checkpoint

    (tmp_path / "signal.csv").write_bytes(b"step,layer,quantity,value\r\n0,a,std,0.1\r\n1,a,st")
    (tmp_path / "failed.json").write_text(json.dumps({"error": "lr=1e99: too large", "traceback": ""}))
    run = open_run(tmp_path)
    pd.testing.assert_frame_equal(
        run.rows, pd.DataFrame({"step": [0], "layer": ["a"], "quantity": ["std"], "value": [0.1]})
    )
    assert run.error == "lr=1e99: too large"


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [
        ("config.yaml", "a: [", "config"),
        ("config.yaml", "", "config"),
        ("summary.json", '{"metrics": ', "summary"),
        ("metrics.csv", 'epoch,step\n0,1,2,3\n"', "metrics"),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path: Path, name: str, content: str, read: str) -> None:
    (tmp_path / "config.yaml").write_text("seed: 0\n")
    (tmp_path / name).write_text(content + "\n0,1,2,3,4,5\n" if name.endswith("csv") else content)
    with pytest.raises(UserError, match=name) as caught:
        getattr(open_run(tmp_path), read)
    assert "\n" not in str(caught.value)


BROKEN = [
    ("config.yaml", b"a: [1,", "settings"), ("config.yaml", b"- 1\n", "settings"),
    ("config.yaml", b"\xff", "config_text"),
    ("summary.json", b'{"metrics": ', "summary"), ("failed.json", b"[]", "failed"),
    ("findings.json", b"{}", "findings"),
    ("environment.json", b"null", "environment"), ("forecast.json", b"[" * 100_000, "forecast"),
    ("metrics.csv", b"epoch,val/loss\n0,1\n", "metrics"), ("signal.csv", b"a\n1\n", "rows"),
    ("histograms.csv", b"step,layer\n0,a\n", "histograms"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "read"), BROKEN)
def test_what_is_an_error_of_a_strict_run_is_a_sentence_of_a_lenient_one(
    tmp_path: Path, name: str, content: bytes, read: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=name) as caught:
        getattr(Run(tmp_path), read)
    run = Run.lenient(tmp_path)
    found = getattr(run, read)
    assert found is None or len(found) == 0
    (trouble,) = run.troubles
    assert trouble == str(caught.value).removeprefix(f"{tmp_path}/") + "; it is left out"


def test_lines_that_no_run_writes(tmp_path: Path) -> None:
    """An error where a run goes on from them; a page is drawn of the others."""
    lines = [
        "step,layer,quantity,value",
        "0,a,std,1",
        "x,a,std,1",
        "1,a,std,word",
        "2,null,std,inf",
        "3,a,std,nan",
        "4,",
    ]
    (tmp_path / "signal.csv").write_text("\n".join(lines))
    with pytest.raises(UserError, match=r"signal\.csv: not a table"):
        _ = Run(tmp_path).rows
    run = Run.lenient(tmp_path)
    assert run.rows["step"].tolist() == [0, 2, 3]
    assert run.rows["layer"].tolist() == ["a", "null", "a"]  # a name, not a number that is missing
    assert run.series("a", "std")["value"].isna().tolist() == [False, True]
    assert [trouble.split(":")[0] for trouble in run.troubles] == ["signal.csv ends in mid-line", "signal.csv"]
    assert "2 lines cannot be read" in run.troubles[1]


def test_a_checkpoint_alone_makes_a_model(tmp_path: Path) -> None:
    import lightning as L

    from initlab.data.batches import Batches

    model = MLP(4, 3, num_hiddens=[5], activation="tanh", layers="torch")
    trainer = L.Trainer(max_epochs=1, logger=False, enable_progress_bar=False, accelerator="cpu",
                        enable_checkpointing=False, enable_model_summary=False)  # fmt: skip
    trainer.fit(model, Batches(torch.randn(8, 4), torch.arange(8) % 3, 4))
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    loaded = MLP.load_from_checkpoint(tmp_path / "a.ckpt")
    for (name, ours), (_, its) in zip(loaded.named_parameters(), model.named_parameters(), strict=True):
        assert torch.equal(ours, its), name
    assert loaded.activation == "tanh"
