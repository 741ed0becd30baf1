"""The page as a reader has it: opened from the disk in a real browser, its controls used."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import BROWSER, OVERFLOW, Browser
from run_folders import make_run, make_sweep

from initlab.report import write_report

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
HOSTILE = '</script><img src=x onerror="window.hacked=1">\'"{{7*7}}<b>%{x}'


@pytest.fixture(scope="module")
def run_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_run(
        tmp_path_factory.mktemp("made") / "run", init="normal", depth=4, fades=0.1, names={"layers.1": HOSTILE}
    )
    layers = [
        {"name": "layers.0", "std": 0.1, "low": 0.09, "high": 0.11, "grad": 0.2, "grad_low": 0.1, "grad_high": 0.4},
        {"name": "layers.2", "std": 0.001, "low": None, "high": None, "grad": 1.0, "grad_low": 1.0, "grad_high": 1.0},
        {"name": "layers.3", "std": 1e-4, "low": 1e-5, "high": 1e-3, "grad": 9.0, "grad_low": None, "grad_high": None},
    ]
    forecast = {"verdict": "will not train", "why": f"as {HOSTILE} says", "layers": layers}
    (folder / "forecast.json").write_text(json.dumps(forecast))
    return write_report(folder)


@pytest.fixture(scope="module")
def sweep_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    axes = {"init": ["normal", "kaiming"], "model.depth": ["2", "10"], "seed": ["0", "1"]}
    folder = make_sweep(tmp_path_factory.mktemp("made") / "sweep", axes, steps=[0, 1, 2, 10, 100, 200])
    plan = json.loads((folder / "sweep.json").read_text())
    plan["jobs"].append(
        {"num": 8, "folder": "8_hostile", "overrides": {"init": HOSTILE, "model.depth": "2", "seed": "0"}}
    )
    make_run(folder / "8_hostile", steps=[0, 10])
    (folder / "sweep.json").write_text(json.dumps(plan))
    return write_report(folder)


@pytest.mark.parametrize("which", ["run_page", "sweep_page"])
def test_opens_without_errors_or_network_and_runs_nobody_elses_script(
    browser: Browser, which: str, request: pytest.FixtureRequest
) -> None:
    page: Path = request.getfixturevalue(which)
    browser.open(page)
    assert browser.errors == []
    assert [url for url in browser.requests if not url.startswith(("data:", "blob:"))] == [page.as_uri()]
    assert browser.js("typeof window.hacked") == "undefined"
    assert browser.js("document.querySelectorAll('main img').length") == 0
    assert HOSTILE[-12:] in browser.js("document.querySelector('main').textContent")  # as it was written
    browser.js(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.hacked = 2'})) ?? 0"
    )
    assert browser.js("typeof window.hacked") == "undefined"  # the page's security policy, had the escaping failed


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("which", ["run_page", "sweep_page"])
def test_nothing_is_wider_than_a_phone(
    browser: Browser, which: str, theme: str, request: pytest.FixtureRequest
) -> None:
    browser.size(360)
    browser.theme(theme)
    try:
        browser.open(request.getfixturevalue(which))
        assert browser.js("document.documentElement.scrollWidth") == 360
        assert browser.js(OVERFLOW) == []
        assert browser.js("document.documentElement.dataset.theme") == theme
    finally:
        browser.size(1200)
        browser.theme("light")


def test_the_pictures_are_the_rows(browser: Browser, run_page: Path) -> None:
    browser.open(run_page)
    rows = pd.read_csv(run_page.parent / "signal.csv").query("quantity == 'std'")
    table = rows.pivot_table(index="layer", columns="step", values="value")
    order = list(dict.fromkeys(rows["layer"]))
    shown = browser.js("document.querySelector('#signal .chart').data[0].z")
    np.testing.assert_allclose(shown, np.log10(table.loc[order]), atol=1 / 1200 + 1e-9)  # half a step of the code
    loss = browser.js("document.querySelector('#batches .chart').data[0].y")
    assert loss[:3] == [2.3026, 2.3026, 2.3026]
    epochs = browser.js("document.querySelector('#epochs .chart').data.find(t => t.name === 'validation').y")
    assert epochs == pytest.approx(pd.read_csv(run_page.parent / "metrics.csv")["val/loss"].tolist(), rel=1e-5)


def test_the_slider_goes_through_the_histograms(browser: Browser, run_page: Path) -> None:
    browser.open(run_page)
    rows = pd.read_csv(run_page.parent / "histograms.csv").query("layer == 'layers.0'").set_index("step")
    ends = "(d => [Math.min(...d.x), Math.max(...d.x)])(document.getElementById('histogram').data[0])"
    assert browser.js(ends) == pytest.approx([rows.loc[0, "low"], rows.loc[0, "high"]], rel=1e-5)
    browser.js("(s => { s.value = s.max; s.dispatchEvent(new Event('input')); })(document.getElementById('step'))")
    assert browser.js(ends) == pytest.approx([rows.loc[1000, "low"], rows.loc[1000, "high"]], rel=1e-5)
    assert browser.js("document.querySelector('.slide output').textContent") == "step 1,000"
    assert browser.js("document.querySelectorAll('#histogram .scatterlayer .trace').length") == 5


def test_the_theme_can_be_turned(browser: Browser, run_page: Path) -> None:
    browser.open(run_page)
    colours = (
        "[getComputedStyle(document.body).backgroundColor, document.querySelector('#signal .chart').layout.font.color]"
    )
    light = browser.js(colours)
    browser.js("document.getElementById('theme').click()")
    dark = browser.js(colours)
    assert not set(light) & set(dark)
    assert sum(map(int, re.findall(r"\d+", dark[0]))) < 150 < sum(map(int, re.findall(r"\d+", light[0])))


def test_a_click_on_a_heading_sorts(browser: Browser, sweep_page: Path) -> None:
    browser.open(sweep_page)
    column = "[...document.querySelectorAll('#ranking tbody tr')].map(r => r.cells[{}].dataset.value)"
    scores = [float(value) for value in browser.js(column.format(3))]
    assert scores == sorted(scores)  # best first
    click = "document.querySelectorAll('#ranking th button')[{}].click()"
    browser.js(click.format(3))
    assert [float(v) for v in browser.js(column.format(3))] == sorted(scores, reverse=True)
    browser.js(click.format(1))
    assert browser.js(column.format(1)) == ["2", "2", "2", "10", "10"]  # as numbers: 10 after 2
    assert browser.js("document.querySelector('#ranking th[aria-sort=ascending]').innerText.trim()").startswith("depth")


def test_a_chip_hides_its_curve_and_shows_it_again(browser: Browser, sweep_page: Path) -> None:
    browser.open(sweep_page)
    seen = "document.querySelectorAll('#combination-curves .scatterlayer .lines path.js-line').length"
    before = browser.js(seen)
    chip = "document.querySelector('.chip')"
    browser.js(f"{chip}.click()")
    assert browser.js(f"{chip}.ariaPressed") == "false"
    assert browser.js(seen) < before
    browser.js(f"{chip}.click()")
    assert browser.js(seen) == before
    for words, left in (("Hide all", 0), ("Show all", before)):
        browser.js(f"[...document.querySelectorAll('button')].find(b => b.textContent === '{words}').click()")
        assert browser.js(seen) == left
        ends = browser.js(
            "document.querySelector('#combination-curves .chart').layout.yaxis.range.every(Number.isFinite)"
        )
        assert ends  # an axis of nothing has ends too


def test_any_runs_side_by_side_under_one_scale(browser: Browser, sweep_page: Path) -> None:
    browser.open(sweep_page)
    heat = "(d => [d.zmin, d.zmax, d.z.length])(c.data[0])"
    scales = f"[...document.querySelectorAll('#signal .chart')].map(c => {heat})"
    first = browser.js(scales)
    assert len(first) == 2
    browser.js("[...document.querySelectorAll('#signal button')].find(b => b.textContent === 'Add a run').click()")
    choose = "(s => {{ s.value = s.options[{}].value; s.dispatchEvent(new Event('change')); }})({})"
    deep = "[...document.querySelectorAll('#signal .side select')][2]"
    options = browser.js(f"[...{deep}.options].map(o => o.textContent)")
    browser.js(choose.format(options.index("normal, depth 10, seed 1"), deep))
    third = browser.js(scales)
    assert [layers for _, _, layers in third][2] == 11
    assert len({(low, high) for low, high, _ in third}) == 1
    browser.js(choose.format(1, "document.querySelector('#signal select')"))
    assert browser.js("document.querySelector('#signal .note').textContent").startswith("Of the loss")


def test_every_run_is_a_dot_next_to_those_of_its_height(browser: Browser, tmp_path: Path) -> None:
    axes = {"init": ["normal", "kaiming"], "seed": [str(seed) for seed in range(30)]}
    folder = make_sweep(tmp_path / "sweep", axes, steps=[0])
    scores = {0: 0.4, 1: 0.6}  # by the parity of the seed: two heights, fifteen runs at each
    for run in folder.glob("*_seed-*"):
        summary = json.loads((run / "summary.json").read_text())
        value = scores[int(run.name.rpartition("-")[2]) % 2]
        summary |= {"score": value, "metrics": dict.fromkeys(summary["metrics"], value)}
        (run / "summary.json").write_text(json.dumps(summary))
    browser.open(write_report(folder))
    traces = browser.js(
        "document.querySelector('#axes .chart').data.filter(t => t.marker?.size === 4).map(t => [[...t.x], [...t.y]])"
    )
    xs, ys = ([value for trace in traces for value in trace[i]] for i in (0, 1))
    assert sorted(ys) == [0.4] * 30 + [0.6] * 30
    assert len(set(zip(xs, ys, strict=True))) == 60  # none hides another
    assert all(abs(x - round(x)) < 0.4 for x in xs)  # and each stands with its own setting
