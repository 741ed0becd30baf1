"""A page that is written wrongly ends in one sentence, whatever is wrong with it."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from initlab.diagnosis.findings import ORDER
from initlab.error_sentence import sentence_for
from initlab.errors import UserError
from initlab.shipped import CONFIGS
from initlab.textbook import page as page_module
from initlab.textbook.claim import FINDINGS, KEYS, Claim, Metric, read_claims, read_metric
from initlab.textbook.page import read_header, read_page
from initlab.textbook.picture import read_picture

CURVE = {"draw": "curve", "figure": "val/loss", "title": "t", "caption": "c"}


def test_a_claim_is_read_as_it_is_written() -> None:
    (claim,) = read_claims(
        [
            {
                "figure": "layers.2/std@0", "over": "layers.0/std@0", "where": {"init.sigma": 0.010, "bias": True},
                "is": 1, "within": 0.5, "below": {"init": "xavier"}, "published": 0.9, "why": "so",
            }
        ]
    )  # fmt: skip
    assert claim == Claim(
        figure=Metric("layers.2/std", 0), over=Metric("layers.0/std", 0), where={"init.sigma": "0.01", "bias": "true"},
        value=1.0, within=0.5, below={"init": "xavier"}, published="0.9", why="so",
    )  # fmt: skip
    assert claim.figure is not None
    assert claim.figure.of_layer == ("layers.2", "std")
    assert claim.subject == "layers.2/std@0 / layers.0/std@0"
    assert claim.expected == "1 ± 0.5 below that of init=xavier"
    assert read_metric("", "val/acc") == Metric("val/acc", "last")
    assert read_metric("", "val/acc").of_layer is None
    assert read_metric("", "loss/loss@3").of_layer == ("loss", "loss")  # the loss of a batch, not train/loss


def test_the_tolerance_shrinks_as_a_mean_of_n_runs_does() -> None:
    claim = Claim(figure=Metric("x"), value=0.0, spread=0.5)
    assert [claim.tolerance(n) for n in (1, 4, 100)] == [2.0, 1.0, 0.2]
    assert Claim(figure=Metric("x"), value=0.0, within=0.5).tolerance(100) == 0.5


def test_the_findings_are_those_of_the_monitor() -> None:
    assert set(FINDINGS) == set(ORDER)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("val/acc > 0.8", "expect[0]=val/acc > 0.8: must be a claim"),
        ({"figur": "val/acc", "above": 0}, "expect[0].figur: no such key of a claim; did you mean figure?"),
        ({"above": 0}, "expect[0]: a claim is about one of figure, finding, no_finding, forecast, not nothing"),
        ({"figure": "a", "finding": "b"}, "not figure and finding"),
        ({"figure": "val/acc"}, "expect[0]: a claim about a figure needs is, above or below"),
        ({"figure": "val/acc", "is": 0.8}, "is needs one of within and spread"),
        ({"figure": "val/acc", "is": 0.8, "within": 0.1, "spread": 0.1}, "is needs one of within and spread"),
        ({"figure": "val/acc", "within": 0.1, "above": 0}, "is needs one of within and spread"),
        ({"figure": "val/acc", "is": 0.8, "within": 0}, "expect[0].within=0: must be above 0"),
        ({"figure": "val/acc", "is": "0.8", "within": 0.1}, "expect[0].is=0.8: must be a number"),
        ({"figure": "val/acc", "above": True}, "expect[0].above=True: must be a number"),
        ({"figure": "val/acc", "above": float("nan")}, "expect[0].above=nan: must be a number"),
        ({"figure": "val/acc@latest", "above": 0}, "one of last, first, min, max, median; did you mean last?"),
        ({"figure": "val/acc@-1", "above": 0}, "after the @ stands an epoch or a step"),
        ({"figure": 3, "above": 0}, "expect[0].figure=3: must be a figure such as"),
        ({"figure": "val acc", "above": 0}, "must be a figure such as"),
        ({"figure": "val/acc", "above": 0, "where": "init=zeros"}, "expect[0].where=init=zeros: must be values"),
        ({"figure": "val/acc", "above": {"init": ["a"]}}, "expect[0].above={'init': ['a']}: must be values"),
        ({"finding": "vanishing signl"}, "no such kind of finding; did you mean vanishing signal?"),
        ({"finding": "any"}, "expect[0].finding=any: no such kind"),
        ({"finding": "dead layer", "above": 0}, "expect[0].above: only a claim about a figure has it"),
        ({"figure": "val/acc", "above": 0, "why": ["a"]}, "expect[0].why=['a']: must be a number or a text"),
    ],
)
def test_a_wrong_claim_gets_one_sentence(entry: Any, sentence: str) -> None:
    with pytest.raises(UserError) as error:
        read_claims([entry])
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        ("curve", "picture=curve: must be keys"),
        ({"draw": "curv"}, "must be one of curve, depth, time, against, weights, map; did you mean curve?"),
        (CURVE | {"step": 0}, "picture.step: a picture of draw=curve has no such key"),
        (CURVE | {"titel": "x"}, "did you mean title?"),
        (CURVE | {"title": ""}, "picture.title: a picture needs one"),
        (CURVE | {"figure": ["a", "b", "c"]}, "a column of metrics.csv, such as val/loss, or a list of two"),
        (CURVE | {"log": 1}, "picture.log=1: must be true or false"),
        (CURVE | {"mark": {"chance": "low"}}, "picture.mark.chance=low: must be a number"),
        (CURVE | {"limits": [1, 0]}, "two numbers, the smaller first"),
        (CURVE | {"limits": [0, 1], "log": True}, "both above 0"),
        (CURVE | {"caption": 3}, "picture.caption=3: must be a text"),
        ({"draw": "depth", "quantity": "sdt", "title": "t", "caption": "c"}, "did you mean std?"),
        ({"draw": "depth", "quantity": "std", "step": -1, "title": "t", "caption": "c"}, "picture.step=-1: must be a"),
    ],
)
def test_a_wrong_picture_gets_one_sentence(picture: Any, sentence: str) -> None:
    with pytest.raises(UserError) as error:
        read_picture(picture)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=5) | st.sampled_from(FINDINGS)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=3))


@settings(max_examples=50)
@given(st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES | st.sampled_from(["val/acc", "a/std@0"]), max_size=6)))
def test_whatever_stands_in_expect_is_read_or_refused(entries: list[Any]) -> None:
    try:
        claims = read_claims(entries)
    except UserError:
        return
    assert all(claim.subject and claim.expected for claim in claims)


@given(
    st.dictionaries(st.sampled_from([*CURVE, "quantity", "step", "layers", "log", "limits", "panels", "mark"]), VALUES)
)
def test_whatever_stands_in_picture_is_read_or_refused(given_keys: dict[str, Any]) -> None:
    try:
        read_picture(CURVE | given_keys)
    except UserError:
        return


def test_a_claim_about_a_setting_that_is_not_swept_is_refused() -> None:
    page = read_page("he_2015")
    for claim in (
        {"finding": "dead layer", "where": {"init": "lecun"}},
        {"figure": "a/b", "below": {"inti": "xavier"}},
    ):
        with pytest.raises(
            UserError, match=r"he_2015: expect\[0\]\.\w+: .* is not swept by the page \(init=xavier,kaiming\)"
        ):
            page_module._check_settings(dataclasses.replace(page, claims=tuple(read_claims([claim]))))


def test_the_header_is_question_commands_and_prose() -> None:
    text = """# @package _global_
