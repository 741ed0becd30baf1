"""The forecast in the terminal."""

from __future__ import annotations

import math

import numpy as np
from omegaconf import DictConfig
from rich.box import SIMPLE_HEAD
from rich.table import Table

from initlab.console import CONSOLE
from initlab.errors import UserError
from initlab.forecasting.forecast import Forecast
from initlab.forecasting.from_config import forecast_run
from initlab.forecasting.mend import changes
from initlab.forecasting.rule import NOT, SUITABLE, TRAINS, UNKNOWN, UNSURE
from initlab.init import Scheme

COLOURS = {TRAINS: "green", NOT: "red", UNSURE: "yellow", UNKNOWN: "white"}
MARKS = {TRAINS: "", NOT: "x", UNSURE: "?", UNKNOWN: "-"}
OTHER = "lr"  # the mark of a network that trains with another learning rate

LEGEND = (
    "std of the output in a typical draw, two sigma of the draws below and above (no band: one draw cannot be "
    "predicted, as deviations grow from layer to layer or few weights decide); alike: mean product of two inputs over "
    "a square; "
    "gradient: over that of the last hidden layer"
)
LEGEND_MEASURED = "; drawn: medians of real draws, and the share of them inside the two sigma"


def report(cfg: DictConfig) -> None:
    """Print the forecast of the run that `cfg` describes, and what `cfg.forecast` asks for in addition."""
    try:
        _report(cfg)
    except ArithmeticError:
        raise UserError(
            "model: no forecast, as its numbers leave the range of 64-bit floats; lower model.depth"
        ) from None


def _report(cfg: DictConfig) -> None:
    if cfg.forecast.rank:
        _show_ranks(cfg)
        return
    found = forecast_run(cfg)
    shape = f"{found.widths[0]}, {_shape(found.widths[1:-1])}{found.widths[-1]}"
    CONSOLE.print(f"[bold]{shape}[/], {found.phi.name}, init {found.scheme}, {found.kind.upper()}", highlight=False)
    CONSOLE.print(f"inputs: {found.inputs.source}", highlight=False)
    for note in found.scheme.notes(found.widths, found.kind, ()):  # type: ignore[attr-defined]
        CONSOLE.print(note, highlight=False, soft_wrap=True)
    measured = _measured(found, cfg.forecast.measure, cfg.seed) if cfg.forecast.measure else None
    if found.layers or measured:
        CONSOLE.print(_table(found, measured))
        CONSOLE.print(f"[dim]{LEGEND}{LEGEND_MEASURED if measured else ''}[/]", highlight=False, soft_wrap=True)
    for line in sentences(found):
        CONSOLE.print(line, highlight=False, soft_wrap=True)
    for change in changes(found):
        CONSOLE.print(f"fixed by   [bold]{change.override}[/]: {_short(change.after)}", highlight=False, soft_wrap=True)


def sentences(found: Forecast) -> list[str]:
    """The verdict and what it rests on."""
    lines = [_verdict(found)]
    if found.dies:
        lines.append(found.dies)
    if found.layers and found.depth > 1:
        per_layer = 0.5 * math.log10(found.chi) if found.chi > 0 else -math.inf
        reach = math.inf if per_layer == 0 else 1 / abs(per_layer * math.log(10))
        depth = "without limit" if reach > 1e4 else f"{reach:.3g} layers"
        lines.append(
            f"a layer multiplies the gradient by {10**per_layer:.3g} (1/e or e in {depth}); "
            f"outputs of two inputs are {found.logit_std:.2g} apart"
        )
    if found.verdict.record:
        lines.append(f"[dim]the rule: {found.verdict.record}[/]")
    return lines


def one_line(found: Forecast) -> str:
    """For the start of a run."""
    line = f"forecast  {_verdict(found)}"
    first = [] if found.verdict.other else changes(found, at_most=1)  # another learning rate is named in the line
    return line + (f"; fixed by {first[0].override}" if first else "")


def _verdict(found: Forecast) -> str:
    return f"[bold {COLOURS[found.verdict.word]}]{found.verdict.headline}[/]: {found.verdict.reason}"


def _short(found: Forecast) -> str:
    if math.isnan(found.decades):
        return found.verdict.headline
    return f"{found.verdict.headline}, first gradient 10^{found.decades:+.1f} of the last"


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


def _new_table(*columns: str) -> Table:
    """Narrow, so that seven figures a layer fit into 80 columns."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(columns[0], no_wrap=True)
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _table(found: Forecast, measured: Medians | None) -> Table:
    more = ["drawn", "inside", "gradient"] if measured else []
    table = _new_table("layer", "std", "low", "high", "alike", "gradient", *more)
    names = [layer.name for layer in found.layers] or [f"layers.{i}" for i in range(found.depth + 1)]
    for i, name in enumerate(names):
        cells = [""] * 5
        if found.layers:
            layer = found.layers[i]
            band = ["no band", ""] if layer.low is None else [f"{layer.low:.2g}", f"{layer.high:.2g}"]
            cells = [f"{layer.std:.3g}", *band, f"{layer.similarity:.3f}", _short_number(layer.grad)]
        if measured:
            inside = f"{measured['inside'][i]:.0%}" if "inside" in measured else ""
            cells += [f"{measured['std'][i]:.3g}", inside, _short_number(measured["backward"][i])]
        table.add_row(name, *cells)
    return table


def _short_number(x: float | None) -> str:
    return "" if x is None or math.isnan(x) else f"{x:.2f}" if 0.1 <= x < 100 else f"{x:.1e}"


def _show_ranks(cfg: DictConfig) -> None:
    from initlab.forecasting.rank import badness, rank

    ranks = rank(cfg)
    heading = "init"
    if len(ranks) == 1:  # of one initialisation, a line an activation
        ((heading, row),) = ranks.items()
        ranks = dict(sorted(((name, {heading: cell}) for name, cell in row.items()), key=lambda item: badness(item[1])))
    table = _new_table("activation" if heading != "init" else "init", *next(iter(ranks.values())))
    shown: dict[tuple[str, ...], str] = {}
    same = []
    for name, row in ranks.items():
        cells = tuple(_cell(cell) for cell in row.values())
        if cells in shown and heading == "init":
            same.append(f"{name} as {shown[cells]}")
            continue
        shown[cells] = name
        table.add_row(name, *cells)
    CONSOLE.print(table)
    rate = next((c.rate for row in ranks.values() for c in row.values() if isinstance(c, Forecast) and c.rate), None)
    at = f"at lr {rate.lr:g}" if rate else SUITABLE
    legend = (
        "log10 of the first layer's gradient over the last one's; no mark: trains "
        f"{at}, x: will not train, ?: on the edge, {OTHER}: trains with another learning rate, -: no forecast"
    )
    CONSOLE.print("\n".join([legend, *([", ".join(same)] if same else [])]), highlight=False, soft_wrap=True)


def _cell(cell: Forecast | str) -> str:
    if isinstance(cell, str):
        return "-"
    number = "" if math.isnan(cell.decades) else f"{cell.decades:+.{1 if abs(cell.decades) < 10 else 0}f}"
    colour, mark = COLOURS[cell.verdict.word], OTHER if cell.verdict.other else MARKS[cell.verdict.word]
    return f"[{colour}]{number or mark}{f' {mark}' if number and mark else ''}[/]"
