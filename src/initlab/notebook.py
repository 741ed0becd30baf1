"""What a notebook shows of a result: the look of the report's page, small, with everything in it.

Text has the notebook's own colour, light or dark; colour of ours is in lines only. Styles stand in the elements, as a
notebook that is not trusted drops style sheets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

TONES = {"good": "#1f9d6a", "bad": "#d9483b", "open": "#b8860b", "": "#808080"}
LINES = ("#3b8fd4", "#d9730d", "#1f9d6a", "#c06fa0")
FAINT = "rgba(128,128,128,.4)"
MOST = 40  # rows of a table
WIDTH, HEIGHT, LEFT, BELOW = 460, 150, 52, 20  # of a plot, in pixels


class Displays:
    """Derive, and give `as_text` and `as_html`: the last line of a cell is then shown as the one or the other."""

    def as_text(self) -> str:
        raise NotImplementedError

    def as_html(self) -> str:
        """Escaped, without a script and without anything from elsewhere."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return self.as_html()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": self.as_text(), "text/html": self.as_html()}


class Shown(Displays):
    """Text and HTML that are ready; `print` has the text."""

    def __init__(self, text: str, html: str) -> None:
        self._text, self._html = text, html

    def __repr__(self) -> str:
        return self._text

    def as_text(self) -> str:
        return self._text

    def as_html(self) -> str:
        return self._html


def card(headline: str, sentences: Iterable[str] = (), tone: str = "", above: str = "", parts: str = "") -> str:
    """`tone`: good, bad, open or none; `parts`: HTML that stands below the sentences."""
    small = f'<div style="opacity:.75;font-size:85%">{escape(above)}</div>' if above else ""
    paragraphs = "".join(f'<p style="margin:4px 0">{escape(sentence)}</p>' for sentence in sentences if sentence)
    return (
        f'<div style="border-left:4px solid {TONES[tone]};padding:2px 0 2px 14px;margin:6px 0;max-width:62em;'
        f'overflow-wrap:anywhere;line-height:1.45">{small}'
        f'<div style="font:600 1.2em/1.3 Charter,Georgia,serif;margin:2px 0 4px">{escape(headline)}</div>'
        f"{paragraphs}{parts}</div>"
    )


def table(columns: Mapping[str, Sequence[object]], left: Iterable[str] = ()) -> str:
    """By heading the cells; numbers to the right, those of `left` to the left. Of many rows the first and the last."""
    left = set(left)
    rows = list(zip(*columns.values(), strict=True))
    more = len(rows) - MOST
    if more > 1:
        rows = [*rows[: MOST * 3 // 4], (f"... {more} more", *[""] * (len(columns) - 1)), *rows[-MOST // 4 :]]
    sides = [f"text-align:{'left' if name in left else 'right'};padding:2px 10px 2px 0" for name in columns]

    def line(tag: str, cells: Iterable[object], style: str) -> str:
        made = (
            f'<{tag} style="{side};{style}">{escape(str(cell))}</{tag}>'
            for side, cell in zip(sides, cells, strict=True)
        )
        return f'<tr style="background:none">{"".join(made)}</tr>'

    head = line("th", columns, "font-weight:600;opacity:.75")
    body = "".join(line("td", row, f"border-top:1px solid {FAINT}") for row in rows)
    return (
        '<div style="overflow-x:auto"><table style="color:inherit;border-collapse:collapse;font-size:90%;'
        'font-variant-numeric:tabular-nums;white-space:nowrap;margin:8px 0">'
        f"{head}{body}</table></div>"
    )


def plot(title: str, curves: Mapping[str, Mapping[int, float]]) -> str:
    """A line a name over whole numbers, its axis logarithmic where the values span more than a decade; empty without
    two points."""
    known = {
        name: sorted((x, y) for x, y in points.items() if math.isfinite(y)) for name, points in curves.items() if points
    }
    known = {name: points for name, points in known.items() if len(points) > 1}
    if not known:
        return ""
    xs = [x for points in known.values() for x, _ in points]
    ys = [y for points in known.values() for _, y in points]
    logarithmic = min(ys) > 0 and max(ys) > 10 * min(ys)
    low, high = (math.log10(y) if logarithmic else y for y in (min(ys), max(ys)))
    first, last = min(xs), max(xs)

    def place(x: int, y: float) -> str:
        up = ((math.log10(y) if logarithmic else y) - low) / (high - low or 1)
        across = (x - first) / (last - first or 1)
        return f"{LEFT + across * (WIDTH - LEFT - 8):.1f},{HEIGHT - BELOW - up * (HEIGHT - BELOW - 12):.1f}"

    lines, names = "", ""
    for colour, (name, points) in zip(LINES * len(known), known.items(), strict=False):
        path = " ".join(place(x, y) for x, y in points)
        lines += f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>'
        names += f'<span style="color:{colour};font-weight:700">&#9644;</span> {escape(name)} &#160; '
    text = 'fill="currentColor" opacity=".75" font-size="11" font-family="sans-serif"'
    axes = (
        f'<path d="M{LEFT} 12V{HEIGHT - BELOW}H{WIDTH - 8}" fill="none" stroke="{FAINT}"/>'
        f'<text x="{LEFT - 6}" y="18" text-anchor="end" {text}>{max(ys):.3g}</text>'
        f'<text x="{LEFT - 6}" y="{HEIGHT - BELOW}" text-anchor="end" {text}>{min(ys):.3g}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 5}" {text}>{first:,}</text>'
        f'<text x="{WIDTH - 8}" y="{HEIGHT - 5}" text-anchor="end" {text}>{last:,}</text>'
    )
    return (
        f'<figure style="margin:8px 0"><svg role="img" aria-label="{escape(title)}" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" style="max-width:100%">{axes}{lines}</svg>'
        f'<figcaption style="font-size:85%">{names}{escape(title)}</figcaption></figure>'
    )


def small(text: str) -> str:
    return f'<div style="opacity:.75;font-size:85%;font-family:monospace">{escape(text)}</div>'
