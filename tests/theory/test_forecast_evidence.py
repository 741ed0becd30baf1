"""The numbers that the forecast prints of itself, against the runs in docs/forecast_evidence*.csv."""

import importlib
import sys
from typing import Any

import pytest

from initlab.config import CONFIGS
from initlab.theory.rule import HELD_OUT, NO_PART

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def evidence() -> Any:
    sys.path.insert(0, str(CONFIGS.parent / "scripts"))
    try:
        yield importlib.import_module("forecast_evidence"), importlib.import_module("evidence.rates")
    finally:
        sys.path.pop(0)


def test_every_printed_number_is_that_of_the_record(evidence: Any) -> None:
    script, rates = evidence
    by_record, cases = script.read()
    width_32 = by_record[script.DOCS / "forecast_evidence_width_32.csv"]
    for kind in ("sgd", "adam"):
        clear = [c for c in width_32 if c.optimizer == kind and c.word in ("trains", "will not train")]
        assert (sum((c.word == "trains") == c.trains for c in clear), len(clear)) == NO_PART[kind]
        some = [c for c in cases if c.kind == kind]
        shares = []
        for judged in rates.held_out(some).values():
            clear_cases, right = rates.clear_and_right(judged)
            shares.append(100 * right / clear_cases)
        clear_cases, _ = rates.clear_and_right([(c, rates.limits_now(kind)) for c in some])
        assert HELD_OUT[kind] == (round(min(shares)), round(max(shares)), round(100 * clear_cases / len(some)))
        near = rates.fitted(some)
        assert all(abs(near[name] - limit) <= 0.1 for name, limit in rates.limits_now(kind).items())
