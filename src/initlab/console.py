"""The terminal of this process. No word is broken, however narrow it is."""

from __future__ import annotations

import io
import shlex
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import ROUNDED, Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

HEAD, TAIL = 6, 3  # layers shown of a deep network
LABEL = 10  # characters of what a line is about, `forecast`, with the space after it
IN_NOTEBOOK = Console().is_jupyter


def _console(**more: Any) -> Console:
    """One that shows every text as it is: names and values of users hold `[6]` and `:x:`, which rich takes for a style
    and a picture. What is styled is a `Text`, or printed with `style=`."""
    return Console(force_jupyter=False, markup=False, emoji=False, **more)


# One for all, so that lines and a live bar do not write over each other. In a notebook plain text: rich would make each
# line an output of its own, and each refresh of a bar another line.
CONSOLE = _console(force_terminal=False if IN_NOTEBOOK else None)


def as_text(width: int, print_to: Callable[[Console], object]) -> str:
    """What `print_to(console)` prints, without colours, in a notebook too."""
    page = io.StringIO()
    print_to(_console(file=page, width=width, force_terminal=False))
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines()).strip("\n")


def from_here(path: Path) -> Path:
    """From the current folder, where the path lies below it."""
    here = path.absolute().is_relative_to(Path.cwd())
    return path.absolute().relative_to(Path.cwd()) if here else path


def say(text: str, label: str = "", style: str = "", console: Console | None = None) -> None:
    """A sentence, broken between words at the width of the terminal, under a label. A style is the sentence's, or of
    one with a label the label's."""
    console = console or CONSOLE
    wrapper = textwrap.TextWrapper(
        max(console.width, 1),
        initial_indent=f"{label:<{LABEL}}" if label else "",
        subsequent_indent=" " * LABEL if label and console.width > 4 * LABEL else "",
        break_long_words=False,
        break_on_hyphens=False,
    )
    whole = Text("\n".join(wrapper.wrap(text)) or wrapper.initial_indent)
    whole.stylize(style, 0, len(label) or len(whole))
    console.print(whole, soft_wrap=True, highlight=False)


def say_command(words: Sequence[str], label: str, after: str = "") -> None:
    r"""A command that bash and zsh take as it is shown, its lines ending in ` \`; `after`: a remark below it."""
    lines = [f"{label:<{LABEL}}"]
    quoted = [shlex.quote(word) for word in words]
    pairs = [" ".join(quoted[:2]), *quoted[2:]]  # python and its script stay together
    for word in pairs:
        if lines[-1].strip() not in ("", label) and len(lines[-1]) + len(word) + 3 > CONSOLE.width:
            lines[-1] += "\\"
            lines.append(" " * LABEL)
        lines[-1] += f"{word} "
    command = Text("\n".join(line.rstrip() for line in lines), style="bold")
    if after:
        below = textwrap.wrap(after, max(CONSOLE.width - LABEL, 1), break_long_words=False, break_on_hyphens=False)
        command.append("".join(f"\n{'':{LABEL}}{line}" for line in below), style="not bold")
    CONSOLE.print(command, soft_wrap=True, highlight=False)


@dataclass(frozen=True)
class Column:
    """rank: where there is no room for all, those of the highest go first; those of 0 stay."""

    heading: str
    cells: Sequence[str | Text]
    right: bool = True
    rank: int = 0


def show_table(
    columns: Sequence[Column],
    title: str = "",
    *,
    box: Box = ROUNDED,
    narrow: bool = False,
    console: Console | None = None,
) -> None:
    """With as many of the columns as have room, no cell cut, and a line about those that have none."""
    console = console or CONSOLE
    kept = list(columns)
    while (_made(kept, title, box, narrow, console).width or 0) > console.width:
        highest = max(column.rank for column in kept)
        if highest == 0:
            break
        kept = [column for column in kept if column.rank < highest]
    console.print(_made(kept, title, box, narrow, console), highlight=False, crop=False)
    left = [column.heading for column in columns if column not in kept]
    if left:
        say(f"no room here for {', '.join(left)}", style="dim", console=console)


def _made(columns: Sequence[Column], title: str, box: Box, narrow: bool, console: Console) -> Table:
    """As wide as its cells are."""
    padding = (0, 1, 0, 0) if narrow else (0, 1)
    table = Table(title=title or None, title_justify="left", title_style="bold", box=box, padding=padding,
                  pad_edge=not narrow)  # fmt: skip
    for column in columns:
        table.add_column(column.heading, justify="right" if column.right else "left", no_wrap=True)
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*cells)
    table.width = console.measure(table, options=console.options.update(width=10_000)).maximum
    return table
