"""What a page's picture shows: its `picture:`, read and refused where it cannot be understood. It draws nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from initlab.checks.rule import did_you_mean
from initlab.errors import UserError
from initlab.textbook.claim import OF_LAYERS, number_of

DRAWS = {  # kind -> the keys it has
    "curve": ("draw", "figure", "title", "caption", "log", "limits", "panels", "mark"),
    "depth": ("draw", "quantity", "step", "layers", "title", "caption", "log", "limits", "panels", "mark"),
    "time": ("draw", "quantity", "layers", "title", "caption", "log", "limits", "mark"),
    "against": ("draw", "figure", "x", "lines", "title", "caption", "log", "limits", "panels", "mark"),
    "weights": ("draw", "layer", "title", "caption"),
    "map": ("draw", "figure", "x", "y", "title", "caption", "limits", "panels"),
}
SWEPT = ("x", "y", "lines")


@dataclass(frozen=True)
class Picture:
    """draw:    curve: metrics against epochs; depth: a quantity against the layers at a step; time: against the step;
               against: a metric at the end against a swept key; map: over two of them; weights: of a layer on images,
               as they are after the training, a tile a unit.

    figures:   of a curve: columns of metrics.csv, the first solid, the second dashed; of against and map: one.
    layer:     of weights: its name.
    x, y:      swept keys; lines: one with a line for each of its values.
    quantity:  of depth and time; step: a number, "first" or "last"; layers: a pattern, empty: those that have it.
    log:       logarithmic y; limits: its lower and upper end, empty: what there is to show.
    panels:    a swept key with a panel for each of its values; empty: one panel (time: one a setting).
    mark:      names of horizontal lines and where they lie.
    """

    draw: str
    title: str
    caption: str
    figures: tuple[str, ...] = ()
    quantity: str = ""
    step: int | str = 0
    layers: str = ""
    log: bool = False
    limits: tuple[float, ...] = ()
    panels: str = ""
    x: str = ""
    y: str = ""
    lines: str = ""
    layer: str = ""
    mark: Mapping[str, float] = field(default_factory=dict)


def read_picture(picture: Any) -> Picture:
    """The picture of a config's `picture`, plain Python values.

    Raises:
        UserError: for the first value that cannot be understood.
    """
    if not isinstance(picture, dict):
        raise UserError(f"picture={picture}: must be keys such as draw: curve, figure: val/loss")
    draw = picture.get("draw")
    if not isinstance(draw, str) or draw not in DRAWS:
        raise UserError(f"picture.draw={draw}: must be one of {', '.join(DRAWS)}{did_you_mean(str(draw), [*DRAWS])}")
    keys = DRAWS[draw]
    for key in picture:
        if key not in keys:
            hint = did_you_mean(str(key), keys)
            raise UserError(f"picture.{key}: a picture of draw={draw} has no such key{hint} ({', '.join(keys)})")
    given = {key: _text(key, picture.get(key, "")) for key in ("title", "caption", "layers", "layer", "panels", *SWEPT)}
    for key in ("title", "caption", *(key for key in (*SWEPT, "layer") if key in keys)):
        if not given[key]:
            raise UserError(f"picture.{key}: a picture needs one")
    log = picture.get("log", draw == "depth")
    if not isinstance(log, bool):
        raise UserError(f"picture.log={log}: must be true or false")
    mark = picture.get("mark", {})
    if not isinstance(mark, dict):
        raise UserError(f"picture.mark={mark}: must be names and numbers, such as {{chance: 0.1}}")
    step = picture.get("step", 0)
    if isinstance(step, bool) or (not (isinstance(step, int) and step >= 0) and step not in ("first", "last")):
        raise UserError(f"picture.step={step}: must be a step, a whole number of at least 0, or first or last")
    return Picture(
        draw,
        figures=_figures(picture.get("figure"), most=2 if draw == "curve" else 1) if "figure" in keys else (),
        quantity=_quantity(picture.get("quantity")) if "quantity" in keys else "",
        step=step,
        log=log,
        limits=_limits(picture.get("limits"), log),
        mark={str(name): number_of(f"picture.mark.{name}", at) for name, at in mark.items()},
        **given,
    )


def _figures(given: Any, most: int) -> tuple[str, ...]:
    names = given if isinstance(given, list) else [given]
    if not 1 <= len(names) <= most or not all(isinstance(name, str) and name for name in names):
        two = ", or a list of two" if most == 2 else ""
        raise UserError(f"picture.figure={given}: must be a column of metrics.csv, such as val/loss{two}")
    return tuple(names)


def _limits(given: Any, log: bool) -> tuple[float, ...]:
    if given is None:
        return ()
    ends = [number_of("picture.limits", v) for v in given] if isinstance(given, list) else []
    if len(ends) != 2 or not ends[0] < ends[1] or (log and ends[0] <= 0):
        above = ", both above 0 where log: true" if log else ""
        raise UserError(f"picture.limits={given}: must be two numbers, the smaller first{above}, such as [0.01, 100]")
    return (ends[0], ends[1])


def _quantity(given: Any) -> str:
    if not isinstance(given, str) or given not in OF_LAYERS:
        hint = did_you_mean(str(given), sorted(OF_LAYERS))
        raise UserError(f"picture.quantity={given}: must be one of {', '.join(sorted(OF_LAYERS))}{hint}")
    return str(given)


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UserError(f"picture.{key}={value}: must be a text")
    return value.strip()
