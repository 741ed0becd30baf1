"""What results look like in a notebook: escaped, small, and as text where there is no HTML."""

import json
from pathlib import Path

import pytest
from test_notebooks import Checked

from initlab import forecast, open_run, open_sweep
from initlab.callbacks import EpochLines, epoch_lines
from initlab.errors import UserError
from initlab.init import Normal
from initlab.notebook import MOST, card, plot, table

NASTY = '<script>alert("x")</script>&<b onclick=1>'


def test_text_is_escaped_and_long_tables_are_cut() -> None:
    made = card(NASTY, [NASTY], "bad", NASTY, table({NASTY: [NASTY]}) + plot(NASTY, {NASTY: {0: 1.0, 1: 2.0}}))
    Checked(made)
    assert NASTY not in made
    assert made.count("&lt;script&gt;") == 8
    rows = table({"layer": [f"layers.{i}" for i in range(1000)], "std": ["1"] * 1000})
    assert rows.count("<tr") == MOST + 2  # the heading, and a row for those left out
    assert f"... {1000 - MOST} more" in rows
    assert "layers.999<" in rows


def test_a_plot_is_drawn_through_finite_points_alone() -> None:
    assert plot("", {}) == plot("", {"a": {0: 1.0}}) == plot("", {"a": {0: 1.0, 1: float("nan")}}) == ""
    drawn = plot("loss", {"a": {1: 100.0, 2: float("inf"), 3: 1.0}})  # log axis: the ends are the ends of the frame
    assert 'points="52.0,12.0 452.0,130.0"' in drawn
    assert "polyline" in plot("loss", {"a": {1: 0.0, 2: 0.0}})


def test_a_run_from_anybody(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("seed: 0\n")
    (tmp_path / "metrics.csv").write_text("epoch,step,train/loss,val/loss\n0,10,2.0,2.1\n1,20,1.0,1.2\n")
    (tmp_path / "summary.json").write_text(json.dumps({"metrics": {"val/loss": 1.2, "train/loss": 1.0}}))
    finding = {"kind": "dead layer", "says": NASTY, "since": 0, "layers": ["a"]}
    (tmp_path / "findings.json").write_text(json.dumps([finding]))
    run = open_run(tmp_path)
    bundle = run.show()._repr_mimebundle_()
    assert bundle == run._repr_mimebundle_()
    assert bundle["text/plain"] == repr(run.show())
    assert "It trained, with 1 finding." in bundle["text/plain"]
    Checked(bundle["text/html"])
    assert NASTY not in bundle["text/html"]
    assert bundle["text/html"].count("<polyline") == 2
    assert repr(run).startswith("Run(")


def test_a_forecast_as_text_has_its_verdict_and_every_layer() -> None:
    found = forecast(Normal(sigma=0.01), "tanh", [784, 256, 256, 10])
    text = found._repr_mimebundle_()["text/plain"]
    assert found.verdict.says in text
    assert all(layer.name in text for layer in found.layers)
    zero = forecast(Normal(sigma=0.01), "tanh", [784, 10])
    Checked(zero._repr_html_())


def test_which_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="sweep=latest: there is no such folder"):
        open_sweep()
    with pytest.raises(UserError, match=r"sweep=\.: no sweep is in this folder"):
        open_sweep(".")
    for name, loss in (("a", 1.0), ("b", 2.0)):
        run = tmp_path / "outputs" / "sweeps" / "mine" / name
        run.mkdir(parents=True)
        (run / "config.yaml").write_text(f"seed: 0\nlr: {loss}\nmonitor: val/loss\n")
        (run / "metrics.csv").write_text(f"epoch,step,val/loss\n0,10,{loss}\n")
        (run / "summary.json").write_text(json.dumps({"metrics": {"val/loss": loss}, "score": loss}))
    sweep = open_sweep()
    assert sweep.path == open_sweep("mine").path == tmp_path / "outputs" / "sweeps" / "mine"
    assert "First, but not decided: lr=1.0" in sweep.table()._repr_html_()  # of so few seeds
    Checked(sweep._repr_html_())
    assert repr(sweep.table()) == sweep.as_text()
    assert "\x1b" not in sweep.as_text()


def test_round_epochs_alone_in_a_notebook(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(epoch_lines, "IN_NOTEBOOK", True)
    lines = EpochLines()
    for epoch in range(1000):
        lines.add({"epoch": epoch, "step": epoch, "val/loss": 1.0})
    printed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert printed == ["epoch", *map(str, [*range(1, 11), *range(20, 101, 10), *range(200, 1001, 100)])]
