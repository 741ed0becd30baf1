"""Claims compared with what the runs left in their folders."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from initlab.errors import UserError
from initlab.runs import open_run
from initlab.runs.open_run import Run
from initlab.runs.reader import number
from initlab.sweeps.summary import Spread
from initlab.textbook.claim import TRAINS, Claim, Metric, words_of
from initlab.textbook.page import Page, same
from initlab.textbook.running import Ran

if TYPE_CHECKING:
    import pandas as pd


CLEAR = {"trains": True, "will not train": False}  # verdicts, and whether the run then trains


@dataclass(frozen=True)
class Check:
    """A claim in one setting.

    values:  the figure of each run, or 1.0 where it has the finding, 0.0 where not.
    limit:   of a comparison, the other setting's mean.
    trouble: why there is nothing to check: a run that failed, a figure that no run has.
    """

    claim: Claim
    setting: Mapping[str, str]
    values: Sequence[float] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    trouble: str = ""

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def mean(self) -> float:
        """Of values that are not all finite: inf where they are all that, else nan."""
        odd = self.values[0] if len(set(self.values)) == 1 else math.nan
        return odd if self._spread.nan else self._spread.mean

    @property
    def std(self) -> float:
        """Of the sample, with n - 1; nan for one value, and where not all are finite."""
        return math.nan if self._spread.nan else self._spread.std

    @cached_property
    def _spread(self) -> Spread:
        found = Spread()
        for place, value in enumerate(self.values):
            found.add(str(place), value)
        return found

    @property
    def holds(self) -> bool:
        claim = self.claim
        if self.trouble or not self.n:
            return False
        if claim.figure is None and claim.forecast is None:
            return all(self.values) if claim.finding else not any(self.values)
        near = claim.value is None or abs(self.mean - claim.value) <= claim.tolerance(self.n)
        above = "above" not in self.limits or self.mean > self.limits["above"]
        below = "below" not in self.limits or self.mean < self.limits["below"]
        return near and above and below

    @property
    def got(self) -> str:
        """What was seen, in words."""
        if self.trouble:
            return self.trouble
        if self.claim.forecast:
            return f"{sum(map(int, self.values))} of {self.n} clear verdicts right"
        if self.claim.figure is None:
            return f"in {sum(map(int, self.values))} of {self.n} runs"
        spread = f" ± {self.std:.2g}" if self.n > 1 else ""
        return f"{self.mean:.4g}{spread}"

    @property
    def expected(self) -> str:
        """What had to be seen, with the number that another setting's mean turned out to be."""
        words = self.claim.expected
        for key in ("above", "below"):
            if isinstance(getattr(self.claim, key), Mapping) and key in self.limits:
                words += f" ({self.limits[key]:.4g})"
        return words

    @property
    def sentence(self) -> str:
        where = f" where {words_of(self.setting)}" if self.setting else ""
        result = "holds" if self.holds else "does NOT hold"
        return f"{self.claim.subject}{where}: {self.got} (n = {self.n}), expected {self.expected}: {result}"


def check_page(page: Page, ran: Sequence[Ran]) -> list[Check]:
    """Every claim in every setting that it is about."""
    runs = {id(one): open_run(one.folder) for one in ran if not one.error}
    return [_check(claim, setting, ran, runs) for claim in page.claims for setting in _matching(page, claim)]


def _matching(page: Page, claim: Claim) -> Iterable[dict[str, str]]:
    if claim.forecast:
        return [dict(claim.where)]
    return (setting for setting in page.settings if same(claim.where, setting))


def _check(claim: Claim, setting: Mapping[str, str], ran: Sequence[Ran], runs: Mapping[int, Run]) -> Check:
    try:
        values = _values(claim, setting, ran, runs)
        limits = {}
        for key in ("above", "below"):
            limit = getattr(claim, key)
            if isinstance(limit, Mapping):
                limits[key] = Check(claim, {}, _values(claim, {**setting, **limit}, ran, runs)).mean
            elif limit is not None:
                limits[key] = limit
        return Check(claim, setting, values, limits)
    except UserError as error:
        return Check(claim, setting, trouble=str(error))


def _values(claim: Claim, setting: Mapping[str, str], ran: Sequence[Ran], runs: Mapping[int, Run]) -> list[float]:
    """One a run of the setting, or, of a claim about the forecast, a clear verdict."""
    values = []
    for one in ran:
        if same(setting, one.setting):
            if one.error:
                raise UserError(f"a run failed: {one.error}")
            run = runs[id(one)]
            if claim.forecast is None:
                values.append(_value(claim, run))
            elif run.forecast.get("verdict") in CLEAR:
                trains = metric_of(run, claim.forecast) >= TRAINS
                values.append(float(trains == CLEAR[run.forecast["verdict"]]))
    if not values:
        raise UserError(f"no run has {words_of(setting)}")
    return values


def _value(claim: Claim, run: Run) -> float:
    if claim.figure is None:
        kinds = {finding["kind"] for finding in run.findings}
        wanted = claim.finding or claim.no_finding
        return float(bool(kinds) if wanted == "any" else wanted in kinds)
    value = metric_of(run, claim.figure)
    if claim.over is None:
        return value
    under = metric_of(run, claim.over)
    return value / under if under else math.nan


def metric_of(run: Run, metric: Metric) -> float:
    """The number of a run that the metric names.

    Raises:
        UserError: the run has no such figure, or not then.
    """
    if metric.name.startswith("test/"):
        tested = (run.summary or {}).get("metrics", {})
        if metric.name not in tested:
            raise UserError(f"{metric}: the run has no such figure of the test set ({', '.join(tested)})")
        return number(tested[metric.name])
    times, values = _layer_series(run, metric) if metric.of_layer else _metric_series(run, metric)
    if not len(values):
        raise UserError(f"{metric}: nothing was recorded")
    if isinstance(metric.when, int):
        at = values[times == metric.when]
        if not len(at):
            nearest = min(times, key=lambda t: abs(t - metric.when))
            raise UserError(f"{metric}: nothing was recorded then; {metric.name}@{nearest} is nearest")
        return float(at.iloc[-1])
    if metric.when in ("first", "last"):
        return float(values.iloc[0 if metric.when == "first" else -1])
    return float(getattr(values, metric.when)(skipna=False))


def _metric_series(run: Run, metric: Metric) -> tuple[pd.Series, pd.Series]:
    """Epochs and values."""
    known = [column for column in run.metrics.columns if column not in ("epoch", "step")]
    if metric.name not in known:
        raise UserError(f"{metric}: the run reports no such figure ({', '.join(known) or 'it has no metrics.csv'})")
    return run.metrics["epoch"], run.metrics[metric.name]


def _layer_series(run: Run, metric: Metric) -> tuple[pd.Series, pd.Series]:
    """Steps and values."""
    assert metric.of_layer
    layer, quantity = metric.of_layer
    rows = run.rows
    of_quantity = rows[rows["quantity"] == quantity]
    one = of_quantity[of_quantity["layer"] == layer]
    if one.empty:
        known = list(dict.fromkeys(of_quantity["layer"]))
        raise UserError(f"{metric}: {quantity} was recorded of {', '.join(map(str, known)) or 'nothing'}")
    return one["step"], one["value"]


def folders(ran: Sequence[Ran]) -> dict[tuple[tuple[str, str], ...], list[Path]]:
    """The folders of the runs that ended well, by setting."""
    found: dict[tuple[tuple[str, str], ...], list[Path]] = {}
    for one in ran:
        if not one.error:
            found.setdefault(tuple(one.setting.items()), []).append(one.folder)
    return found
