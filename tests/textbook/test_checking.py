"""Claims are held against folders written by hand, of which the answer is known; each kind is seen to fail too."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from folders import write_run

from initlab.errors import UserError
from initlab.textbook.checking import Check, check_page
from initlab.textbook.claim import read_claims
from initlab.textbook.page import Header, Page
from initlab.textbook.running import Ran

ROWS = [
    (0, "layers.0", "std", 2.0), (5, "layers.0", "std", 8.0), (10, "layers.0", "std", 4.0),
    (0, "layers.1", "std", 0.5), (0, "loss", "loss", 2.3),
]  # fmt: skip


def checks(tmp_path: Path, *claims: dict[str, Any]) -> list[Check]:
    """Of a page with two settings of two seeds each: kaiming learns, zeros does not."""
    ran = []
    for seed, (loss, acc) in enumerate([(0.4, 0.80), (0.5, 0.90)]):
        metrics = {"val/loss": [1.0, 0.2, loss], "val/acc": [0.3, 0.6, acc]}
        ran.append(write_run(tmp_path / f"k{seed}", {"init": "kaiming"}, metrics, ROWS))
        ran.append(
            write_run(
                tmp_path / f"z{seed}",
                {"init": "zeros"},
                {"val/loss": [2.3], "val/acc": [0.1]},
                [],
                ["symmetric units"][: 2 - seed],
            )
        )
    axes = {"init": ("kaiming", "zeros"), "seed": ("0", "1")}
    return check_page(Page("p", Header("", (), ()), tuple(read_claims(list(claims))), None, axes), ran)


KAIMING = {"where": {"init": "kaiming"}}


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ({"figure": "val/acc", "above": 0, **KAIMING}, 0.85),  # mean of .8 and .9
        ({"figure": "val/loss@0", "above": 0, **KAIMING}, 1.0),
        ({"figure": "val/loss@first", "above": 0, **KAIMING}, 1.0),
        ({"figure": "val/loss@min", "above": 0, **KAIMING}, 0.2),
        ({"figure": "val/loss@max", "above": 0, **KAIMING}, 1.0),
        ({"figure": "val/loss@median", "above": 0, **KAIMING}, 0.45),  # of 1, .2, .4 and of 1, .2, .5
        ({"figure": "test/acc", "above": 0, **KAIMING}, 0.7),
        ({"figure": "layers.0/std@5", "above": 0, **KAIMING}, 8.0),
        ({"figure": "layers.0/std", "above": 0, **KAIMING}, 4.0),
        ({"figure": "loss/loss@0", "above": 0, **KAIMING}, 2.3),
        ({"figure": "layers.1/std@0", "over": "layers.0/std@0", "above": 0, **KAIMING}, 0.25),
    ],
)
def test_a_figure_is_the_mean_over_the_seeds(tmp_path: Path, claim: dict[str, Any], value: float) -> None:
    (one,) = checks(tmp_path, claim)
    assert one.trouble == ""
    assert (one.n, one.mean) == (2, pytest.approx(value))
    assert one.holds


@pytest.mark.parametrize(
    ("claim", "false"),
    [
        ({"figure": "val/acc", "is": 0.84, "within": 0.02}, {"within": 0.005}),
        (
            {"figure": "val/acc", "is": 0.75, "spread": 0.04},
            {"spread": 0.03},
        ),  # 4 * .04 / sqrt 2 = .113, .085 beside .1
        ({"figure": "val/acc", "above": 0.84}, {"above": 0.86}),
        ({"figure": "val/loss", "below": 0.5}, {"below": 0.45}),
        ({"figure": "val/loss", "below": {"init": "zeros"}}, {"figure": "val/acc"}),
        ({"figure": "val/acc", "above": {"init": "zeros"}}, {"figure": "val/loss"}),
        ({"figure": "layers.1/std@0", "over": "layers.0/std@0", "below": 0.3}, {"over": "layers.1/std@0"}),
        ({"no_finding": "any"}, {"where": {"init": "zeros"}}),
        ({"finding": "symmetric units", "where": {"init": "zeros"}}, {"where": {"init": "kaiming"}}),
        ({"figure": "val/acc", "above": 0.8}, {"where": {}}),  # of every setting, then
        ({"figure": "val/acc", "above": 0.8}, {"figure": "val/bcc"}),
        ({"figure": "layers.0/std@5", "above": 0.8}, {"figure": "layers.0/std@6"}),
        ({"figure": "layers.0/std@5", "above": 0.8}, {"figure": "layers.9/std@5"}),
    ],
)
def test_a_claim_holds_and_its_opposite_does_not(tmp_path: Path, claim: dict[str, Any], false: dict[str, Any]) -> None:
    assert [one.holds for one in checks(tmp_path / "true", KAIMING | claim)] == [True]
    assert not all(one.holds for one in checks(tmp_path / "false", KAIMING | claim | false))


def test_a_finding_must_be_in_every_seed(tmp_path: Path) -> None:
    ran = [write_run(tmp_path / str(i), {}, {"a": [1.0]}, [], ["dead layer"] * i) for i in (0, 1)]
    page = Page("p", Header("", (), ()), tuple(read_claims([{"finding": "dead layer"}])), None, {"seed": ("0", "1")})
    (one,) = check_page(page, ran)
    assert not one.holds
    assert one.got == "in 1 of 2 runs"


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    said = [
        one.got
        for one in checks(
            tmp_path,
            KAIMING | {"figure": "val/bcc", "above": 0},
            KAIMING | {"figure": "layers.0/std@6", "above": 0},
            KAIMING | {"figure": "layers.9/std", "above": 0},
            KAIMING | {"figure": "test/loss", "above": 0},
        )
    ]
    assert said == [
        "val/bcc: the run reports no such figure (val/loss, val/acc)",
        "layers.0/std@6: nothing was recorded then; layers.0/std@5 is nearest",
        "layers.9/std: std was recorded of layers.0, layers.1",
        "test/loss: the run has no such figure of the test set (test/acc)",
    ]


def test_a_run_that_failed_fails_the_claims_of_its_setting_alone(tmp_path: Path) -> None:
    ran = [
        write_run(tmp_path / "0", {"lr": "1"}, {"a": [1.0]}),
        Ran({"lr": "2"}, tmp_path / "1", error="data.root=x: no"),
    ]
    page = Page("p", Header("", (), ()), tuple(read_claims([{"figure": "a", "above": 0}])), None, {"lr": ("1", "2")})
    first, second = check_page(page, ran)
    assert first.holds
    assert not second.holds
    assert second.got == "a run failed: data.root=x: no"


def test_nan_holds_nothing_and_is_said(tmp_path: Path) -> None:
    claims = [{"figure": "a", "above": 0}, {"figure": "a", "below": 0}, {"figure": "a", "is": 0, "within": 9}]
    page = Page("p", Header("", (), ()), tuple(read_claims(claims)), None, {})
    checked = check_page(page, [write_run(tmp_path / "0", {}, {"a": [1.0, math.nan]})])
    assert [(one.holds, one.got) for one in checked] == [(False, "nan")] * 3


def test_a_claim_about_the_forecast_counts_clear_verdicts(tmp_path: Path) -> None:
    """Four cells: trains and did, will not and did not, trains and did not, on the edge."""
    verdicts = {"1": ("trains", 0.8), "2": ("will not train", 0.1), "3": ("trains", 0.4), "4": ("on the edge", 0.1)}
    ran = []
    for sigma, (word, acc) in verdicts.items():
        ran.append(write_run(tmp_path / sigma, {"init.sigma": sigma}, {"val/acc": [acc]}))
        (tmp_path / sigma / "forecast.json").write_text(json.dumps({"verdict": word}))
    page = Page("p", Header("", (), ()), (), None, {"init.sigma": tuple(verdicts)})

    def check(**claim: Any) -> Check:
        (one,) = check_page(replace(page, claims=tuple(read_claims([{"forecast": "val/acc", **claim}]))), ran)
        return one

    assert check(above=0.6).holds
    assert check(above=0.6).got == "2 of 3 clear verdicts right"
    assert not check(above=0.7).holds
    assert check(above=0.9, where={"init.sigma": 2}).mean == 1.0
    with pytest.raises(UserError, match="needs above, a share"):
        read_claims([{"forecast": "val/acc"}])
