"""Paired comparisons: against SciPy's permutation test, tables, and what they promise."""

import itertools
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from initlab.composition import compose
from initlab.run.lines import how_to_compare
from initlab.runs import Run
from initlab.sweeps.compare import Difference, paired_difference, seeds_to_decide, seeds_to_tell, wilson
from initlab.sweeps.score import epoch_compared, score_of

SLEEP = (  # extra hours under two drugs, ten patients (Student 1908)
    [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0],
    [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
)


def by_seed(values: object) -> dict[str, float]:
    return {str(i): float(value) for i, value in enumerate(values)}  # type: ignore[call-overload]


def compared(a: object, b: object, settings: int = 2) -> Difference:
    found = paired_difference(by_seed(a), by_seed(b), settings)
    assert found is not None
    return found


def chance(differences: np.ndarray) -> float:
    """Two-sided p of the sign-flip test, from its definition."""
    signs = np.array(list(itertools.product((1, -1), repeat=len(differences))))
    sums = signs @ differences
    return min(1.0, 2 * float((sums >= abs(differences.sum()) - 1e-9).mean()))


def test_students_own_example_is_decided_as_fishers_test_decides_it() -> None:
    one, two = map(np.array, SLEEP)
    found = compared(one, two)
    assert (found.mean, found.n, found.higher, found.lower) == (pytest.approx(-1.58), 10, 0, 9)  # one pair is equal
    assert found.narrower == pytest.approx(np.std(one - two) / math.sqrt(np.var(one) + np.var(two)), rel=1e-12)
    assert found.decided
    assert chance(one - two) == 4 / 1024  # 9 of one sign, 0 of none: 2 of 512, whatever the sign of the 0
    assert found.low < found.mean < found.high < 0
    assert compared(one, two, settings=5).decided == (4 / 1024 <= 0.05 / 10)
    assert compared(one, two, settings=6).decided == (4 / 1024 <= 0.05 / 15)


@pytest.mark.parametrize("n", [2, 5, 6, 8, 11])
@pytest.mark.parametrize("settings", [2, 3])
def test_the_interval_holds_what_the_test_does_not_refuse(n: int, settings: int) -> None:
    numbers = np.random.default_rng(n)
    level = 0.05 / (settings * (settings - 1) / 2)
    for _ in range(20):
        differences = np.round(numbers.normal(0.6, 1, n), 1)  # with ties
        found = compared(differences, np.zeros(n), settings)
        assert found.decided == (chance(differences) <= level)
        if math.isfinite(found.low):
            outside = (found.low - 1e-6, found.high + 1e-6)
            assert all(chance(differences - centre) <= level for centre in outside)
            assert all(chance(differences - centre) > level for centre in (found.low + 1e-6, found.high - 1e-6)
                       if found.low + 1e-6 < found.high - 1e-6)  # fmt: skip


def test_the_p_value_is_scipys() -> None:
    one, two = map(np.array, SLEEP)
    found = stats.permutation_test(
        (one, two), lambda x, y, axis: (x - y).mean(axis), permutation_type="samples", vectorized=True, n_resamples=5000
    )
    assert found.pvalue == pytest.approx(chance(one - two))


@pytest.mark.parametrize(("successes", "n"), [(0, 1), (1, 1), (0, 32), (31, 32), (50, 100), (99, 100), (2500, 2500)])
def test_the_interval_of_a_share_is_scipys(successes: int, n: int) -> None:
    expected = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
    assert wilson(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-12)  # rounding


def test_as_many_seeds_as_can_decide() -> None:
    """2 / 2^n must be at most 5 % over the pairs."""
    assert [seeds_to_decide(k) for k in (2, 3, 4, 5, 6)] == [6, 7, 8, 9, 10]
    for settings in (2, 3, 4, 6):
        n = seeds_to_decide(settings)
        assert compared([1.0] * n, [0.0] * n, settings).decided
        assert not compared([1.0] * (n - 1), [0.0] * (n - 1), settings).decided
        assert compared([1.0] * (n - 1), [0.0] * (n - 1), settings).low == -math.inf


def test_equal_numbers_are_equal_however_they_round() -> None:
    """0.1 + 0.2 - 0.3 is 5.6e-17, which is no difference."""
    found = compared([0.1 + 0.2] * 8, [0.3] * 8)
    assert (found.higher, found.lower, found.decided) == (0, 0, False)


def test_many_seeds_are_flipped_in_groups() -> None:
    numbers = np.random.default_rng(0)
    better = numbers.normal(0.5, 1, 60)
    assert compared(better, np.zeros(60)).decided
    assert not compared(numbers.normal(0, 1, 60), np.zeros(60)).decided


def test_only_seeds_of_both_count_and_one_decides_nothing() -> None:
    found = paired_difference({"0": 1.0, "1": 2.0, "2": 4.0}, {"1": 1.5, "2": 3.0, "9": 0.0}, settings=2)
    assert found is not None
    assert (found.mean, found.n) == (0.75, 2)
    assert paired_difference({"0": 1.0}, {"0": 2.0}, settings=2) is None


Draw = Callable[[np.random.Generator, int, int], np.ndarray]
LUCK: dict[str, Draw] = {  # [settings, seeds] scores of settings that differ by nothing but luck
    "normal, seeds in common": lambda r, k, n: r.normal(size=n) + r.normal(size=(k, n)),
    "skewed": lambda r, k, n: r.exponential(size=(k, n)) ** 2,
    "accuracy on 20 rows": lambda r, k, n: r.binomial(20, 0.9, (k, n)) / 20,
    "trains or fails": lambda r, k, n: np.where(r.random((k, n)) < 0.5, 0.1, 0.85) + r.normal(0, 0.003, (k, n)),
    "one of two values": lambda r, k, n: r.integers(0, 2, (k, n)) / 4,
    "one is four times as noisy": lambda r, k, n: r.normal(size=(k, n)) * np.where(np.arange(k) == 0, 4, 1)[:, None],
}


@pytest.mark.parametrize("luck", LUCK)
@pytest.mark.parametrize("settings", [2, 3, 4, 6])
def test_equal_settings_are_told_apart_in_5_of_100_sweeps_at_most(settings: int, luck: str) -> None:
    """The best of equals beats another. 400 sweeps of each size: five standard errors of 1.1 % are allowed."""
    numbers = np.random.default_rng(settings)
    for n in {*range(2, 9), seeds_to_decide(settings)}:
        sweeps = 400 if n >= seeds_to_decide(settings) else 5  # fewer seeds decide nothing
        wrong = 0
        for _ in range(sweeps):
            runs = sorted(LUCK[luck](numbers, settings, n), key=np.sum)
            wrong += any(compared(run, runs[0], settings).decided for run in runs[1:])
        assert wrong / sweeps <= (0.05 + 5 * 0.011 if sweeps == 400 else 0), n


def test_a_clear_difference_is_found() -> None:
    """Three times the spread of a difference, six seeds of two settings: the power is the chance of six equal signs."""
    numbers = np.random.default_rng(0)
    found = [compared(numbers.normal(3, 1, 6), np.zeros(6)).decided for _ in range(200)]
    assert sum(found) > 190


def left(folder: Path, end: float, by: str, curve: Mapping[int, object]) -> Run:
    """A run that ended by `by`; curve: cells of its metrics.csv, "" where it was not validated."""
    folder.mkdir()
    (folder / "summary.json").write_text(json.dumps({"metrics": {"val/loss": end}, "ended": {"by": by}}))
    if curve:
        lines = [f"{epoch},{10 * epoch},{cell}\r\n" for epoch, cell in curve.items()]
        (folder / "metrics.csv").write_text("".join(["epoch,step,val/loss\r\n", *lines]), newline="")
    return Run.lenient(folder)


def test_runs_that_stop_by_their_own_losses_are_compared_at_an_epoch_of_all(tmp_path: Path) -> None:
    long = left(tmp_path / "long", 0.3, "max_epochs", {0: 0.5, 1: 0.4, 2: 0.3})
    short = left(tmp_path / "short", 0.6, "early_stopping", {0: 0.5, 1: 0.6, 2: ""})
    other = left(tmp_path / "other", 0.9, "max_epochs", {0: 0.9})
    assert epoch_compared([long, other], "val/loss") is None  # as long as their settings ask
    assert epoch_compared([long, short], "val/loss") == 1
    assert [score_of(run, "val/loss", epoch) for run, epoch in ((long, 1), (short, 1), (long, None))] == [0.4, 0.6, 0.3]
    pruned = left(tmp_path / "pruned", 0.6, "pruned", {0: 0.6})
    assert epoch_compared([long, pruned], "val/loss") is None
    assert epoch_compared([long, left(tmp_path / "none", 0.6, "early_stopping", {})], "val/loss") is None


def test_a_run_that_enters_no_mean_does_not_choose_the_epoch(tmp_path: Path) -> None:
    """Unlike an empty cell a loss that is no number was measured: such a run is not taken at an epoch before."""
    long = left(tmp_path / "long", 0.3, "max_epochs", {0: 0.5, 1: 0.4, 2: 0.3})
    broken = left(tmp_path / "broken", math.nan, "early_stopping", {0: 0.5, 1: "nan"})
    assert epoch_compared([long, broken], "val/loss") is None
    assert epoch_compared([broken], "val/loss") is None
    short = left(tmp_path / "short", 0.6, "early_stopping", {0: 0.5, 1: 0.6})
    at_once = left(tmp_path / "at_once", math.inf, "early_stopping", {0: "inf"})
    assert epoch_compared([long, broken, short, at_once], "val/loss") == 1
    late = left(tmp_path / "late", math.nan, "max_epochs", {0: 0.5, 1: 0.4, 2: "nan"})
    assert epoch_compared([long, late, short], "val/loss") == 1
    assert all(math.isnan(score_of(run, "val/loss", epoch)) for run in (broken, late) for epoch in (None, 0, 1))
    assert score_of(at_once, "val/loss", 1) == math.inf


def test_the_sweep_that_a_run_proposes_can_decide() -> None:
    *_, inits, seeds = how_to_compare(["model.depth=3", "seed=7", "init=normal"], "normal", {})
    values = [word.partition("=")[2].split(",") for word in (inits, seeds)]
    a = {seed: 1.0 + 0.1 * i for i, seed in enumerate(values[1])}
    found = paired_difference(a, dict.fromkeys(a, 0.0), len(values[0]))
    assert found is not None
    assert found.decided
    a.popitem()
    fewer = paired_difference(a, dict.fromkeys(a, 0.0), len(values[0]))
    assert fewer is not None
    assert not fewer.decided


def test_the_sweep_is_around_the_run() -> None:
    said = how_to_compare(["data=csv", "data.path=a b.csv", "model.num_hiddens=[5,6]", "init=lsuv"], "lsuv", {})
    assert said[3:] == [
        "data=csv", "data.path=a b.csv", "model.num_hiddens=[5,6]", "init=lsuv,kaiming", "seed=0,1,2,3,4,5",
    ]  # fmt: skip


@pytest.mark.parametrize("typed", [["lr=0.3"], ["optimizer.lr=0.3"], ["lr=5", "optimizer.lr=0.3"]])
def test_the_sweep_of_learning_rates_is_around_the_one_that_the_optimiser_has(typed: list[str]) -> None:
    words = ["init=normal", "init.sigma=0.1", *typed]
    said = how_to_compare(words, "normal", compose(*words, run_dir="x").optimizer)
    assert said[3:] == ["init=normal", "init.sigma=0.1", "lr=0.3,0.1", "seed=0,1,2,3,4,5"]


@pytest.mark.parametrize("ratio", [0.3, 0.6, 1.0, 1.3])
@pytest.mark.parametrize("settings", [2, 4])
def test_how_many_seeds_would_tell(ratio: float, settings: int) -> None:
    """Against the power of the paired t-test, from SciPy's noncentral t: the fewest seeds that have 80 %."""
    alpha = 0.05 / (settings * (settings - 1) / 2)

    def power(n: int) -> float:
        limit, shift = stats.t.ppf(1 - alpha / 2, n - 1), ratio * np.sqrt(n)
        return float(stats.nct.sf(limit, n - 1, shift) + stats.nct.cdf(-limit, n - 1, shift))

    fewest = max(next(n for n in range(2, 1000) if power(n) >= 0.8), seeds_to_decide(settings))
    told = seeds_to_tell(Difference(ratio, 0.0, 0.0, 5, 5, 0, std=1.0), settings)
    assert told is not None
    assert abs(told - fewest) <= 1
    assert seeds_to_tell(Difference(0.0, 0.0, 0.0, 5, 0, 0, std=1.0), settings) is None
