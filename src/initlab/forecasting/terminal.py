"""The forecast in the terminal."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from omegaconf import DictConfig
from rich.box import SIMPLE_HEAD
from rich.text import Text

from initlab.console import Column, say, show_table
from initlab.errors import UserError
from initlab.forecasting.forecast import Forecast
from initlab.forecasting.from_config import forecast_run, is_known
from initlab.forecasting.remedy import Remedy, no_fix, remedy, typed_words
from initlab.forecasting.rule import NOT, SUITABLE, TRAINS, UNKNOWN, UNSURE
from initlab.init import Scheme

COLOURS = {TRAINS: "green", NOT: "red", UNSURE: "yellow", UNKNOWN: "white"}
MARKS = {TRAINS: "", NOT: "x", UNSURE: "?", UNKNOWN: "-"}
OTHER = "lr"  # the mark of a network that trains with another learning rate

MOST_LINES = 60  # of the table of layers

LEGEND = (
    "std: of the layer's output, in a typical draw of the weights; low, high: 95 % of the draws lie between (no band: "
    "one draw cannot be predicted); alike: of two different inputs, 1: the layer no longer tells them apart; gradient: "
    "over that of the last hidden layer"
)
LEGEND_MEASURED = "; drawn: medians of real draws, and the share of them inside the band"


def report(cfg: DictConfig) -> None:
    """Print the forecast of the run that `cfg` describes, and what `cfg.forecast` asks for in addition."""
    try:
        _report(cfg)
    except ArithmeticError:
        raise UserError(
            "model: no forecast, as its numbers leave the range of 64-bit floats; lower model.depth"
        ) from None


def _report(cfg: DictConfig) -> None:
    if not is_known(cfg):
        from initlab.forecasting.network_terminal import report_network

        report_network(cfg)
        return
    if cfg.forecast.rank:
        _show_ranks(cfg)
        return
    found = forecast_run(cfg)
    say(f"{shape_of(found)}, {found.phi.name}, init {found.scheme}, {found.kind.upper()}", style="bold")
    say(f"inputs: {found.inputs.source}")
    for note in found.scheme.notes(found.widths, found.kind, ()):  # type: ignore[attr-defined]
        say(note)
    measured = _measured(found, cfg.forecast.measure, cfg.seed) if cfg.forecast.measure else None
    if found.layers or measured:
        show_table([_thinned(column) for column in columns(found, measured)], box=SIMPLE_HEAD, narrow=True)
        say(f"{LEGEND}{LEGEND_MEASURED if measured else ''}", style="dim")
    for sentence in sentences(found):
        say(sentence)
    show_fix(remedy(cfg, found, typed_words()), found)


def sentences(found: Forecast) -> list[str]:
    """The verdict and what it rests on."""
    lines = [found.verdict.says]
    if found.dies:
        lines.append(found.dies)
    if found.layers and found.depth > 1:
        per_layer = math.sqrt(found.chi)
        lines.append(
            f"each layer back multiplies the gradient by {per_layer:.3g}; "
            f"the outputs of two inputs are {found.logit_std:.2g} apart"
        )
    if found.verdict.record:
        lines.append(f"the rule: {found.verdict.record}")
    return lines


def say_forecast(found: Forecast) -> None:
    """For the start of a run."""
    say(found.verdict.says, "forecast", COLOURS[found.verdict.word])


def show_fix(fix: Remedy | None, found: Forecast) -> None:
    """The one command, where the run as it is does not train."""
    if fix is not None:
        fix.show()
    elif found.verdict.word in (NOT, UNSURE):
        say(no_fix(found.depth), "fix")


def shape_of(found: Forecast) -> str:
    """`784, 20 x 256, 10`"""
    return f"{found.widths[0]}, {_shape(found.widths[1:-1])}{found.widths[-1]}"


def _shape(hidden: tuple[int, ...]) -> str:
    if not hidden:
        return ""
    alike = len(hidden) > 2 and len(set(hidden)) == 1
    return f"{len(hidden)} x {hidden[0]}, " if alike else ", ".join(map(str, hidden)) + ", "


Medians = dict[str, np.ndarray]


def _measured(found: Forecast, draws: int, seed: int) -> Medians:
    from initlab.forecasting.measure import measure

    assert isinstance(found.scheme, Scheme)
    real = measure(found.scheme, found.phi.name, found.widths, found.inputs, draws, bias=found.bias, seed=seed)
    medians = {"std": np.median(real.std, axis=0), "backward": np.median(real.backward, axis=0)}
    if found.layers and all(layer.low is not None for layer in found.layers):
        low, high = (np.array([getattr(layer, end) for layer in found.layers]) for end in ("low", "high"))
        medians["inside"] = ((real.std >= low) & (real.std <= high)).mean(axis=0)
    return medians


def columns(found: Forecast, measured: Medians | None = None) -> list[Column]:
    """A line a layer."""
    names = [layer.name for layer in found.layers] or [f"layers.{i}" for i in range(found.depth + 1)]
    made = [Column("layer", names, right=False)]
    if found.layers:
        layers = found.layers
        made += [
            Column("std", [f"{layer.std:.3g}" for layer in layers]),
            Column("low", ["no band" if layer.low is None else f"{layer.low:.2g}" for layer in layers], rank=1),
            Column("high", ["" if layer.high is None else f"{layer.high:.2g}" for layer in layers], rank=1),
            Column("alike", [f"{layer.similarity:.3f}" for layer in layers]),
            Column("gradient", [_short_number(layer.grad) for layer in layers]),
        ]
    if measured:
        made.append(Column("drawn", [f"{std:.3g}" for std in measured["std"]]))
        if "inside" in measured:
            made.append(Column("inside", [f"{share:.0%}" for share in measured["inside"]], rank=2))
        made.append(Column("its gradient", [_short_number(share) for share in measured["backward"]], rank=3))
    return made


def _thinned(column: Column) -> Column:
    """Of a network of many layers `MOST_LINES`, evenly spaced, the first and the last among them."""
    count = len(column.cells)
    if count <= MOST_LINES:
        return column
    shown = np.linspace(0, count - 1, MOST_LINES).round().astype(int)
    return replace(column, cells=[column.cells[i] for i in shown])


def _short_number(x: float | None) -> str:
    return "" if x is None or math.isnan(x) else f"{x:.2f}" if 0.1 <= x < 100 else f"{x:.1e}"


def _show_ranks(cfg: DictConfig) -> None:
    from initlab.forecasting.rank import badness, rank

    ranks = rank(cfg)
    heading = "init"
    if len(ranks) == 1:  # of one initialisation, a line an activation
        ((heading, row),) = ranks.items()
        ranks = dict(sorted(((name, {heading: cell}) for name, cell in row.items()), key=lambda item: badness(item[1])))
    rate = next((c.rate for row in ranks.values() for c in row.values() if isinstance(c, Forecast) and c.rate), None)
    at = f"at lr {rate.lr:g}" if rate else SUITABLE
    say(
        "The power of ten by which the first layer's gradient differs from the last one's (0: not at all), and after "
        f"it: nothing where the network trains {at}; x: will not train; ?: on the edge; {OTHER}: trains with another "
        "learning rate; -: no forecast."
    )
    rows: dict[str, list[Text]] = {}
    same: dict[str, list[str]] = {}
    for name, row in ranks.items():
        cells = [_cell(cell) for cell in row.values()]
        first = next((other for other, shown in rows.items() if shown == cells), name)
        if first != name and heading == "init":
            same.setdefault(first, []).append(name)
        else:
            rows[name] = cells
    columns = [Column("activation" if heading != "init" else "init", list(rows), right=False)]
    for i, column in enumerate(next(iter(ranks.values()))):
        columns.append(Column(column, [cells[i] for cells in rows.values()], rank=i))
    show_table(columns, box=SIMPLE_HEAD, narrow=True)
    for name, others in same.items():
        say(f"same as {name}: {', '.join(others)}")


def _cell(cell: Forecast | str) -> Text:
    if isinstance(cell, str):
        return Text("-")
    number = "" if math.isnan(cell.decades) else f"{cell.decades:+.{1 if abs(cell.decades) < 10 else 0}f}"
    colour, mark = COLOURS[cell.verdict.word], OTHER if cell.verdict.other else MARKS[cell.verdict.word]
    return Text(f"{number} {mark}".strip(), style=colour)
