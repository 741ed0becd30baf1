"""The section of a page that shows why a run did not train."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from browser import BROWSER, Browser
from run_folders import make_run

from initlab.report import captions, explained, write_report
from initlab.report.figures import Blob
from initlab.runs import Run

HOSTILE = '</script><img src=x onerror="window.hacked=1">\'"{{7*7}}<b>%{x}'
OVERFLOW = """[...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll, pre, details:not([open])')
  && e.getBoundingClientRect().right > innerWidth + 0.5).map(e => e.outerHTML.slice(0, 80))"""
STEPS = 30


def fork(name: str, group: str, end: float | None, **more: Any) -> dict[str, Any]:
    trains = end is not None and end < 1
    losses = [2.3 + ((end or 9.0) - 2.3) * step / STEPS for step in range(STEPS)]
    if end is None:
        losses[7:] = [None] * (STEPS - 7)  # type: ignore[list-item]
    return {"name": name, "group": group, "trains": trains, "loss": end, "losses": losses, "seeds": [0, 1],
            "error": ""} | more  # fmt: skip


def explanation() -> dict[str, Any]:
    rows = [[10.0 ** (-layer) if step % 5 else None for step in range(STEPS)] for layer in range(4)]
    even = [[1.0] * STEPS] * 4
    layers = ["layers.0", HOSTILE, "layers.2", "layers.3"]
    return {
        "version": 1, "verdict": "explained", "cause": "init", "complete": True, "steps": STEPS,
        "repeats": "to the bit",
        "says": ["It did not train because of the initialisation.", f"With init=kaiming {HOSTILE} the loss is 0.61."],
        "change": ["init=kaiming"], "command": "python scripts/train.py init=kaiming", "labels": None,
        "as_it_was": fork("as it was", "", 2.3, seeds=[0, 4]),
        "forks": [
            fork("init=kaiming", "init", 0.6, seeds=[4, 4]), fork("optimizer=adam", "optimizer", 0.9),
            fork("lr=1.0", "lr", None), fork(HOSTILE, "lr", 2.2, error="it cannot be made"),
        ],
        "signal": {
            "as it was": {"layers": layers, "steps": list(range(STEPS)), "std": rows},
            "mended": {"layers": layers, "steps": list(range(STEPS)), "std": even},
        },
    }  # fmt: skip


def page_of(folder: Path, content: Any) -> Path:
    make_run(folder, init="normal", fades=0.1)
    (folder / "explanation.json").write_text(json.dumps(content))
    return write_report(folder)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_curves_pictures_and_command_are_there_whatever_the_width_and_the_theme(
    tmp_path: Path, browser: Browser
) -> None:
    page = page_of(tmp_path / "run", explanation())
    for width in (1400, 360):
        for theme in ("light", "dark"):
            browser.size(width)
            browser.theme(theme)
            browser.open(page)
            assert browser.errors == []
            assert browser.js(OVERFLOW) == []
            assert browser.js("window.hacked") is None
    assert (
        browser.js("document.querySelector('#why b').textContent") == "It did not train because of the initialisation."
    )
    assert browser.js("document.getElementById('proven').textContent") == "python scripts/train.py init=kaiming"
    drawn = browser.js("document.querySelector('#forks .chart').data.map(t => [t.name, t.y.length, t.x.length])")
    assert len(drawn) == 5
    assert all(line[1:] == [STEPS, STEPS] for line in drawn)
    assert [line[0] for line in drawn[-2:]] == ["as it was", "init=kaiming"]  # in front
    titles = browser.js("[...document.querySelectorAll('#side b')].map(b => b.textContent)")
    assert titles == ["Std of the output, as it was", "Std of the output, init=kaiming"]
    values = browser.js("[...document.querySelectorAll('#side .chart')].map(c => c.data[0].z[2][1])")
    assert values == [pytest.approx(-2, abs=0.01), pytest.approx(0, abs=0.01)]  # log10
    rows = browser.js(
        "[...document.querySelectorAll('#every tr')].slice(1).map(r => [...r.cells].map(c => c.textContent.trim()))"
    )
    assert [row[0] for row in rows][:4] == ["as it was", "init=kaiming", "optimizer=adam", "lr=1.0"]
    assert rows[1][1:] == ["0.6000", "yes", "4 of 4"]
    assert rows[3][1:] == ["nan", "no", ""]


def test_the_axis_ends_where_the_change_that_helps_is_seen(tmp_path: Path) -> None:
    """Losses that begin at 5000 would leave it and the run as it was on the axis."""
    content = explanation()
    for one in (content["as_it_was"], *content["forks"][1:]):
        one["losses"][:2] = [5000.0, 900.0]
    page_of(tmp_path / "run", content)
    assert explained.curves(Run.lenient(tmp_path / "run"), Blob())["top"] == pytest.approx(1.3 * 2.3, rel=0.01)
    (tmp_path / "run/explanation.json").write_text(json.dumps(explanation()))
    assert explained.curves(Run.lenient(tmp_path / "run"), Blob())["top"] == pytest.approx(1.3 * 2.3, rel=0.01)


def test_a_run_that_nobody_asked_about_has_no_such_section(tmp_path: Path) -> None:
    make_run(tmp_path / "run")
    assert 'id="why"' not in write_report(tmp_path / "run").read_text()


@pytest.mark.parametrize(
    "content",
    [
        [], "text", {}, {"says": "It"}, {"says": [None, 3, {"a": 1}]},
        {"says": ["It."], "forks": [None, 3, {"losses": "abc", "seeds": [1]}, {"losses": [None, "x", 1e400]}]},
        {"says": ["It."], "as_it_was": {}, "signal": {"as it was": {"layers": ["a"], "steps": [0, 1], "std": [[1]]}}},
        {"says": ["It."], "as_it_was": {}, "signal": {"mended": {"layers": "ab", "steps": [True], "std": [["x"]]}}},
        {"says": ["It."], "as_it_was": [], "signal": [], "change": 3, "steps": "many", "command": ["x"]},
    ],
)  # fmt: skip
def test_whatever_the_file_holds_there_is_a_page(tmp_path: Path, content: Any) -> None:
    assert "</html>" in page_of(tmp_path / "run", content).read_text()


def test_a_file_that_was_cut_off_is_said(tmp_path: Path) -> None:
    page_of(tmp_path / "run", explanation())
    file = tmp_path / "run/explanation.json"
    file.write_bytes(file.read_bytes()[:-9])
    assert "explanation.json: not whole JSON" in write_report(tmp_path / "run").read_text()


def test_the_fix_of_the_page_is_the_change_that_was_proven(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", init="normal", fades=0.1)
    predicted = {"command": "python scripts/train.py init=xavier", "forecast": "trains"}
    (folder / "forecast.json").write_text(json.dumps({"verdict": "will not train", "fix": predicted}))
    assert captions.fix(Run.lenient(folder))[0] == predicted["command"]
    environment = json.loads((folder / "environment.json").read_text())
    resumed = [
        {"step": 9, "command": ["train.py", "resume=latest", "threads=1", f"trainer.max_epochs={n}"]} for n in (4, 7)
    ]
    (folder / "environment.json").write_text(json.dumps(environment | {"resumed": resumed}))
    longer = f"{predicted['command']} trainer.max_epochs=7"
    assert captions.fix(Run.lenient(folder))[0] == longer
    assert captions.again(Run.lenient(folder)).endswith("init=normal model.depth=3 seed=0 trainer.max_epochs=7")
    content = explanation()
    (folder / "explanation.json").write_text(json.dumps(content))
    assert captions.fix(Run.lenient(folder))[0] == content["command"]
    (folder / "explanation.json").write_text(json.dumps(content | {"verdict": "not explained"}))
    assert captions.fix(Run.lenient(folder))[0] == longer
