"""What the pictures draw is what the folders hold."""

import itertools
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from folders import write_run
from PIL import Image

from initlab.errors import UserError
from initlab.plots.style import DPI
from initlab.textbook import drawing, panels, weights
from initlab.textbook.page import Header, Page
from initlab.textbook.picture import read_picture
from initlab.textbook.running import Ran

LOSSES = {("kaiming", 0): [1.0, 0.5], ("kaiming", 1): [4.0, 0.5], ("zeros", 0): [2.0, 2.0], ("zeros", 1): [2.0, 2.0]}


def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **picture: Any) -> Any:
    """The matplotlib figure of a page of two settings, two seeds and two layers."""
    ran = []
    for (init, seed), losses in LOSSES.items():
        rows = [(step, f"layers.{i}", "std", 10.0**seed * (i + 1) * (step + 1)) for step in (0, 9) for i in (0, 1)]
        rows += [(0, "phi.0", "std", 7.0), (0, "phi.0", "saturated", 0.5)]
        ran.append(write_run(tmp_path / f"{init}{seed}", {"init": init}, {"val/loss": losses}, rows))
    page = Page(
        "p",
        Header("", (), ()),
        (),
        read_picture(picture | {"title": "t", "caption": "c"}),
        {"init": ("kaiming", "zeros"), "seed": ("0", "1")},
    )
    kept: list[Any] = []
    save = drawing.save
    monkeypatch.setattr(
        drawing, "save", lambda draw, path, **how: save(lambda: kept.append(draw()) or kept[-1], path, **how)
    )
    drawing.draw_page(page, ran, tmp_path / "p.png")
    with Image.open(tmp_path / "p.png") as image:
        assert image.width == round(panels.WIDTH * DPI)
    return kept[0]


def lines(ax: Any) -> dict[str, tuple[list[float], list[float]]]:
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines}


def test_a_logarithmic_axis_has_its_powers_of_ten_as_formulas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (ax,) = drawn(tmp_path, monkeypatch, draw="curve", figure="val/loss", log=True).axes
    assert any("$" in label.get_text() for label in ax.get_yticklabels())
    assert all(label.get_parse_math() for label in ax.get_yticklabels())


def test_a_curve_is_the_mean_over_the_seeds_and_its_band_one_std(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ax,) = drawn(tmp_path, monkeypatch, draw="curve", figure="val/loss").axes
    assert lines(ax) == {"kaiming": ([1, 2], [2.5, 0.5]), "zeros": ([1, 2], [2.0, 2.0])}
    low, high = (
        ax.collections[0].get_paths()[0].vertices[:, 1].min(),
        ax.collections[0].get_paths()[0].vertices[:, 1].max(),
    )
    assert (low, high) == pytest.approx((2.5 - np.std([1, 4], ddof=1), 2.5 + np.std([1, 4], ddof=1)))


def test_on_a_logarithmic_axis_the_mean_is_geometric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (ax,) = drawn(tmp_path, monkeypatch, draw="curve", figure="val/loss", log=True).axes
    assert lines(ax)["kaiming"][1] == pytest.approx([2.0, 0.5])  # sqrt(1 * 4)


def test_depth_shows_the_dense_layers_at_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (ax,) = drawn(tmp_path, monkeypatch, draw="depth", quantity="std", step=9).axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["layers.0", "layers.1"]
    assert next(line for name, line in lines(ax).items() if name.startswith("zeros"))[1] == pytest.approx(
        [10 * 10**0.5, 20 * 10**0.5]
    )  # geometric: 10 and 100


def test_time_has_a_panel_a_setting_and_a_line_a_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    axes = drawn(tmp_path, monkeypatch, draw="time", quantity="std", layers="layers.*").axes
    assert [ax.get_title(loc="left") for ax in axes] == ["kaiming", "zeros"]
    steps, values = lines(axes[0])["layers.1"]
    assert steps == pytest.approx([0, 1])  # log10(1 + step)
    assert values == pytest.approx([(2 + 20) / 2, (20 + 200) / 2])


