"""No healthy run is accused and every broken one is found: the record, and a few of its runs again."""

from pathlib import Path

import pytest

from initlab.shipped import CONFIGS

ROOT = CONFIGS.parent


def test_of_the_runs_on_record_the_broken_ones_have_a_finding_and_they_alone() -> None:
    from evidence.healthy_and_broken import BROKEN, HEALTHY
    from findings_evidence import CSV, read

    table = read(CSV)
    assert [row["run"] for row in table] == [*HEALTHY, *BROKEN]
    assert (len(HEALTHY) >= 40, len(BROKEN) >= 21) == (True, True)
    assert [row["run"] for row in table if bool(row["findings"]) != (row["kind"] == "broken")] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "model=softmax init=normal",  # its weights begin near 0
        "model=mlp init=xavier model.activation=tanh optimizer=adam lr=0.003",  # most of its units saturate
        "model=softmax init=normal lr=1e-7",
        "experiment=and_gate",
    ],
)
def test_a_run_is_as_it_is_on_record(words: str, tmp_path: Path) -> None:
    from findings_evidence import CSV, read, record

    (kept,) = (row for row in read(CSV) if row["run"] == words)
    assert record(words, tmp_path / "run")["findings"] == kept["findings"]
