"""All lessons, page by page, with everything that a sheet shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from initlab.composition import compose
from initlab.forecasting.answer import Answer
from initlab.forecasting.from_config import forecast_run, is_known
from initlab.forecasting.measured.terminal import forecast_network
from initlab.forecasting.rule import NOT, TRAINS
from initlab.textbook.claim import settings, word_of
from initlab.textbook.gallery import PAGES
from initlab.textbook.page import FOLDER, read_header
from lesson_page.answers import Source, answer, brief
from lesson_page.network import described

GROUPS = ("init",)  # of the swept keys
WRONG = {TRAINS: 1, NOT: 0}  # verdict -> the answer to `trains` that it is wrong of
LESSONS = Path(__file__).with_name("lessons.yaml")


def deck() -> list[dict[str, Any]]:
    """A list of pages, each with its lessons."""
    return [_page(page) for page in yaml.safe_load(LESSONS.read_text())]


def _page(page: Mapping[str, Any]) -> dict[str, Any]:
    name = page["page"]
    record = json.loads((PAGES / f"{name}.json").read_text())
    header = read_header((FOLDER / f"{name}.yaml").read_text())
    lessons = [_lesson(name, {**page, **lesson}, record["claims"]) for lesson in page["lessons"]]
    return {"page": name, "question": header.question, "lessons": lessons}


def _config(name: str, where: Mapping[str, str]) -> DictConfig:
    """As `compose` makes it of all words; quicker, since lessons that differ by values alone share one composition."""
    cfg = _composed(name, *(f"{key}={value}" for key, value in where.items() if key in GROUPS)).copy()
    for key, value in where.items():
        if key not in GROUPS:
            OmegaConf.update(cfg, key, yaml.safe_load(value))
    return cfg


@cache
def _composed(name: str, *words: str) -> DictConfig:
    return compose(f"experiment={name}", *words, run_dir="unused")


def _as_recorded(where: Mapping[str, str], claims: list[Any]) -> dict[str, str]:
    """0.0 as the page's command has it, not 0."""
    spelled = {(key, word_of(value)): value for claim in claims for key, value in claim["setting"].items()}
    return {key: spelled[key, value] for key, value in where.items()}


def measured(words: list[str], cfg: DictConfig) -> Answer:
    """The forecast of a network that theory does not cover; `words`: that train it."""
    return forecast_network(cfg, fix=False)[0]


def _lesson(name: str, lesson: Mapping[str, Any], claims: list[Any]) -> dict[str, Any]:
    where = _as_recorded(settings("where", lesson["where"]), claims)
    swept = {key: [str(one[key]) for one in ask["of"]] for ask in lesson["asks"] if "of" in ask for key in ask["of"][0]}
    words = [f"{key}={value}" for key, value in where.items()]
    cfg = _config(name, where)
    shape = forecast_run(cfg) if is_known(cfg) else None
    forecast = None if swept else shape
    facts = Source(claims, where, forecast)
    asks = [answer(ask, facts) for ask in lesson["asks"]]
    quoted = [facts.value(about) for about in lesson.get("quote", [])]
    why = lesson["why"].format(*(ask.pop("short") for ask in asks), *map(brief, quoted))
    train = ["-m"] * bool(swept) + [f"experiment={name}", *words, *(f"{key}={','.join(swept[key])}" for key in swept)]
    found: dict[str, Any] = {"says": "", "dies": "", "wrong": False, "stds": []}
    predicted = None if swept else forecast or measured(train, cfg)
    if predicted is not None:
        found |= {
            "says": predicted.verdict.says,
            "dies": predicted.dies,
            "wrong": any(
                "trains" in ask and made["answer"] == WRONG.get(predicted.verdict.word)
                for ask, made in zip(lesson["asks"], asks, strict=True)
            ),
        }
    if forecast is not None:
        found["stds"] = [float(f"{layer.std:.3g}") for layer in forecast.layers]
    return {
        "setting": where,
        **described(cfg, shape, swept),
        "asks": asks,
        "forecast": found,
        "why": why,
        "words": train,
    }
