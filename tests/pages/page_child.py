"""What runs a page in a process of its own."""

from pathlib import Path

from initlab.pages.checking import check_page
from initlab.pages.drawing import draw_page
from initlab.pages.page import read_page
from initlab.pages.running import run_page


def claims_that_do_not_hold(name: str, folder: Path) -> list[str]:
    """Of the page, run with one seed and drawn."""
    page = read_page(name)
    ran = run_page(page, folder, seeds=1)
    draw_page(page, ran, folder / "page.png")
    return [verdict.sentence for verdict in check_page(page, ran) if not verdict.holds]
