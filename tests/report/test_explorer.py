"""docs/explorer.html: assembled from its parts, as right as the library, and used as a reader uses it."""

import math
import random
import shlex
from typing import Any

import numpy as np
import pytest
from browser import BROWSER, CONTRASTS, OVERFLOW, Browser

import initlab
from initlab.forecasting import Forecast
from initlab.forecasting.from_config import forecast_run
from initlab.forecasting.rates import Rate
from initlab.init import Critical, Kaiming, LeCun, MeanField, Normal, Orthogonal, Scheme, TorchDefault, Xavier
from initlab.shipped import CONFIGS
from initlab.theory import elementwise
from initlab.theory.critical import critical_point

PAGE = CONFIGS.parent / "docs" / "explorer.html"
CLOSE = 1e-6  # relative
DIFFERENT = 1e-20  # of 1 - c: two float64 outputs that are nearer to each other have no digit of their difference left
SCHEMES: dict[str, type[Scheme]] = {
    "kaiming": Kaiming,
    "xavier": Xavier,
    "lecun": LeCun,
    "normal": Normal,
    "orthogonal": Orthogonal,
    "torch_default": TorchDefault,
}
in_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")


def test_the_page_is_what_its_parts_make() -> None:
    """Every number that the library has too is taken from there: `python scripts/explorer.py` writes it again."""
    import explorer

    assert PAGE.read_text("utf-8") == explorer.assembled()


def setting_of(rng: random.Random) -> dict[str, Any]:
    act = rng.choice(["relu", "leaky_relu", "tanh", "sigmoid", "gelu", "silu", "identity"])
    return {
        "act": act,
        "init": rng.choice(["mean_field"] * 6 + ["critical", *SCHEMES]),
        "sigmaW": rng.uniform(0.1, 12 if act == "sigmoid" else 3.5),
        "sigmaB": rng.choice([0.0, rng.uniform(0, 2)]),
        "depth": round(math.exp(rng.uniform(0, math.log(40)))),
        "width": 2 ** rng.randint(4, 11),
        "opt": rng.choice(["sgd", "momentum", "adam"]),
        "lr": float(f"{10 ** rng.uniform(-5, 1):.3g}"),
    }


def by_the_library(s: dict[str, Any], steps: float) -> Forecast:
    if s["init"] == "mean_field":
        scheme: Scheme = MeanField(sigma_w=s["sigmaW"], sigma_b=s["sigmaB"])
    else:
        scheme = Critical(activation=s["act"]) if s["init"] == "critical" else SCHEMES[s["init"]]()
    rate = Rate(s["lr"], 0.9 if s["opt"] == "momentum" else 0.0, steps)
    kind = "adam" if s["opt"] == "adam" else "sgd"
    return initlab.forecast(scheme, s["act"], [784, *[s["width"]] * s["depth"], 10], kind=kind, rate=rate)


@in_browser
def test_forty_networks_are_as_the_library_has_them(browser: Browser) -> None:
    rng = random.Random(0)
    asked = [setting_of(rng) for _ in range(40)]
    browser.open(PAGE)
    told = browser.js(
        f"""{asked!r}.map(s => [s, explorer.forecast(s)]).map(([s, f]) => ({{
          rows: ['std', 'low', 'high', 'alike', 'grad'].map(k => f.layers.map(l => l[k])),
          distance: f.layers.map(l => l.distance),
          numbers: [f.chi, f.decades, f.logitStd, f.window.low, f.window.high].map(x => Number.isFinite(x) ? x : null),
          words: [f.verdict.word, f.verdict.says, f.verdict.record, f.dies],
          carries: f.carries, other: f.verdict.other }}))"""
    )
    steps = browser.js("explorer.steps")
    for s, here in zip(asked, told, strict=True):
        f = by_the_library(s, steps)
        assert f.effects is not None
        assert f.rate is not None
        window = f.effects.window(f.kind, f.rate.momentum)
        rows = [[layer.std, layer.low, layer.high, layer.similarity, layer.grad] for layer in f.layers]
        np.testing.assert_allclose(np.array(here["rows"], float), np.array(rows, float).T, rtol=CLOSE, err_msg=str(s))
        alike = min(here["distance"]) < DIFFERENT
        numbers = [f.chi, f.decades, math.nan if alike else f.logit_std, math.nan if alike else window.low, window.high]
        there = [math.nan if x is None or (alike and i in (2, 3)) else x for i, x in enumerate(here["numbers"])]
        np.testing.assert_allclose(
            there, [x if math.isfinite(x) else math.nan for x in numbers], rtol=CLOSE, atol=1e-12, err_msg=str(s)
        )
        words = [f.verdict.word, f.verdict.says, f.verdict.record, f.dies]
        assert (here["words"], here["carries"]) == (words, f.carries), s
        assert here["other"] == f.verdict.other, s


