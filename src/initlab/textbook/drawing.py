"""The picture of a page, drawn off screen from the folders of its runs; matplotlib is imported when one is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from initlab.errors import UserError
from initlab.plots.style import save
from initlab.runs import open_run
from initlab.textbook import lines, swept, weights
from initlab.textbook.checking import folders
from initlab.textbook.page import Page
from initlab.textbook.running import Ran

KINDS = {
    "curve": lines.curve,
    "depth": lines.depth,
    "time": lines.time,
    "weights": weights.tiles,
    "against": swept.against,
    "map": swept.heat_map,
}


def draw_page(page: Page, ran: Sequence[Ran], path: Path) -> None:
    """Draw the page's picture of these runs into a PNG file.

    Raises:
        UserError: no run ended, or none has what the picture is of.
    """
    picture = page.picture
    if picture is None:
        raise UserError(f"{page.name}: the page has no picture")
    weights_of = {"weights": "last"} if picture.draw == "weights" else {}
    runs = {setting: [open_run(f, **weights_of) for f in there] for setting, there in folders(ran).items()}
    if not runs:
        raise UserError(f"{page.name}: no run ended well, so there is nothing to draw")
    save(partial(KINDS[picture.draw], page, picture, runs), path, formulas=True)
