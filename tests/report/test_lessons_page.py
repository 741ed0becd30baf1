"""docs/lessons.html: deals and judges as the terminal does, and is played as a student plays it."""

import json
import random

import pytest
from browser import BROWSER, CONTRASTS, OVERFLOW, Browser

from initlab.errors import UserError
from initlab.lessons import LayerAnswer, deck, number, points, read, sheet
from initlab.shipped import CONFIGS

PAGE = CONFIGS.parent / "docs" / "lessons.html"
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
PLAY = """([i, answers]) => {
  const form = document.querySelectorAll('#cards .card')[i].querySelector('form');
  form.querySelectorAll('fieldset').forEach((box, k) => {
    const radios = box.querySelectorAll('input[type=radio]');
    if (radios.length) radios[answers[k]].click(); else box.querySelector('input').value = answers[k];
  });
  form.requestSubmit();
}"""


def test_it_deals_reads_and_judges_as_python_does(browser: Browser) -> None:
    browser.open(PAGE, "#seed=3")
    seeds = [*range(60), 2**31, 2**32 - 1, 123456789]
    told = browser.js(f"{seeds}.map(s => lessons.sheetOf(s).map(one => one.why))")
    assert told == [[lesson.why for lesson in sheet(seed)] for seed in seeds]
    texts = [
        "0.02",
        "1e-5",
        "10^-5",
        "1/30",
        "20 %",
        ".5",
        "3.",
        "2E3",
        "",
        "0",
        "-1",
        "1e999",
        "10^999",
        "1/0",
        "nan",
        "1,5",
        "²",
        " 7 ",
    ]
    for text, value in zip(texts, browser.js(f"{json.dumps(texts)}.map(lessons.numberOf)"), strict=True):
        try:
            assert value == pytest.approx(number(text), rel=1e-12)
        except UserError:
            assert value is None, text
    rng = random.Random(0)
    asks = [ask for page in deck() for lesson in page for ask in lesson.asks]
    for ask in asks:
        if ask["kind"] == "layer":
            given = [rng.randint(0, ask["last"]) for _ in range(6)]
            mine = [points(ask, LayerAnswer(one)) for one in given] + [points(ask, read(ask, "none"))]
            shown = [*given, "none"]
        else:
            choice = ask["kind"] == "choice"
            shown = (
                [*range(len(ask["options"]))]
                if choice
                else [ask["answer"] * 10 ** rng.uniform(-1, 1) for _ in range(6)]
            )
            mine = [points(ask, one) for one in shown]
        assert browser.js(f"{json.dumps(shown)}.map(x => lessons.pointsOf({json.dumps(ask)}, x))") == mine


def test_a_sheet_is_played_to_its_end(browser: Browser) -> None:
    browser.open(PAGE, "#seed=3")
    lessons = sheet(3)
    for i, lesson in enumerate(lessons):
        answers = [ask["answer"] if ask["kind"] == "choice" else str(ask["answer"]).lower() for ask in lesson.asks]
        if i == 1:  # one answer is wrong
            answers[0] = 1 - answers[0] if lesson.asks[0]["kind"] == "choice" else "1e30"
        assert browser.js("document.querySelectorAll('.reveal').length") == i
        browser.js(f"({PLAY})({json.dumps([i, answers])})")
        said = browser.js(f"document.querySelectorAll('#cards .card')[{i}].querySelector('.reveal').textContent")
        for part in (lesson.why, lesson.forecast["says"], lesson.page, f"initlab train {' '.join(lesson.words)}"):
            assert part in said
        assert all(ask["seen"] in said for ask in lesson.asks)
    asked = sum(len(lesson.asks) for lesson in lessons)
    assert browser.js("document.getElementById('end-score').textContent") == f"{asked - 1} of {asked}"
    assert browser.js("document.getElementById('again').textContent") == f"Look again at {lessons[1].page}."
    assert browser.js("document.getElementById('end').hidden") is False
    assert browser.errors == []
    assert browser.requests == [PAGE.as_uri()]


def test_by_keyboard_with_an_answer_that_is_none(browser: Browser) -> None:
    seed = next(seed for seed in range(99) if sheet(seed)[0].asks[0]["kind"] == "number")
    browser.open(PAGE, f"#seed={seed}")

    def enter() -> None:
        browser.call("Input.dispatchKeyEvent", type="keyDown", key="Enter", text="\r", windowsVirtualKeyCode=13)

    browser.js("document.querySelector('#cards .typed').focus()")
    browser.call("Input.insertText", text="much")
    enter()
    sorry = "document.querySelector('#cards .sorry').textContent"
    assert browser.js(sorry) == "much: must be a number above 0, such as 0.02, 1e-5, 10^-5 or 1/30."
    assert browser.js("document.activeElement.className") == "typed"
    assert browser.js("document.querySelectorAll('.reveal').length") == 0
    browser.js("document.activeElement.select()")
    browser.call("Input.insertText", text="0.3")
    assert browser.js(sorry) == ""
    enter()
    assert browser.js("document.activeElement.className") == "reveal"
    browser.js("document.getElementById('seed').value = '-3'; document.getElementById('deal').requestSubmit()")
    assert "must be a whole number" in browser.js("document.getElementById('seed-sorry').textContent")
    browser.js("document.getElementById('seed').value = '12'; document.getElementById('deal').requestSubmit()")
    assert browser.js("location.hash") == "#seed=12"
    assert browser.js("document.querySelector('#cards h2').textContent") == sheet(12)[0].question
    for words in ("seed=-1", "seed=x", "seed=99999999999999", "%%%"):
        browser.open(PAGE, f"#{words}")
        assert browser.js("document.querySelectorAll('.card').length") == 10
        assert browser.errors == []


@pytest.mark.parametrize(("theme", "width"), [("light", 1400), ("dark", 360)])
def test_it_is_legible_and_fits(browser: Browser, theme: str, width: int) -> None:
    browser.size(width)
    browser.theme(theme)
    browser.open(PAGE, "#seed=3")
    for i, lesson in enumerate(sheet(3)[:9]):
        browser.js(f"({PLAY})({json.dumps([i, [0 if ask['kind'] == 'choice' else '7' for ask in lesson.asks]])})")
    found = browser.js(CONTRASTS)
    assert len(found) > 100
    assert [one for one in found if one[0] < 4.5] == []
    assert browser.js(OVERFLOW) == []
    assert all(
        len(label) > 20
        for label in browser.js("[...document.querySelectorAll('svg')].map(s => s.getAttribute('aria-label'))")
    )
    browser.js("dispatchEvent(new Event('beforeprint'))")  # paper is light
    assert browser.js("document.documentElement.dataset.theme") == "light"
    browser.js("dispatchEvent(new Event('afterprint'))")
    assert browser.js("document.documentElement.dataset.theme") == theme
    browser.size(1200)
    browser.theme("light")