@in_browser
def test_next_to_a_step_of_its_tables_it_is_as_on_it(browser: Browser) -> None:
    """q within rounding of exp(k / 8), where the interpolation divides by the distance."""
    browser.open(PAGE)
    near = """[...Array(40).keys()].flatMap(k => [-2, -1, 0, 1, 2].map(i => {
      const point = explorer.criticalAt('gelu', Math.exp((k - 20) / 8) * (1 + i * Number.EPSILON));
      return [point.sigmaW, point.growth].every(Number.isFinite); }))"""
    assert all(browser.js(near))


@in_browser
def test_the_critical_line_goes_through_the_library_s_point(browser: Browser) -> None:
    browser.open(PAGE)
    for act in ("tanh", "sigmoid", "gelu", "silu"):
        point = critical_point(elementwise(act))
        here = browser.js(f"explorer.criticalAt({act!r}, {point.q!r})")
        wanted = [point.sigma_w, point.sigma_b, point.growth]
        assert [here["sigmaW"], here["sigmaB"], here["growth"]] == pytest.approx(wanted, rel=CLOSE)


@in_browser
@pytest.mark.parametrize(
    "link",
    [
        "act=tanh&depth=20",
        "act=gelu&init=kaiming&depth=40&width=128&opt=momentum&lr=0.1",
        "act=relu&init=torch_default&depth=12&width=64&opt=adam&lr=0.002",
    ],
)
def test_the_command_that_it_shows_gives_the_same_answer(browser: Browser, link: str) -> None:
    browser.open(PAGE, f"#{link}")
    said = browser.js("explorer.forecast(explorer.setting()).verdict.says")
    words = shlex.split(browser.js("document.getElementById('command').textContent"))
    assert words[:2] == ["initlab", "forecast"]
    assert forecast_run(initlab.compose(*words[2:], run_dir="unused")).verdict.says == said
    assert browser.js("document.getElementById('says').textContent").lower() in said.lower()


@in_browser
def test_the_point_is_dragged_and_moved_by_keys_and_the_link_says_where(browser: Browser) -> None:
    browser.size(1400)
    browser.open(PAGE, "#act=relu&init=kaiming&depth=7")
    assert browser.js("explorer.setting().init") == "kaiming"
    at = browser.js(
        "(r => [r.left + r.width / 2, r.top + r.height / 2])(document.querySelector('#point').getBoundingClientRect())"
    )
    for kind, x, y in (
        ("mousePressed", *at),
        ("mouseMoved", at[0] - 60, at[1] - 50),
        ("mouseReleased", at[0] - 60, at[1] - 50),
    ):
        browser.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)
    frame = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    browser.js(frame)
    moved = browser.js("explorer.setting()")
    assert moved["init"] == "mean_field"
    assert 0.3 < moved["sigmaW"] < 1.3
    assert moved["sigmaB"] > 0.2
    browser.js("document.getElementById('point').focus()")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        browser.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key)
    keyed = browser.js("explorer.setting()")
    assert keyed["sigmaW"] == pytest.approx(moved["sigmaW"] + 0.04)
    assert keyed["sigmaB"] == pytest.approx(moved["sigmaB"] - 0.02)
    assert browser.js("document.activeElement.id") == "point"
    link = f"sw={keyed['sigmaW']:g}&sb={keyed['sigmaB']:g}"  # not that of the drag, which comes as late
    there = f"location.hash.includes('{link}')"
    browser.js(f"new Promise(done => (function look() {{ {there} ? done() : setTimeout(look, 20); }})())")
    browser.open(PAGE, browser.js("location.hash"))
    assert browser.js("explorer.setting()") == keyed
    assert browser.errors == []
    assert browser.requests == [f"{PAGE.as_uri()}"]


@in_browser
@pytest.mark.parametrize("words", ["act=nothing&depth=-3&lr=no&width=1e9&sw=nan", "%%%", "depth=2.6&opt=adam"])
def test_a_link_that_makes_no_sense_opens_all_the_same(browser: Browser, words: str) -> None:
    browser.open(PAGE, f"#{words}")
    assert browser.errors == []
    assert browser.js("explorer.setting().depth") in (20, 3)


@in_browser
@pytest.mark.parametrize(("theme", "width"), [("light", 1400), ("dark", 360)])
def test_it_is_legible_and_fits(browser: Browser, theme: str, width: int) -> None:
    browser.size(width)
    browser.theme(theme)
    browser.open(PAGE, "#act=sigmoid&init=xavier&depth=5")
    found = browser.js(CONTRASTS)
    assert len(found) > 60
    assert [one for one in found if one[0] < 4.5] == []
    assert browser.js(OVERFLOW) == []
    assert all(
        len(label) > 20
        for label in browser.js("[...document.querySelectorAll('.chart svg')].map(s => s.getAttribute('aria-label'))")
    )
    browser.js("dispatchEvent(new Event('beforeprint'))")  # paper is light
    assert browser.js("document.documentElement.dataset.theme") == "light"
    browser.js("dispatchEvent(new Event('afterprint'))")
    assert browser.js("document.documentElement.dataset.theme") == theme
    browser.size(1200)
    browser.theme("light")
