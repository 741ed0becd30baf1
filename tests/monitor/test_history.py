"""A bounded memory."""

from itertools import pairwise

from initlab.monitor import Histogram, History


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
