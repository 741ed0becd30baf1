"""The numbers that the forecast prints of itself, against the runs in docs/data/forecast_evidence*.csv."""

import importlib
import sys
from typing import Any

import pytest

from initlab.forecasting.rule import HELD_OUT, NO_PART
from initlab.shipped import CONFIGS

pytestmark = pytest.mark.slow(seconds=40)


@pytest.fixture(scope="module")
def evidence() -> Any:
    return importlib.import_module("forecast_evidence"), importlib.import_module("evidence.rates")


def test_every_printed_number_is_that_of_the_record(evidence: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the terminal and in the docs' table. The signal of a network is the same with both optimisers."""
    script, rates = evidence
    of_module = sys.modules["initlab.forecasting.on_paper"]
    propagate, signals = of_module.propagate, {}  # type: ignore[attr-defined]

    def once(scheme: Any, phi: Any, widths: Any, *rest: Any, **more: Any) -> Any:
        key = (str(scheme), phi.name, tuple(widths), str(rest), str(more))
        if key not in signals:
            signals[key] = propagate(scheme, phi, widths, *rest, **more)
        return signals[key]

    monkeypatch.setattr(of_module, "propagate", once)
    by_record, cases = script.read()
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
        assert all(abs(fit[name] - limit) <= 0.1 for name, limit in rates.limits_now(kind).items())
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
