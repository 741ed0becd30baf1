"""The figures as a table in the terminal and as JSON."""

from __future__ import annotations

import json
import platform
import statistics
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.turns import Times


def report(arguments: dict[str, Any], times: Times, base: str, unit: str, target: Path) -> list[dict[str, Any]]:
    """Print median, lowest and highest of seconds, median and quartiles of ratios, the notes; write all to `target`."""
    title = f"{arguments['name']}: {arguments['rounds']} rounds, {arguments['threads']} CPU thread(s)"
    table = Table(title=title, title_justify="left")
    for heading in ("", f"{unit}: median", "lowest", "highest", f"ratio to '{base}'", "quartiles"):
        table.add_column(heading, justify="left" if not heading else "right")
    rows = []
    for name, seconds in times.seconds.items():
        ratios = times.ratios.get(name, [])
        cells = [f"{t:.4g}" for t in (statistics.median(seconds), min(seconds), max(seconds))]
        row: dict[str, Any] = {"name": name, "seconds": seconds, "said": f"{cells[0]} {unit}"}
        if ratios:
            low, middle, high = quartiles(ratios)
            row |= {"ratio": middle, "ratios": ratios}
            if name != base:
                row["said"] += f", {middle:.3f} [{low:.3f}, {high:.3f}] of '{base}'"
            cells += [f"{middle:.3f}", f"{low:.3f} .. {high:.3f}"]
        rows.append(row)
        table.add_row(name, *cells)
    Console(width=120).print(table)
    print(*times.notes, sep="\n", end="\n" * bool(times.notes))
    target.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "arguments": arguments,
        "platform": platform.platform(),
        "unit": unit,
        "base": base,
        "rows": rows,
        "notes": times.notes,
    }
    target.write_text(json.dumps(record, indent=2) + "\n")
    return rows


def quartiles(ratios: list[float]) -> list[float]:
    """Lower quartile, median, upper quartile."""
    return statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
