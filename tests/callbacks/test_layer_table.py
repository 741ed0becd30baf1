"""The layers' table: right figures, room in 80 columns."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from made_up import history, mlp
from rich.console import Console

from initlab.callbacks.layer_table import LayerTable, layer_table
from initlab.console import HEAD, TAIL


def text_of(table: Any, width: int = 80) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return out.getvalue().splitlines()


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_a_line_holds_the_latest_figures_up_to_the_step() -> None:
    made = history({("a", "std"): lambda s: 1.0 + s, ("a.weight", "update_ratio"): 1e-3}, steps=range(5))
    made.add([{"step": 2, "layer": "a", "quantity": "dead", "value": 0.25}])
    line = {step: cells(text_of(layer_table(made, step, "t"))[4]) for step in (1, 3)}
    assert line[1] == ["a", "", "2", "", "", "", "1.0e-03"]
    assert line[3] == ["a", "", "4", "25%", "", "", "1.0e-03"]


@pytest.mark.parametrize("depth", [3, 50])
def test_it_fits_80_columns_and_collapses(depth: int) -> None:
    values: dict[Any, Any] = {
        (f"encoder.blocks.{layer}", quantity): value for (layer, quantity), value in mlp(depth, mean=-1.23e-10).items()
    }
    made = history({key: (-1.234e-38 if key[1] == "mean" else value) for key, value in values.items()})
    lines = text_of(layer_table(made, 9, "the layers at step 9"))
    assert max(map(len, lines)) <= 80
    count = 2 * depth - 1
    shown = [line for line in lines if "layers." in line or "phi." in line]
    assert len(shown) == (count if count <= HEAD + TAIL else HEAD + TAIL)
    assert any(f"... {count - HEAD - TAIL} more" in line for line in lines) == (count > HEAD + TAIL)
    assert f"layers.{depth - 1}" in shown[-1]  # the end of a long name, which tells it from the others
    assert all("-1.2e-38" in line for line in shown if "phi" in line)  # nothing is cut off


def test_printed_at_the_first_rows_and_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    class Monitor:
        history = history({("a", "std"): lambda s: 1.5 + s}, steps=range(8))

    observer: Any = LayerTable()
    rows = [{"step": 0, "layer": "a", "quantity": "std", "value": 1.5}]
    said: Callable[[], str] = lambda: capsys.readouterr().out  # noqa: E731
    observer.on_start(Monitor)
    observer.on_rows(Monitor, None, rows)
    first = said()
    assert "the layers at step 0" in first
    assert "1.5" in first
    observer.on_rows(Monitor, None, rows)
    assert said() == ""
    observer.on_end(Monitor, None)
    last = said()
    assert "up to step 7" in last
    assert "8.5" in last
