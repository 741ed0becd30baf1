"""Student's t against tables and its density; paired intervals against a published example and by their promise."""

import numpy as np
import pytest
import torch

from initlab.sweeps.compare import paired_difference
from initlab.sweeps.student_t import cdf, quantile

TABLE = {  # two-sided 95 % and 99 %, as printed in any statistics book
    1: (12.706, 63.657), 2: (4.303, 9.925), 3: (3.182, 5.841), 4: (2.776, 4.604), 5: (2.571, 4.032),
    9: (2.262, 3.250), 10: (2.228, 3.169), 29: (2.045, 2.756), 120: (1.980, 2.617),
}  # fmt: skip


@pytest.mark.parametrize("df", TABLE)
def test_quantiles_are_those_of_the_tables(df: int) -> None:
    assert (quantile(0.975, df), quantile(0.995, df)) == pytest.approx(TABLE[df], abs=5.1e-4)  # three digits printed


@pytest.mark.parametrize("df", [1, 2, 3, 4, 7, 50])
def test_the_sum_is_the_integral_of_the_density(df: int) -> None:
    x = torch.linspace(0, 8, 200_001, dtype=torch.float64)
    density = torch.distributions.StudentT(torch.tensor(float(df), dtype=torch.float64)).log_prob(x).exp()
    assert cdf(8, df) == pytest.approx(0.5 + torch.trapezoid(density, x).item(), abs=1e-9)  # h^2 / 12 = 1.3e-10
    assert cdf(-8, df) == pytest.approx(1 - cdf(8, df), abs=1e-15)


def test_students_own_example() -> None:
    """Extra hours of sleep under two drugs, ten patients (Student 1908); the interval that R prints for it."""
    one = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    two = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    a, b = ({str(i): hours for i, hours in enumerate(drug)} for drug in (one, two))
    found = paired_difference(a, b, settings=2)
    assert found is not None
    assert (found.mean, found.low, found.high) == pytest.approx((-1.58, -2.4598858, -0.7001142), abs=1e-7)
    assert found.decided


def test_only_seeds_of_both_count_and_one_decides_nothing() -> None:
    found = paired_difference({"0": 1.0, "1": 2.0, "2": 4.0}, {"1": 1.5, "2": 3.0, "9": 0.0}, settings=2)
    assert found is not None
    assert (found.mean, found.n) == (0.75, 2)
    assert paired_difference({"0": 1.0}, {"0": 2.0}, settings=2) is None


def test_equal_settings_are_seldom_told_apart() -> None:
    """Four settings that differ by nothing but luck, three seeds: the best of them may beat another in 5 % of sweeps.

    600 sweeps: a standard error of 0.9 %, five allowed. Without the correction it is about one sweep in five."""
    numbers = np.random.default_rng(0)
    wrong = {2: 0, 4: 0}
    for _ in range(600):
        seeds = numbers.normal(size=3)  # what runs of a seed have in common
        runs = [{str(i): seeds[i] + x for i, x in enumerate(numbers.normal(size=3))} for _ in range(4)]
        runs.sort(key=lambda run: sum(run.values()))
        for settings in wrong:
            wrong[settings] += any(paired_difference(r, runs[0], settings).decided for r in runs[1:])  # type: ignore
    assert wrong[4] / 600 < 0.05 + 5 * 0.009
    assert wrong[2] / 600 > 0.1
