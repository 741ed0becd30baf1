"""What a reader sees, measured in a real browser: contrast, labels, one meaning of a colour, a phone, a theme."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from browser import BROWSER, CONTRASTS, Browser
from run_folders import make_run, make_sweep

from initlab.plots.style import COLOURS
from initlab.report import write_report

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = tmp_path_factory.mktemp("made")
    for name, init, fades in (("healthy", "kaiming", 1.0), ("faded", "normal", 0.01)):
        folder = make_run(made / name, init=init, depth=6, fades=fades)
        layers = [
            {
                "name": f"layers.{i}",
                "std": fades ** (i + 1),
                "low": 0.9 * fades ** (i + 1),
                "high": 1.1 * fades ** (i + 1),
            }
            | {"grad": fades ** (5 - i), "grad_low": 0.5 * fades ** (5 - i), "grad_high": 2 * fades ** (5 - i)}
            for i in range(7)
        ]
        forecast = {"verdict": "trains", "layers": layers, "widths": [784, 64, 10], "optimizer": "sgd"}
        (folder / "forecast.json").write_text(json.dumps(forecast))
    axes = {"init": ["normal", "kaiming"], "model.depth": ["2", "6"], "lr": ["0.1", "0.3"]}
    make_sweep(made / "sweep", axes, steps=[0, 1, 10, 100])
    return {name: write_report(made / name) for name in ("healthy", "faded", "sweep")}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["faded", "sweep"])
def test_every_text_stands_out_from_its_ground(browser: Browser, pages: dict[str, Path], name: str, theme: str) -> None:
    browser.theme(theme)
    browser.open(pages[name])
    browser.js("[...document.querySelectorAll('.chip')].slice(0, 1).forEach(c => c.click())")  # a hidden one too
    found = browser.js(CONTRASTS)
    browser.theme("light")
    assert len(found) > 60
    map_cells = [one for one in found if "data-unformatted" in one[1]]  # numbers upon the map's own colours
    assert [one for one in found if one[0] < 4.5 and one not in map_cells] == []


@pytest.mark.parametrize("name", ["healthy", "faded", "sweep"])
def test_every_chart_says_what_it_shows(browser: Browser, pages: dict[str, Path], name: str) -> None:
    browser.open(pages[name])
    charts = browser.js(
        "[...document.querySelectorAll('.chart')].map(c => [c.getAttribute('role'), c.getAttribute('aria-label') ?? ''])"  # noqa: E501
    )
    assert len(charts) >= 6
    for role, label in charts:
        assert role == "img"
        assert len(label) > 20
        assert "undefined" not in label
        assert "NaN" not in label


def test_a_colour_means_the_same_number_on_two_pages(browser: Browser, pages: dict[str, Path]) -> None:
    scales = []
    for name in ("healthy", "faded"):
        browser.open(pages[name])
        scales.append(
            browser.js(
                "[...document.querySelectorAll('#signal .chart')].map(c => c.data[0]).map(d => [d.zmin, d.zmax, d.colorscale])"  # noqa: E501
            )
        )
    assert scales[0] == scales[1]
    assert scales[0][0][:2] == [-4, 4]  # std: white at 1
    low, high, stops = scales[0][3]
    white = [low + share * (high - low) for share, colour in stops if colour == "#f7f7f5"]
    assert white == pytest.approx([-4, -1], abs=1e-6)  # update : weight


def test_histograms_share_one_axis_so_that_a_collapse_is_seen(browser: Browser, pages: dict[str, Path]) -> None:
    widths = {}
    for name in ("healthy", "faded"):
        browser.open(pages[name])
        assert browser.js("Object.keys(document.getElementById('histogram').layout).filter(k => /^xaxis/.test(k))") == [
            "xaxis"
        ]
        ends = "document.getElementById('histogram').data.map(d => Math.max(...d.x) - Math.min(...d.x))"
        axis = browser.js("(r => r[1] - r[0])(document.getElementById('histogram').layout.xaxis.range)")
        widths[name] = [width / axis for width in browser.js(ends)]
    assert min(widths["healthy"]) > 0.3
    assert widths["faded"][0] > 0.3
    assert max(widths["faded"][1:]) < 0.02


@pytest.mark.parametrize("name", ["healthy", "faded"])
def test_a_forecast_has_few_ticks_whole_layers_and_two_decades(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    browser.open(pages[name])
    axes = browser.js(
        "[...document.querySelectorAll('#forecast .chart')].map(c => c.layout).map(l => [l.yaxis, l.xaxis, l.shapes ?? []])"  # noqa: E501
    )
    for y, x, _ in axes:
        assert 1 <= len(y["tickvals"]) <= 5
        assert len(set(y["ticktext"])) == len(y["ticktext"])
        assert y["range"][1] - y["range"][0] >= 2
        assert all(isinstance(at, int) for at in x["tickvals"])
    (zone,) = axes[1][2]  # of the gradient: from 10^-2.25 to 10^1.75, `initlab.limits`
    assert np.log10([zone["y0"], zone["y1"]]) == pytest.approx([-2.25, 1.75])


def test_the_theme_is_kept_on_reload(browser: Browser, pages: dict[str, Path]) -> None:
    theme = "document.documentElement.dataset.theme"
    browser.open(pages["healthy"])
    assert browser.js(theme) == "light"
    browser.js("document.getElementById('theme').click()")
    browser.open(pages["healthy"])
    assert browser.js(theme) == "dark"
    browser.js("document.getElementById('theme').click()")
    browser.open(pages["healthy"])
    assert browser.js(theme) == "light"
    browser.js("localStorage.clear()")


def test_a_phone_shows_the_verdicts(browser: Browser, pages: dict[str, Path]) -> None:
    browser.size(360)
    browser.open(pages["sweep"])
    boxes = browser.js(
        "[...document.querySelectorAll('#ranking .outcome')].map(c => c.getBoundingClientRect()).map(r => [r.left, r.right])"  # noqa: E501
    )
    browser.size(1200)
    assert len(boxes) == 9
    assert all(left >= 0 and right <= 360 for left, right in boxes)


def test_of_three_factors_no_two_series_in_a_panel_have_one_sign(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["sweep"])
    for room in ("#axes", "#curves"):
        signs = browser.js(
            f"[...document.querySelectorAll('{room} .chart')]"
            ".map(c => c.data.filter(t => t.name && t.text && t.type === 'scatter')"
            ".map(t => `${t.line.color} ${t.line.dash} ${t.marker.symbol}`))"
        )
        assert sum(map(len, signs)) >= 4
        assert all(len(set(there)) == len(there) for there in signs)
    rows = browser.js(
        "[...document.querySelectorAll('#ranking .swatch')]"
        ".map(s => s.style.cssText + s.dataset.dash + s.nextSibling.textContent)"
    )
    assert len(set(rows)) == 8


# Protanopia on linear RGB: Machado, Oliveira and Fernandes 2009, table 1, severity 1.
PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
TO_XYZ = np.array(  # sRGB, D65: IEC 61966-2-1
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def lab(colour: str, vision: np.ndarray) -> np.ndarray:
    """CIE 1976 L*a*b* of a colour as that eye sees it."""
    srgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(vision @ linear, 0, 1) / (TO_XYZ @ np.ones(3))
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", [np.eye(3), PROTANOPIA], ids=["usual", "protanopia"])
def test_colours_are_told_apart_by_any_eye(vision: np.ndarray) -> None:
    """The first four series; a difference of 2.3 is just seen, the page's old red and green were 9.8 apart."""
    differences = [np.linalg.norm(lab(a, vision) - lab(b, vision)) for a, b in itertools.combinations(COLOURS[:4], 2)]
    assert min(differences) > 20
