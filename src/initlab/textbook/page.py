"""A page of a textbook as it is written: configs/experiment/<name>.yaml."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf, open_dict

from initlab.checks.rule import did_you_mean
from initlab.config import check_config
from initlab.errors import UserError
from initlab.shipped import CONFIGS
from initlab.sweeps.record import SEEDS
from initlab.textbook.claim import Claim, read_claims, word_of, words_of
from initlab.textbook.picture import SWEPT, Picture, read_picture

FOLDER = CONFIGS / "experiment"
NO_PAGE = ("forecast_evidence",)  # a recipe for scripts/forecast_evidence.py: its 2400 runs are no page's


@dataclass(frozen=True)
class Header:
    """The comment at the top of the file: question and source, commands to type, and the paragraphs below them."""

    question: str
    commands: tuple[str, ...]
    prose: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """axes: what -m sweeps, with the values of each in order; without an axis the page is one run.

    parts: the callbacks and loggers of its config, as `callbacks.monitor`.
    """

    name: str
    header: Header
    claims: tuple[Claim, ...]
    picture: Picture | None
    axes: Mapping[str, tuple[str, ...]]
    parts: tuple[str, ...] = ()

    @property
    def jobs(self) -> list[dict[str, str]]:
        """What sets each run apart, as the grid sweeper orders them."""
        return [dict(zip(self.axes, values, strict=True)) for values in itertools.product(*self.axes.values())]

    def with_seeds(self, most: int) -> Page:
        """With at most so many of each setting."""
        axes = {key: values[:most] if key in SEEDS else values for key, values in self.axes.items()}
        return dataclasses.replace(self, axes=axes)

    @property
    def settings(self) -> list[dict[str, str]]:
        """The jobs without their seeds, each once."""
        axes = {key: values for key, values in self.axes.items() if key not in SEEDS}
        return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]

    @property
    def keeps(self) -> tuple[str, ...]:
        """Of the parts, those whose files a claim or the picture needs."""
        picture = self.picture
        of_layers = [f for c in self.claims for f in (c.figure, c.over) if f and f.of_layer]
        watched = of_layers or any(c.finding or c.no_finding for c in self.claims) or (picture and picture.quantity)
        weights = picture is not None and picture.draw == "weights"
        return ("logger.csv", *["callbacks.monitor"] * bool(watched), *["callbacks.last"] * weights)


def page_names() -> list[str]:
    """Of all pages, in order of the alphabet."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem not in NO_PAGE)


def read_page(name: str) -> Page:
    """The page `configs/experiment/<name>.yaml`, composed and checked.

    Raises:
        UserError: there is no such page, its config cannot work, or a claim is about a setting that it does not sweep.
    """
    if name not in page_names():
        raise UserError(f"{name}: no such page{did_you_mean(name, page_names())} ({', '.join(page_names())})")
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        whole = hydra_compose("train", overrides=[f"experiment={name}", "run_dir=x"], return_hydra_config=True)
    params = OmegaConf.to_container(whole.hydra.sweeper.params)
    with open_dict(whole):
        del whole["hydra"]
    check_config(whole)
    assert isinstance(params, dict)
    axes = {str(key): _values(name, f"{key!s}={value}") for key, value in params.items()}
    claims = read_claims(OmegaConf.to_container(whole.expect)) if "expect" in whole else []
    picture = read_picture(OmegaConf.to_container(whole.picture)) if "picture" in whole else None
    parts = tuple(f"{group}.{part}" for group in ("callbacks", "logger") for part in whole[group] or ())
    page = Page(name, read_header((FOLDER / f"{name}.yaml").read_text()), tuple(claims), picture, axes, parts)
    _check_settings(page)
    return page


def read_header(text: str) -> Header:
    """Of a page's file: paragraphs of its comment are separated by a lone #; commands stand three spaces in."""
    lines = list(itertools.takewhile(lambda line: line.startswith("#"), text.splitlines()))
    lines = [line for line in lines if not line.startswith("# @package")]
    commands = [match[1] for line in lines if (match := re.match(r"# {3,}(python \S.*?)(?: {2,}.*)?$", line))]
    plain = ["" if re.match(r"# {3,}python", line) else line[1:].strip() for line in lines]
    paragraphs = [" ".join(part.split("\n")).strip() for part in re.split(r"\n\s*\n", "\n".join(plain))]
    question, *prose = [part for part in paragraphs if part] or [""]
    return Header(question, tuple(commands), tuple(prose))


def _values(name: str, sweep: str) -> tuple[str, ...]:
    """Of one swept key, as the sweeper takes them apart."""
    (override,) = OverridesParser.create().parse_overrides([sweep])
    if not override.is_sweep_override():
        return (override.get_value_element_as_str(),)
    if not override.is_discrete_sweep():
        raise UserError(f"{name}: hydra.sweeper.params: {sweep}: a page sweeps values that can be counted")
    return tuple({"True": "true", "False": "false"}.get(word, word) for word in override.sweep_string_iterator())


def same(left: Mapping[str, str], right: Mapping[str, str]) -> bool:
    """Whether every value of `left` is that of `right`, however a number is written."""
    return all(key in right and word_of(value) == word_of(right[key]) for key, value in left.items())


def _check_settings(page: Page) -> None:
    """What claims and the picture name is swept."""
    for i, claim in enumerate(page.claims):
        for key, where in (("where", claim.where), ("above", claim.above), ("below", claim.below)):
            if isinstance(where, Mapping) and not any(same(where, setting) for setting in page.settings):
                swept = " ".join(f"{k}={','.join(v)}" for k, v in page.axes.items() if k not in SEEDS) or "nothing"
                raise UserError(f"{page.name}: expect[{i}].{key}: {words_of(where)} is not swept by the page ({swept})")
    for key in ("panels", *SWEPT):
        swept_key = getattr(page.picture, key) if page.picture else ""
        if swept_key and swept_key not in page.axes:
            raise UserError(f"{page.name}: picture.{key}={swept_key}: no such key is swept ({', '.join(page.axes)})")
