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
from initlab.forecasting.answer import COLOURS, show
from initlab.forecasting.forecast import Forecast, Medians
from initlab.forecasting.from_config import forecast_run, is_known, read_data
from initlab.forecasting.remedy import Remedy, no_fix, remedy, typed_words
from initlab.forecasting.rule import NOT, SUITABLE, TRAINS, UNKNOWN, UNSURE
from initlab.init import Scheme

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
        from initlab.forecasting.measured.terminal import report_network

        report_network(cfg)
        return
    if cfg.forecast.rank:
        _show_ranks(cfg)
        return
    data = read_data(cfg)
    found = forecast_run(cfg, data)
    say(found.title, style="bold")
    say(f"inputs: {found.inputs.source}")
    for note in found.scheme.notes(found.widths, found.kind, ()):  # type: ignore[attr-defined]
        say(note)
    measured = _measured(found, cfg.forecast.measure, cfg.seed) if cfg.forecast.measure else None
    columns = found.columns(measured) if found.layers or measured else []
    show(list(map(_thinned, columns)), f"{LEGEND}{LEGEND_MEASURED if measured else ''}", found.sentences())
    show_fix(remedy(cfg, found, typed_words(), data), found)


def show_fix(fix: Remedy | None, found: Forecast) -> None:
    """The one command, where the run as it is does not train."""
    if fix is not None:
        fix.show()
    elif found.verdict.word in (NOT, UNSURE):
        say(no_fix(found.depth), "fix")


def _measured(found: Forecast, draws: int, seed: int) -> Medians:
    from initlab.forecasting.measure import measure

    assert isinstance(found.scheme, Scheme)
    real = measure(found.scheme, found.phi.name, found.widths, found.inputs, draws, bias=found.bias, seed=seed)
    medians = {"std": np.median(real.std, axis=0), "backward": np.median(real.backward, axis=0)}
    if found.layers and all(layer.low is not None for layer in found.layers):
        low, high = (np.array([getattr(layer, end) for layer in found.layers]) for end in ("low", "high"))
        medians["inside"] = ((real.std >= low) & (real.std <= high)).mean(axis=0)
    return medians


def _thinned(column: Column) -> Column:
    """Of a network of many layers `MOST_LINES`, evenly spaced, the first and the last among them."""
    count = len(column.cells)
    if count <= MOST_LINES:
        return column
    shown = np.linspace(0, count - 1, MOST_LINES).round().astype(int)
    return replace(column, cells=[column.cells[i] for i in shown])


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
