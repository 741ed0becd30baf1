"""The numbers that the forecast prints of itself, against the runs in docs/data/forecast_evidence*.csv."""

import importlib
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from initlab.forecasting.on_paper import ONE_UNIT
from initlab.forecasting.rule import HELD_OUT, NO_PART
from initlab.limits import TOO_FAR
from initlab.shipped import CONFIGS

pytestmark = pytest.mark.slow(seconds=40)


@pytest.fixture(scope="module")
def evidence() -> Iterator[Any]:
    """The scripts, and the record as they read it. The signal of a network is the same with both optimisers."""
    script, rates = importlib.import_module("forecast_evidence"), importlib.import_module("evidence.rates")
    of_module = sys.modules["initlab.forecasting.on_paper"]
    propagate, signals = of_module.propagate, {}  # type: ignore[attr-defined]

    def once(scheme: Any, phi: Any, widths: Any, *rest: Any, **more: Any) -> Any:
        key = (str(scheme), phi.name, tuple(widths), str(rest), str(more))
        if key not in signals:
            signals[key] = propagate(scheme, phi, widths, *rest, **more)
        return signals[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(of_module, "propagate", once)
        yield script, rates, *script.read()


def test_every_printed_number_is_that_of_the_record(evidence: Any) -> None:
    """In the terminal and in the docs' table."""
    script, rates, by_record, cases = evidence
    width_32 = by_record[script.DOCS / "forecast_evidence_width_32.csv"]
    columns = []
    for kind in ("sgd", "adam"):
        words = [(c.word, c.trains) for c in width_32 if c.optimizer == kind and c.word in ("trains", "will not train")]
        assert (sum((word == "trains") == trains for word, trains in words), len(words)) == NO_PART[kind]
        some = [c for c in cases if c.kind == kind]
        now = [(c, rates.limits_now(kind)) for c in some]
        clear, right = rates.clear_and_right(now)
        held_out = rates.held_out(some)
        shares = {by: 100 * r / n for by, (n, r) in ((by, rates.clear_and_right(j)) for by, j in held_out.items())}
        assert HELD_OUT[kind] == (
            round(min(shares.values())),
            round(max(shares.values())),
            round(100 * clear / len(some)),
        )
        fit = rates.fitted(some)
        limits = rates.limits_now(kind)
        assert all(abs(fit[name] - limits[name]) <= 0.1 for name in (False, True, "small"))
        rows = ("init", "activation", "depth", "width")
        trains = [c.trains for c in some]
        margins = {by: [c.margin(limits) for c, limits in held_out[by]] for by in rows}
        two_way = [100 * sum((m > 0) == t for m, t in zip(margins[by], trains, strict=True)) / len(some) for by in rows]
        columns.append(
            [
                f"{len(some):,}; {clear:,}",
                f"{right:,}",
                " / ".join(f"{shares[by]:.1f}" for by in rows),
                " / ".join(f"{share:.1f}" for share in two_way),
                " / ".join(f"{rates.auc(margins[by], trains):.3f}"[1:] for by in rows),
                f"{NO_PART[kind][0]} of {NO_PART[kind][1]}",
            ]
        )
    readme = (CONFIGS.parent / "docs" / "forecast.md").read_text()
    for cells in zip(*columns, strict=True):
        assert f" | {' | '.join(cells)} |" in readme


def test_alike_inputs_and_weights_are_judged_as_their_record_says(evidence: Any) -> None:
    """The docs' table, the limits of the push, and of how many classes one unit may do for."""
    _, rates, _, cases = evidence
    alike = importlib.import_module("alike_evidence")
    rows, shares, found = [], [], alike.read_cases()
    for similarity in sorted({of_inputs for of_inputs, _ in found}):
        cells = [f"{similarity:.2f}"]
        for kind in ("sgd", "adam"):
            here = [c for of_inputs, c in found if of_inputs == similarity and c.kind == kind]
            for far in (rates.NO_LIMIT, TOO_FAR[kind]):
                clear, right = rates.clear_and_right([(c, rates.limits_now(kind) | {"far": far}) for c in here])
                cells.append(f"{right} of {clear}")
        rows.append(f"| {' | '.join(cells)} |")
    text = (CONFIGS.parent / "docs" / "forecast.md").read_text()
    assert "\n".join(rows) in text
    for kind in ("sgd", "adam"):
        here = [(similarity, case) for similarity, case in found if case.kind == kind]
        both = [case for _, case in here] + [case for case in cases if case.kind == kind]
        fit = rates.fitted_far(both)
        assert all(abs(fit[bounded] - limit) <= 0.1 for bounded, limit in TOO_FAR[kind].items())
        judged = [rates.clear_and_right(alike.held_out(here, both, by)) for by in alike.HELD_OUT_BY]
        shares.append(" / ".join(f"{100 * right / clear:.1f}" for clear, right in judged))
    assert f"{shares[0]} % with SGD and {shares[1]} % with Adam" in text
    by_classes = {classes: alike.of_weights(classes) for classes in alike.CLASSES}
    assert all(sum(trains) > len(trains) / 20 for classes, trains in by_classes.items() if classes <= ONE_UNIT)
    more = [one for classes, trains in by_classes.items() if classes > ONE_UNIT for one in trains]
    assert f"of those with eight or ten classes {sum(more)} of {len(more)}." in text