def test_what_cannot_be_drawn_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"picture\.figure=val/bcc: the runs report no such figure \(val/loss\)"):
        drawn(tmp_path / "a", monkeypatch, draw="curve", figure="val/bcc")
    with pytest.raises(UserError, match=r"picture: no layer conv\.\* has std \(layers\.0, layers\.1, phi\.0\)"):
        drawn(tmp_path / "b", monkeypatch, draw="time", quantity="std", layers="conv.*")
    page = Page(
        "p", Header("", (), ()), (), read_picture({"draw": "curve", "figure": "a", "title": "t", "caption": "c"}), {}
    )
    with pytest.raises(UserError, match="no run ended well"):
        drawing.draw_page(page, [Ran({}, tmp_path, error="no")], tmp_path / "p.png")


def swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, axes: dict[str, tuple[str, ...]], **picture: Any) -> Any:
    """The figure of one run a setting, whose accuracy is x y / 10."""
    settings = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    ran = [
        write_run(tmp_path / str(i), s, {"val/acc": [math.prod(map(float, s.values())) / 10]})
        for i, s in enumerate(settings)
    ]
    page = Page("p", Header("", (), ()), (), read_picture(picture | {"title": "t", "caption": "c"}), axes)
    kept: list[Any] = []
    save = drawing.save
    monkeypatch.setattr(
        drawing, "save", lambda draw, path, **how: save(lambda: kept.append(draw()) or kept[-1], path, **how)
    )
    drawing.draw_page(page, ran, tmp_path / "p.png")
    return kept[0]


def test_against_a_swept_key_the_best_of_each_line_is_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    axes = {"model.width": ("2", "4"), "lr": ("0.01", "0.1", "1")}
    (ax,) = swept(tmp_path, monkeypatch, axes, draw="against", figure="val/acc", x="lr", lines="model.width").axes
    assert ax.get_xscale() == "log"
    assert lines(ax)["width 4"] == ([0.01, 0.1, 1.0], pytest.approx([0.004, 0.04, 0.4]))
    stars = [(line.get_xdata()[0], line.get_ydata()[0]) for line in ax.lines if line.get_marker() == "*"]
    assert stars == [(1.0, pytest.approx(0.2)), (1.0, pytest.approx(0.4))]


def test_a_map_has_a_cell_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    axes = {"init.sigma": ("1", "2", "3"), "model.depth": ("1", "2", "8")}
    ax, _ = swept(tmp_path, monkeypatch, axes, draw="map", figure="val/acc", x="init.sigma", y="model.depth").axes
    assert ax.collections[0].get_array().ravel().tolist() == pytest.approx(
        [0.1, 0.2, 0.3, 0.2, 0.4, 0.6, 0.8, 1.6, 2.4]
    )
    assert ax.get_xlim() == (0.5, 3.5)
    assert ax.get_yscale() == "log"


def test_weights_are_shown_a_tile_a_unit(tmp_path: Path) -> None:
    run = SimpleNamespace(model=torch.nn.Sequential(torch.nn.Linear(9, 5)))
    picture = read_picture({"draw": "weights", "layer": "0", "title": "t", "caption": "c"})
    page = Page("p", Header("", (), ()), (), picture, {})
    (ax,) = weights.tiles(page, picture, {(("init", "kaiming"),): [run]}).axes  # type: ignore[list-item]
    wall = ax.images[0].get_array().filled(np.nan)
    weight = run.model[0].weight.detach().numpy()
    assert wall[:3, 5:8] == pytest.approx(weight[1].reshape(3, 3) / np.abs(weight).max())  # the second, behind a gap
    with pytest.raises(UserError, match=r"picture\.layer=1: no layer of square images \(0\)"):
        weights.tiles(page, replace(picture, layer="1"), {(): [run]})  # type: ignore[list-item]
