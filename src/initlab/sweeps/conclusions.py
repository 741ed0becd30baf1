"""What may be concluded from a sweep, in sentences for the terminal and the page."""

from __future__ import annotations

import math

from initlab.numbers import listed
from initlab.sweeps.compare import CONFIDENCE, MOST_SEEDS, seeds_to_decide, seeds_to_tell, wilson
from initlab.sweeps.summary import Row, Summary

SHARED_FROM = 6  # seeds, from which on it is said what sharing them gained


def conclusions(summary: Summary) -> list[str]:
    """What the seeds allow to say, no more."""
    if not summary.rows:
        return []
    best, *others = summary.rows
    said = []
    if best.score.n > 1 or any(row.score.n > 1 for row in others):
        said.append("± is one standard deviation over the seeds.")
    if summary.epoch is not None:
        said.append(
            f"Some runs were stopped early, so compared is epoch {summary.epoch + 1}, the last that all runs in the "
            "means have."
        )
    said += _against_best(best, summary)
    shared = [(row, d) for row in others if (d := row.to_best) and d.n >= SHARED_FROM and math.isfinite(d.narrower)]
    if shared:
        shares = listed(f"{d.narrower:.2g} as wide for {row.name}" for row, d in shared)
        said.append(f"By the shared seeds the interval to the best row is {shares} as with seeds of its own.")
    partly = [row for row in summary.rows if 0 < row.trained[0] < row.trained[1]]
    if partly:
        shares = listed(f"{row.name} in {' '.join(trained_words(row))}" for row in partly)
        said.append(f"Trained with some seeds only: {shares}; in brackets the share of all seeds, 95 % (Wilson).")
    same = [row for row in summary.rows if {member.seed for member in row.repeats} - row.score.values.keys()]
    if same:
        said.append(
            f"A seed that changes nothing is no other run: with {listed(row.name for row in same)} runs are identical "
            "to the last digit and count as one; what is drawn may be fixed by init_seed and data.seed."
        )
    elif others and best.score.n and all(row.score.n <= 1 for row in summary.rows):
        said.append(
            f"One run a row: one seed decides nothing, {seeds_to_decide(2)} can decide between two rows; "
            f"run those that matter with seed={','.join(map(str, range(seeds_to_decide(2))))}."
        )
    diverged = [row for row in summary.rows if row.score.nan]
    if diverged:
        said.append(f"Not a number in some runs, which no mean includes: {listed(row.name for row in diverged)}.")
    return said


def trained_words(row: Row) -> tuple[str, str]:
    """`31 of 32` and, for several runs, `[84, 99 %]`: where the share of all seeds lies with 95 % confidence."""
    trained, of = row.trained
    if of < 2:
        return (f"{trained} of {of}" if of else ""), ""
    low, high = wilson(trained, of)
    return f"{trained} of {of}", f"[{100 * low:.0f}, {100 * high:.0f} %]"


def _against_best(best: Row, summary: Summary) -> list[str]:
    """Which row beats which; which rows these seeds do not tell from the best one, how the seeds went, and how many
    could tell."""
    beaten, winners, undecided = summary.against_best()
    sure, test = _confidence(summary)
    how = f"{summary.score_words}, paired over seeds, {sure} ({test})"
    said = [f"{best.name} beats {listed(row.name for row in beaten)}: {how}."] if beaten else []
    said += [f"{row.name} beats {best.name} on the seeds they share: {how}." for row in winners]
    equal = [row for row in undecided if row.to_best and row.to_best.equal]
    if equal:
        names = listed(row.name for row in equal)
        said.append(f"{best.name} and {names}: {summary.score_words} is the same in every seed that they share.")
    if undecided := [row for row in undecided if row.to_best and not row.to_best.equal]:
        fewest, most = seeds_to_decide(len(summary.rows)), max(row.to_best.n for row in undecided if row.to_best)
        why = f"{most} seeds cannot decide with {sure}, {fewest} can" if most < fewest else f"not decided with {sure}"
        others = listed(f"{row.name} ({summary.wins(row)})" for row in undecided)
        would = listed(_would_do(row, len(summary.rows)) for row in undecided)
        said.append(f"{best.name} against {others}: {why} ({test}). Differences like these need {would}.")
    return said


def _would_do(row: Row, rows: int) -> str:
    """`about 8 seeds for init=normal`: to be told from the best row four times in five."""
    seeds = seeds_to_tell(row.to_best, rows) if row.to_best else None
    return f"{f'about {seeds}' if seeds else f'more than {MOST_SEEDS:,}'} seeds for {row.name}"


def _confidence(summary: Summary) -> tuple[str, str]:
    """How sure, and by what."""
    pairs = len(summary.rows) * (len(summary.rows) - 1) // 2
    sure, test = f"{CONFIDENCE:.0%} confidence", "exact sign-flip test"
    return (f"{sure} for all {pairs} pairs of rows together", f"{test}, Bonferroni") if pairs > 1 else (sure, test)
