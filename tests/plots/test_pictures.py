"""Pictures of rows: the right colour in the right place, whatever the rows."""

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from made_up import history, mlp
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from initlab.callbacks import SignalMonitor, TensorBoardPage
from initlab.callbacks.tensorboard_page import LAYOUT
from initlab.data.batches import Batches
from initlab.models import MLP, SoftmaxRegression
from initlab.monitor.history import Histogram, History
from initlab.plots.canvas import Canvas
from initlab.plots.colourful_dimension import HEIGHT, WIDTH, colourful_dimension, panel, picture_of, reach
from initlab.plots.signal_pictures import RATIO_TAG, SignalPictures
from initlab.plots.style import DIVERGING, MAPS, NOT_FINITE, NOT_RECORDED, ZERO, coloured, map_of, rgb
from initlab.plots.whole_net import NAMES_SHOWN, PANELS, heat_map, shown_layers, step_edges, table_of, whole_net


def test_the_table_has_depth_down_and_steps_across() -> None:
    made = history({("a", "std"): lambda s: 1.0 + s, ("b", "std"): lambda s: 10.0 + s}, steps=[0, 1, 5])
    made.add([{"step": 7, "layer": "b", "quantity": "std", "value": 3.0}])
    steps, table = table_of(made, "std", ["a", "b"])
    assert steps.tolist() == [0, 1, 5, 7]
    assert table.tolist() == [[1, 2, 6, -math.inf], [10, 11, 15, 3]]


def test_each_sample_is_drawn_around_its_step() -> None:
    for steps in ([0], [0, 1], [0, 1, 2, 50, 100, 1000], [300, 350]):
        edges = step_edges(np.array(steps))
        assert np.all(np.diff(edges) > 0)
        assert np.searchsorted(edges, np.log10(1.0 + np.array(steps))).tolist() == list(range(1, len(steps) + 1))


def test_panels_share_their_axis_though_some_are_recorded_less_often() -> None:
    edges, table = step_edges(np.array([0, 10])), np.ones((1, 2))
    painted = heat_map("std", edges, table, 100, 10, (edges[0], 2 * edges[-1]))
    recorded = (painted != rgb(NOT_RECORDED)).any(-1)
    width = 100 * (edges[-1] - edges[0]) / (2 * edges[-1] - edges[0])
    assert recorded.sum(1).tolist() == pytest.approx([width] * 10, abs=1)
    assert recorded[:, 0].all()


def colours(made: History, quantity: str) -> Callable[[int, int], tuple[int, ...]]:
    """The colour at (row, sample) of a heat map, out of the picture that was painted."""
    layers = shown_layers(made, quantity)
    steps, table = table_of(made, quantity, layers)
    edges = step_edges(steps)
    image = heat_map(quantity, edges, table, 800, 600, (edges[0], edges[-1]))

    def at(row: int, sample: int) -> tuple[int, ...]:
        middle = (edges[sample] + edges[sample + 1]) / 2
        x = (middle - edges[0]) / (edges[-1] - edges[0]) * 800
        return tuple(image[round((row + 0.5) / len(layers) * 600), int(x)].tolist())

    return at


@pytest.mark.parametrize(("quantity", "name"), [("grad_std", "viridis"), ("dead", "cividis"), ("density", "magma")])
def test_the_maps_are_matplotlibs(quantity: str, name: str) -> None:
    """Between the tenths they are straight lines, 13 of 255 off at most."""
    from matplotlib import colormaps

    shares = np.linspace(0, 1, 256)
    theirs = colormaps[name](shares, bytes=True)[:, :3].astype(int)
    assert np.abs(coloured(quantity, shares).astype(int) - theirs).max() <= 13


@pytest.mark.parametrize("quantity", list(MAPS))
def test_painted_and_drawn_they_are_the_same(quantity: str) -> None:
    shares = np.linspace(0, 1, 256)
    drawn = map_of(quantity)(shares, bytes=True)[:, :3].astype(int)
    assert np.abs(coloured(quantity, shares).astype(int) - drawn).max() <= 1


def test_std_is_white_at_1_blue_below_red_above_and_0_and_nan_have_colours_of_their_own() -> None:
    values: dict[Any, Any] = {(f"l{i}", "std"): v for i, v in enumerate([1.0, 1e-4, 1e4, 0.0, math.nan, math.inf])}
    at = colours(history(values, range(3)), "std")
    for sample in range(3):
        assert min(at(0, sample)) > 240
        red, _, blue = at(1, sample)
        assert blue > red + 50
        red, _, blue = at(2, sample)
        assert red > blue + 50
        assert at(3, sample) == rgb(ZERO)
        assert at(4, sample) == at(5, sample) == rgb(NOT_FINITE)


