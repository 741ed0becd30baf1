"""A bounded memory."""

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from initlab.errors import UserError
from initlab.monitor import Histogram, History
from initlab.monitor.guard import Guard
from initlab.monitor.rows_in import read_history
from initlab.monitor.rows_out import RowsOut


def row(step: int, layer: str = "layers.0") -> dict[str, object]:
    return {"step": step, "layer": layer, "quantity": "std", "value": step / 2}


def test_the_first_hundred_steps_stay_and_the_rest_is_thinned_evenly() -> None:
    history = History(later_points=50)
    for step in range(100_000):
        history.add([row(step)])
    steps, values = history.series("layers.0", "std")
    assert steps[:100] == list(range(100))
    assert values == [step / 2 for step in steps]
    later = steps[100:]
    gaps = {b - a for a, b in pairwise(later)}
    assert len(gaps) == 1
    assert 25 <= len(later) <= 50
    assert later[0] == 100
    assert later[-1] > 100_000 - 2 * max(gaps)


def test_series_of_the_same_steps_stay_aligned() -> None:
    history = History(later_points=10)
    for step in range(0, 1000, 7):
        history.add([row(step), row(step, "layers.1")])
    assert history.series("layers.0", "std") == history.series("layers.1", "std")
    assert history.layers("std") == ["layers.0", "layers.1"]
    assert history.quantities == ["std"]


def test_histograms_are_bounded_too() -> None:
    history = History(later_histograms=10)
    for step in range(0, 5000, 50):
        history.add([], [Histogram(step, "layers.0", 0.0, 1.0, (1,) * 64)])
    kept = [h.step for h in history.histograms("layers.0")]
    assert kept[:3] == [0, 50, 100]
    assert len(kept) <= 12


def test_what_was_never_recorded_is_empty() -> None:
    assert History().series("layers.0", "std") == ([], [])
    assert History().histograms("layers.0") == []
    assert History().layers("std") == []


def test_the_files_of_a_run_read_back_as_its_history(tmp_path: Path) -> None:
    rows = [
        {"step": s, "layer": f'net."{i}",a', "quantity": q, "value": s / (i + 3)}
        for s in (0, 1, 130)
        for i in range(2)
        for q in ("std", "dead")
    ]
    histogram = Histogram(1, "net", -1.5, 2.5, tuple(range(64)))
    out = RowsOut(tmp_path, "signal.csv", Guard())
    out.claim()
    trainer: Any = SimpleNamespace(loggers=[])
    out.write(trainer, rows, [histogram])
    with open(tmp_path / "signal.csv", "a") as file:
        file.write("131,net.0,st")  # a kill
    read = read_history(tmp_path)
    for i in range(2):
        assert read.series(f'net."{i}",a', "std") == ([0, 1, 130], [s / (i + 3) for s in (0, 1, 130)])
    assert read.histograms("net") == [histogram]


def test_a_folder_without_a_signal_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no signal\.csv there"):
        read_history(tmp_path)
    (tmp_path / "signal.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="not the table that a run writes"):
        read_history(tmp_path)
