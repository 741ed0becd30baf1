"""docs/gallery.md: every page with its question, command, picture and figures, rendered from docs/pages/<name>.json."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from initlab.shipped import CONFIGS
from initlab.textbook.claim import words_of
from initlab.textbook.page import Page, page_names, read_page

CHAPTER = re.compile(r"\(d2l ([\d.]+)")  # of a question; pages of the book stand in its order
DOCS = CONFIGS.parent / "docs"
PAGES = DOCS / "pages"
SOURCES = {  # the parts of the gallery: what the names of a part's pages begin with; the rest come last
    "Dive into Deep Learning": ("d2l_", "weight_decay", "house_prices"),
    "fast.ai": ("fifty_layers", "fastai_"),
    "One neuron, AND and XOR": ("neuron", "xor", "and_gate"),
    "Papers and lectures on initialisation": ("glorot_", "he_", "lsuv", "makemore_", "phase_", "width_"),
    "Any network": ("plain_cnn", "residual_", "batch_norm", "pre_and_post"),
}
HEAD = """# The gallery

Every page of the textbooks as an experiment that checks itself: what it asks, the command that runs it, what came out
and what had to. `python scripts/pages.py` runs them all, checks every claim and writes this file; nothing in the tables
is typed by hand.

`±` is one standard deviation over n seeds. Where `4 · s / √n` is expected around a number, it was derived, and s
is the spread of one run: four standard errors of a mean over n. *Published* is what the book, lecture or paper prints.

One page more has a command of its own: [is the planted cause named?](explained_runs.md), of runs that were broken on
purpose and what [explain](explain.md) says of each.
"""


def render() -> str:
    """The gallery of all pages that were run."""
    pages = {name: read_page(name) for name in page_names() if (PAGES / f"{name}.json").is_file()}
    pages = dict(sorted(pages.items(), key=lambda item: chapter(item[1].header.question)))
    records = {name: json.loads((PAGES / f"{name}.json").read_text()) for name in pages}
    parts = [HEAD, _contents(pages, records)]
    for part, names in _parts(list(pages)).items():
        parts.append(f"## {part}\n")
        parts += [_page(pages[name], records[name]) for name in names]
    return "\n".join(parts)


def chapter(question: str) -> list[int]:
    """[3, 4] of "... (d2l 3.4)"; [] of another book's."""
    found = CHAPTER.search(question)
    return [int(number) for number in found[1].split(".") if number] if found else []


def _parts(names: Sequence[str]) -> dict[str, list[str]]:
    found = {part: [n for n in names if n.startswith(starts)] for part, starts in SOURCES.items()}
    rest = [name for name in names if not any(name in there for there in found.values())]
    return {part: there for part, there in (found | {"Others": rest}).items() if there}


def _contents(pages: Mapping[str, Page], records: Mapping[str, Any]) -> str:
    lines = ["| page | asks | claims that hold | runs | s |", "| --- | --- | --- | --- | --- |"]
    for there in _parts(list(pages)).values():
        for name in there:
            one = records[name]
            holding = sum(claim["holds"] for claim in one["claims"])
            lines.append(
                f"| [{name}](#{name}) | {_cell(pages[name].header.question)} | {holding} of {len(one['claims'])} "
                f"| {one['runs']} | {one['seconds']:.0f} |"
            )
    total = sum(one["seconds"] for one in records.values())
    lines.append(
        f"\nIn all {total / 60:.0f} minutes. Seconds are wall time of one thread, when the page was last run, without "
        "imports; beside other work they are several times as long. Two processes take half.\n"
    )
    return "\n".join(lines)


def _page(page: Page, one: Mapping[str, Any]) -> str:
    """One page's section."""
    parts = [f"### {page.name}\n", f"**{page.header.question}**\n"]
    parts.append("\n".join(f"    {command}" for command in page.header.commands) + "\n")
    if page.picture and (PAGES / f"{page.name}.png").is_file():
        parts += [f"![{page.picture.title}](pages/{page.name}.png)\n", f"*How to read it.* {page.picture.caption}\n"]
    parts.append(_table(one["claims"]))
    parts += [f"{paragraph}\n" for paragraph in page.header.prose]
    parts.append(
        f"<sub>{one['date']}, torch {one['torch']}, {_count(one['runs'], 'run')}, {one['seconds']:.0f} s; "
        f"[{page.name}.yaml](../configs/experiment/{page.name}.yaml)</sub>\n"
    )
    return "\n".join(parts)


def _table(claims: Sequence[Mapping[str, Any]]) -> str:
    """The claims; a column that would be empty is left out."""
    columns = {
        "where": [_code(words_of(claim["setting"])) for claim in claims],
        "figure": [_code(claim["about"]) for claim in claims],
        "ours": [_cell(claim["got"]) for claim in claims],
        "n": [str(claim["n"]) for claim in claims],
        "expected": [_cell(claim["expected"]) for claim in claims],
        "published": [_cell(claim["published"]) for claim in claims],
        "holds": ["yes" if claim["holds"] else "**no**" for claim in claims],
        "because": [_cell(claim["why"]) for claim in claims],
    }
    shown = {name: cells for name, cells in columns.items() if any(cells)}
    lines = [f"| {' | '.join(shown)} |", f"| {' | '.join('---' for _ in shown)} |"]
    lines += [f"| {' | '.join(row)} |" for row in zip(*shown.values(), strict=True)]
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    return f"`{_cell(text)}`" if text else ""


def _cell(text: str) -> str:
    """Safe within a table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