# Does it? A question
# of two lines. (a book)
#
#   python scripts/train.py experiment=x lr=3      a minute
#   python scripts/train.py -m experiment=x
#
# First, then
# more.
#
# Second.
defaults:
  - x # not this
"""
    header = read_header(text)
    assert header.question == "Does it? A question of two lines. (a book)"
    assert header.commands == ("python scripts/train.py experiment=x lr=3", "python scripts/train.py -m experiment=x")
    assert header.prose == ("First, then more.", "Second.")


def test_a_file_that_is_not_yaml_gets_one_sentence() -> None:
    with pytest.raises(yaml.YAMLError) as error:
        yaml.safe_load("expect:\n  - {figure: a,\n")
    said = sentence_for(error.value)
    assert said is not None
    assert said.startswith("a config file is not YAML: while parsing")
    assert "\n" not in said


def test_a_page_that_is_not_there_gets_one_sentence_and_no_import() -> None:
    script = CONFIGS.parent / "scripts" / "pages.py"
    said = subprocess.run(
        [sys.executable, "-X", "importtime", str(script), "he_2016"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 2
    assert "error: he_2016: no such page; did you mean he_2015?" in said.stderr
    assert " torch\n" not in said.stderr
    assert not (Path("outputs") / "pages" / "he_2016").exists()
