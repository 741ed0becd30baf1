"""A page in the terminal."""

from __future__ import annotations

from typing import Any

from rich.box import ROUNDED
from rich.table import Table
from rich.text import Text

from foundation_pages.work import words_of
from initlab.console import CONSOLE


def show(record: dict[str, Any]) -> None:
    """Title and question, tables, how to read them, how many checks held."""
    CONSOLE.print(Text.assemble("\n", (record["title"], "bold"), f"  ({record['page']})"))
    _, lead, reading = words_of(record["page"])
    CONSOLE.print(lead, highlight=False)
    for written in record["tables"]:
        CONSOLE.print(written["caption"], style="italic", highlight=False)
        table = Table(box=ROUNDED)
        for heading in written["columns"]:
            table.add_column(heading.removesuffix("<"), justify="left" if heading.endswith("<") else "right")
        for row in written["rows"]:
            table.add_row(*(cell.replace("`", "").replace("**", "") for cell in row))
        CONSOLE.print(table)
    CONSOLE.print(reading.replace("`", ""), highlight=False)
    CONSOLE.print(f"{len(record['checks'])} checks held", highlight=False)
