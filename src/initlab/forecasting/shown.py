"""The forecast in a notebook."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD

from initlab.console import Column, as_text, show_table
from initlab.forecasting.forecast import Forecast
from initlab.forecasting.rule import NOT, TRAINS, UNSURE
from initlab.forecasting.terminal import columns, sentences, shape_of
from initlab.notebook import card, table

TONES = {TRAINS: "good", NOT: "bad", UNSURE: "open"}
WIDTH = 100  # of a table as text


def verdict_html(word: str, said: Sequence[str], made: Sequence[Column], of: str) -> str:
    """The verdict first, then the other sentences and a line a layer."""
    cells = {column.heading: column.cells for column in made}
    parts = table(cells, [column.heading for column in made if not column.right])
    return card(said[0], said[1:], TONES.get(word, ""), f"initlab forecast · {of}", parts)


def forecast_html(found: Forecast) -> str:
    return verdict_html(found.verdict.word, sentences(found), columns(found), _of(found))


def forecast_text(found: Forecast) -> str:
    lines = as_text(WIDTH, lambda page: show_table(columns(found), box=SIMPLE_HEAD, narrow=True, console=page))
    return "\n".join([_of(found), *sentences(found), "", lines]).rstrip()


def _of(found: Forecast) -> str:
    return f"{shape_of(found)}, {found.phi.name}, init {found.scheme}, {found.kind.upper()}"
