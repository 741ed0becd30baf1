"""A page in the terminal."""

from __future__ import annotations

from typing import Any

from rich.box import ROUNDED
from rich.markup import escape
from rich.table import Table

from foundation_pages.work import words_of
from initlab.console import CONSOLE


def show(record: dict[str, Any]) -> None:
    """Title and question, tables, how to read them, how many checks held."""
    CONSOLE.print(f"\n[bold]{escape(record['title'])}[/]  ({record['page']})", highlight=False)
    _, lead, reading = words_of(record["page"])
    CONSOLE.print(escape(lead), highlight=False)
    for written in record["tables"]:
        CONSOLE.print(f"[italic]{escape(written['caption'])}[/]", highlight=False)
        table = Table(box=ROUNDED)
        for heading in written["columns"]:
            table.add_column(heading.removesuffix("<"), justify="left" if heading.endswith("<") else "right")
        for row in written["rows"]:
            table.add_row(*(escape(cell.replace("`", "").replace("**", "")) for cell in row))
        CONSOLE.print(table)
    CONSOLE.print(escape(reading.replace("`", "")), highlight=False)
    CONSOLE.print(f"{len(record['checks'])} checks held", highlight=False)
