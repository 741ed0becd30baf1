"""The lessons: their answers are the records', and the same sheet is dealt to everybody."""

import json
import math
import re
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from initlab.errors import UserError
from initlab.lessons import LayerAnswer, deck, number, points, read, sheet
from initlab.lessons.sheet import DECK
from initlab.shipped import CONFIGS
from initlab.textbook.gallery import PAGES, SOURCES, chapter
from initlab.theory import FASHION_MNIST

ROOT = CONFIGS.parent


AGAIN = [["experiment=plain_cnn_depth", f"init={init}", "model.depth=8"] for init in ("torch_default", "kaiming")]


@pytest.mark.slow
def test_the_deck_and_the_page_are_what_records_and_forecast_make(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python scripts/lessons_page.py` writes them again; of the networks that are measured two are here."""
    import lessons_page
    from lesson_page import deck as made

    kept = {tuple(lesson.words): lesson.forecast for page in deck() for lesson in page}

    def measured(words: list[str], cfg: Any) -> Any:
        if words in AGAIN:
            return measure(words, cfg)
        same = kept[tuple(words)]
        return SimpleNamespace(verdict=SimpleNamespace(says=same["says"], word=""), dies=same["dies"])

    measure = made.measured
    monkeypatch.setattr(made, "measured", measured)
    assert DECK.read_text("utf-8") == lessons_page.as_text(lessons_page.deck())
    assert lessons_page.PAGE.read_text("utf-8") == lessons_page.assembled()


def recorded(page: str, where: dict[str, str], about: str) -> float:
    """The figure that the record of a page has, read by hand."""
    claims = json.loads((PAGES / f"{page}.json").read_text())["claims"]
    plain = {key: str(value).lower() for key, value in where.items()}
    for claim in claims:
        there = {key: value.removesuffix(".0") for key, value in claim["setting"].items()}
        if claim["about"] == about and there == {key: value.removesuffix(".0") for key, value in plain.items()}:
            return float(claim["mean"])
    raise AssertionError(f"{page}: {about} where {where}")


def test_every_answer_is_the_number_of_the_record() -> None:
    pages = yaml.safe_load((ROOT / "scripts" / "lesson_page" / "lessons.yaml").read_text())
    checked = 0
    for page, lessons in zip(pages, deck(), strict=True):
        for written, lesson in zip(page["lessons"], lessons, strict=True):
            for ask, made in zip(written.get("asks", page.get("asks")), lesson.asks, strict=True):
                where = written["where"]
                if "number" in ask:
                    right = recorded(page["page"], where, ask["number"])
                elif "each" in ask:
                    last, first = (int(n) for n in re.findall(r"layers\.(\d+)", ask["each"]))
                    right = math.exp(math.log(recorded(page["page"], where, ask["each"])) / (last - first))
                elif ask.get("trains", ask.get("above")) == "val/acc":
                    right = float(recorded(page["page"], where, "val/acc") < 0.5)
                elif ask.get("trains") == "val/loss":
                    right = float(recorded(page["page"], where, "val/loss") > 2.2)
                else:
                    continue
                assert made["answer"] == pytest.approx(right, rel=1e-5), (page["page"], where)
                checked += 1
    assert checked > 55


def test_what_the_forecast_answers_is_the_textbook_s() -> None:
    """ReLU by its closed form, the arc-cosine kernel of Cho and Saul (2009)."""
    he, phase = (
        {one.words[1:]: one for one in there} for there in deck() if there[0].page in ("he_2015", "phase_diagram")
    )
    first = 2 * 784 / (784 + 128)  # E[z^2] of layers.0; behind it, weights of variance 1 / n and a ReLU that takes half
    assert he["init=xavier",].asks[1]["answer"] == pytest.approx(math.sqrt(first) * math.sqrt(0.5) ** 10, rel=0.2)
    square, product, apart = 0.6**2 + 0.05**2, 0.6**2 * FASHION_MNIST.similarity + 0.05**2, []
    for _ in range(12):
        apart.append(math.sqrt(square - product))
        c = product / square
        product = 0.36 * square / 2 * (math.sqrt(1 - c * c) + c * (math.pi - math.acos(c))) / math.pi + 0.05**2
        square = 0.36 * square / 2 + 0.05**2
    relu = phase["model.activation=relu", "init.sigma_w=0.6", "model.depth=50"]
    assert relu.asks[1]["answer"] == next(i for i, one in enumerate(apart) if one < 10**-2.25 * apart[0])


def test_both_answers_occur_and_each_lesson_says_why_with_a_number() -> None:
    lessons = [lesson for page in deck() for lesson in page]
    trains = [
        ask["answer"]
        for lesson in lessons
        for ask in lesson.asks
        if ask["kind"] == "choice" and ask["options"][0] == "it trains"
    ]
    assert 0.3 < sum(trains) / len(trains) < 0.7
    for lesson in lessons:
        assert re.search(r"\d", lesson.why), lesson
        assert "{" not in lesson.why
        assert len(lesson.why) < 260, lesson.why
        assert "e+0" not in lesson.why


def test_pages_stand_in_the_order_of_the_gallery() -> None:
    parts = [next(i for i, there in enumerate(SOURCES.values()) if page[0].page.startswith(there)) for page in deck()]
    assert parts == sorted(parts)
    book = [chapter(page[0].question) for page in deck() if chapter(page[0].question)]
    assert len(book) >= 5
    assert book == sorted(book)


def test_a_seed_deals_the_same_sheet_and_every_lesson_is_dealt_by_some() -> None:
    pages = [page[0].page for page in deck()]
    dealt: dict[Any, int] = {}
    for seed in range(400):
        lessons = sheet(seed)
        assert len(lessons) == 10
        order = [pages.index(lesson.page) for lesson in lessons]
        assert order == sorted(set(order))
        for lesson in lessons:
            dealt[lesson.page, lesson.why] = dealt.get((lesson.page, lesson.why), 0) + 1
    assert sheet(3) == sheet(3)
    assert len(dealt) == sum(map(len, deck()))
    by_page = [sum(n for (name, _), n in dealt.items() if name == page) for page in pages]
    assert min(by_page) > 0.75 * 400 * 10 / len(pages)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.02", 0.02),
        ("1e-5", 1e-5),
        ("10^-5", 1e-5),
        ("1/30", 1 / 30),
        ("20 %", 0.2),
        (" .5", 0.5),
        ("3.", 3.0),
        ("2E3", 2000.0),
    ],
)
def test_a_number_is_typed_in_any_of_these_ways(text: str, value: float) -> None:
    assert number(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("text", ["", "abc", "0", "-1", "1e999", "10^999", "1/0", "nan", "inf", "1,5", "²", "٣"])
def test_what_is_no_number_is_asked_for_again(text: str) -> None:
    with pytest.raises(UserError, match="must be a number above 0"):
        number(text)


def test_points() -> None:
    ask = {"kind": "number", "answer": 1e-5, "within": 3}
    assert [points(ask, 1e-5 * factor) for factor in (1, 3, 1 / 3, 3.1, 9, 1 / 9, 9.1)] == [1, 1, 1, 0.5, 0.5, 0.5, 0]
    layer = {"kind": "layer", "answer": 6, "within": 2, "last": 49}
    assert [points(layer, LayerAnswer(n)) for n in (6, 8, 9, 10, 11, None)] == [1, 1, 0.5, 0.5, 0, 0]
    assert points({**layer, "answer": None}, LayerAnswer(None)) == 1
    assert points({**layer, "answer": None}, LayerAnswer(0)) == 0
    choice = {"kind": "choice", "options": ["it trains", "it does not"], "answer": 1}
    assert [points(choice, read(choice, text)) for text in ("1", "2", "it d", "It Trains")] == [0, 1, 1, 0]
    for text in ("", "3", "it", "0"):
        with pytest.raises(UserError, match="must be one of 1 for it trains, 2 for it does not"):
            read(choice, text)
    for text in ("50", "-1", "x", "layers.50", "1.5", "²"):
        with pytest.raises(UserError, match="must be a layer from 0 to 49, or none"):
            read(layer, text)
    assert read(layer, "layers.7") == LayerAnswer(7)
    assert read(layer, "None") == LayerAnswer(None)