def test_the_first_layer_is_at_the_top_and_no_dead_units_is_not_marked_as_zero() -> None:
    at = colours(history({("a", "dead"): 0.0, ("b", "dead"): 0.5, ("c", "dead"): 1.0}, range(3)), "dead")
    brightness = [sum(at(row, 1)) for row in range(3)]
    assert brightness[0] < brightness[1] < brightness[2]  # from blue to yellow, as on the page
    assert at(0, 1) != rgb(ZERO)


class Said:
    """What is written on a canvas."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.words: list[str] = []
        write = Canvas.words

        def words(canvas: Canvas, x: float, y: float, text: str, *more: Any, **named: Any) -> None:
            self.words.append(text)
            write(canvas, x, y, text, *more, **named)

        monkeypatch.setattr(Canvas, "words", words)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Said:
    return Said(monkeypatch)


@pytest.mark.parametrize("depth", [1, 2, 51])
def test_any_depth_is_one_card_with_names_that_can_be_read(depth: int, said: Said) -> None:
    made = history(mlp(depth, std=lambda i: 0.1**i), steps=[0, 1, 2, 50])
    image = whole_net(made)
    assert (image.ndim, image.dtype) == (3, np.uint8)
    assert image.shape[0] < 1100  # pixels
    panels = 3 if depth > 1 else 2  # a net without activations has no share of dead units
    assert sum(title in said.words for title, _ in PANELS.values()) == panels
    names = [word for word in said.words if word.startswith(("layers.", "phi."))]
    assert names[0] == "layers.0"
    assert panels <= len(names) <= panels * NAMES_SHOWN


def test_a_long_name_leaves_room_for_the_map(said: Said) -> None:
    name = "encoder.layers.11.attention.output.LayerNorm." * 3
    made = history({(f"{name}{i}", "std"): 1.0 for i in range(3)})
    white = (whole_net(made) == rgb(DIVERGING[3])).all(-1)
    assert white.sum() > 300 * 198  # pixels: std 1 in all three layers
    assert any(word.startswith("…") and word.endswith("LayerNorm.2") for word in said.words)
    long = Histogram(0, name, 0.0, 1.0, (5,) * 64)
    colourful_dimension(history({(name, "std"): 1.0}, histograms=[long]))


def test_what_is_missing_is_left_out_and_nothing_at_all_is_said(said: Said) -> None:
    whole_net(history({("a", "std"): 1.0}, steps=[0]))
    assert not {"exactly 0", "nan or inf"} & set(said.words)
    whole_net(history({("a", "std"): 0.0, ("b", "std"): math.nan}, steps=[0, 1]))
    assert {"exactly 0", "nan or inf"} <= set(said.words)
    whole_net(History())
    assert "nothing was recorded" in said.words
    colourful_dimension(History())
    colourful_dimension(history({("a", "std"): 1.0}))
    assert "where the values lie: no histograms were recorded" in said.words


def spike(step: int, low: float, high: float, hot: int, n: int = 100) -> Histogram:
    return Histogram(step, "a", low, high, tuple(n if i == hot else 0 for i in range(64)))


def test_a_histogram_lies_where_its_values_are_and_keeps_its_mass() -> None:
    """The hot bin of a range twice as wide lies at its value, not at its number."""
    low, high, shares = picture_of(hs := [spike(0, 0.0, 1.0, hot=31), spike(1, 0.0, 2.0, hot=15)], reach(hs))
    middles = low + (np.arange(HEIGHT) + 0.5) * (high - low) / HEIGHT
    for column, value in enumerate((31.5 / 64, 2 * 15.5 / 64)):
        assert shares[:, column].sum() == pytest.approx(1)
        assert (shares[:, column] * middles).sum() == pytest.approx(value, abs=(high - low) / HEIGHT)  # a pixel


def test_one_wild_step_does_not_squeeze_the_others() -> None:
    calm: Sequence[Histogram] = [spike(s, -1.0, 1.0, hot=20) for s in range(60)]
    low, high, _ = picture_of(hs := [*calm, spike(60, -1e9, 1e9, hot=20)], reach(hs))
    assert (low, high) == (-1, 1)


@pytest.mark.parametrize("value", [0.0, 3.0, -1e-30])
def test_entries_that_are_all_alike_are_a_line(value: float) -> None:
    low, high, shares = picture_of(hs := [spike(s, value, value, hot=0) for s in range(3)], reach(hs))
    assert low < value < high
    assert (shares > 0).sum(0).tolist() == [1, 1, 1]


def test_panels_stretch_over_the_steps() -> None:
    *_, steps, shares = panel(hs := [spike(s, 0.0, 1.0, hot=s) for s in (0, 10, 60)], reach(hs))
    assert shares.shape == (HEIGHT, WIDTH)
    assert steps.tolist() == [0, 10, 60]
    hot = shares.argmax(0)
    assert np.all(np.diff(hot) >= 0)
    assert (hot[0], hot[-1]) == (0, 60 * HEIGHT // 64)


def test_all_layers_of_a_deep_net_are_in_one_figure(said: Said) -> None:
    values = mlp(51)
    layers = {layer for layer, quantity in values if quantity == "std"}
    histograms = [Histogram(s, layer, -1.0, 1.0, (5,) * 64) for s in (0, 9) for layer in layers]
    picture = colourful_dimension(history(values, histograms=histograms))
    assert layers <= set(said.words)
    assert max(picture.shape) < 2000


class Noise(L.LightningDataModule):
    def train_dataloader(self) -> Batches:
        g = torch.Generator().manual_seed(3)
        return Batches(torch.randn(320, 12, generator=g), torch.randint(4, (320,), generator=g), 64, seed=1)


def test_fifty_layers_add_two_pictures_and_no_flood_of_cards(fit: Callable[..., Any], tmp_path: Path) -> None:
    logger = TensorBoardLogger(tmp_path, name="tb", version="", default_hp_metric=False)
    monitor = SignalMonitor(every_n_steps=1, max_overhead=None, observers=[SignalPictures()])
    model = MLP(12, 4, num_hiddens=[8] * 49)
    fit(model, Noise(), logger=logger, callbacks=[TensorBoardPage(), monitor])
    events = EventAccumulator(str(tmp_path / "tb"), size_guidance={"images": 0})
    events.Reload()
    pictures, scalars = events.Tags()["images"], events.Tags()["scalars"]
    assert pictures == ["whole net/every layer at every step", "whole net/where the values lie"]
    assert events.Images(pictures[0])[-1].step == 4  # the last of five

    folded = ("watched/",)
    assert len([tag for tag in pictures + scalars if not tag.startswith(folded)]) < 20
    charts = {name: expressions for group in LAYOUT.values() for name, (_, expressions) in group.items()}
    drawn = {name: {tag for tag in scalars if re.search(*e, tag)} for name, e in charts.items()}
    assert len(drawn["log10 std"]) == 50 + 49
    assert len(drawn["log10 gradient std"]) == 50 + 49
    assert RATIO_TAG in drawn["log10 update : weight"]
    assert {tag for tags in drawn.values() for tag in tags} == {
        tag for tag in scalars if tag.startswith(folded) and tag != "watched/loss of each batch"
    }
    line = [event.value for event in events.Scalars(RATIO_TAG)]
    assert len(line) >= 2
    assert line == pytest.approx([-3.0] * len(line))


@pytest.mark.parametrize(("hidden", "drawn"), [((), False), ((8,), True)])
def test_a_net_of_one_layer_has_no_pictures(
    fit: Callable[..., Any], tmp_path: Path, hidden: tuple[int, ...], drawn: bool
) -> None:
    logger = TensorBoardLogger(tmp_path, name="tb", version="", default_hp_metric=False)
    monitor = SignalMonitor(observers=[SignalPictures()])
    model = MLP(12, 4, num_hiddens=list(hidden)) if hidden else SoftmaxRegression(12, 4)
    fit(model, Noise(), logger=logger, callbacks=[monitor])
    events = EventAccumulator(str(tmp_path / "tb"))
    events.Reload()
    assert bool(events.Tags()["images"]) == drawn


def test_pictures_before_the_end_take_less_than_a_share_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock by hand: rows every second for an hour, two seconds a drawing."""
    from initlab.plots import signal_pictures

    now, drawn = [0.0], []
    monkeypatch.setattr(signal_pictures.time, "monotonic", lambda: now[0])

    def draw(*_: Any) -> None:
        drawn.append(now[0])
        now[0] += 2.0

    monkeypatch.setattr(SignalPictures, "_draw", staticmethod(draw))
    monkeypatch.setattr(signal_pictures, "tensorboard_writers", lambda trainer: [SimpleNamespace(add_scalar=print)])
    observer, monitor = SignalPictures(), SimpleNamespace(history=History())
    observer.on_start(monitor)  # type: ignore[arg-type]
    for step in range(3600):
        observer.on_rows(monitor, None, [{"step": step, "layer": "a", "quantity": "std", "value": 1.0}])  # type: ignore[arg-type]
        now[0] += 1.0
    assert len(drawn) >= 5
    assert 2.0 * len(drawn) <= signal_pictures.SHARE * now[0]
