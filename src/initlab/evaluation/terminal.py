"""What an evaluation prints."""

from __future__ import annotations

from typing import Any

from rich.box import ROUNDED
from rich.table import Table
from rich.text import Text

from initlab.console import CONSOLE, from_here, say
from initlab.runs import Run


def examples(count: int) -> str:
    """How many, in words."""
    return f"{count:,} test example{'s' * (count != 1)}"


def show_evaluation(run: Run, found: dict[str, Any]) -> None:
    """The test metrics, then a line a class or a parameter, and where the pictures are."""
    metrics = Text("   ").join(
        Text.assemble(f"{name.removeprefix('test/')} ", (f"{value:.4f}", "bold"))
        for name, value in found["metrics"].items()
    )
    CONSOLE.print(f"{run.path.name}, {run.weights} weights, {examples(found['examples'])}", highlight=False)
    CONSOLE.print(metrics, highlight=False)
    if target := found.get("standardised"):
        say(f"rmse is in the units of {target}; loss is of the standardised {target}")
    table = Table(box=ROUNDED)
    if "classes" in found:
        for heading, justify in (
            ("class", "left"),
            ("examples", "right"),
            ("accuracy", "right"),
            ("taken for", "left"),
        ):
            table.add_column(heading, justify="right" if justify == "right" else "left")
        for row in found["classes"]:
            share = "" if row["accuracy"] is None else f"{row['accuracy']:.1%}"
            mostly = f"{row['taken_for']} ({row['times'] / row['examples']:.1%})" if row["taken_for"] else ""
            table.add_row(row["class"], f"{row['examples']:,}", share, mostly)
    else:
        table.add_column("parameter")
        for heading in ("true", "learned", "true - learned"):
            table.add_column(heading, justify="right")
        for row in found["parameters"]:
            table.add_row(row["name"], f"{row['true']:.6g}", f"{row['learned']:.6g}", f"{row['error']:+.2e}")
    if table.row_count:
        CONSOLE.print(table)
    CONSOLE.print(f"pictures and figures    {from_here(run.path / 'evaluation')}", highlight=False, soft_wrap=True)
