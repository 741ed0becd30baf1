"""What an initialisation did to each parameter of a network."""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from initlab.numbers import tail

WIDTH = 100  # columns of the table
SHOWN = 12  # names in the line about what was left alone
HEADINGS = ("tensor", "layer", "fan in", "fan out", "gain", "of", "promised", "drawn std")
WORDS = (0, 1, 5)  # columns of them


@dataclass(frozen=True)
class Drawn:
    """A tensor that was filled.

    name:         of the tensor in the network; of a parametrized one, of what its parameters make.
    parameters:   the names of those; where layers share it, all names that it has.
    kind:         the class of its layer.
    fan_in:       inputs that a unit adds up; of a bias, those of its layer.
    fan_out:      units that an input enters; None of a bias.
    gain:         factor of the activation behind the layer, None where the scheme has no use for it.
    gain_from:    which activation that is and how it was found.
    promised_std: of the entries that were drawn, by the scheme's formula; nan where data or a parametrization decide.
    drawn_std:    of the same entries now.
    """

    name: str
    parameters: tuple[str, ...]
    kind: str
    fan_in: int
    fan_out: int | None
    gain: float | None
    gain_from: str
    promised_std: float
    drawn_std: float

    @property
    def is_bias(self) -> bool:
        return self.fan_out is None

    @property
    def shared(self) -> bool:
        """Whether several layers have it."""
        return len(self.parameters) > 1 and self.name in self.parameters


@dataclass(frozen=True)
class LeftAlone:
    """A parameter that is as it was, the class of its module, and why."""

    name: str
    kind: str
    reason: str


@dataclass(frozen=True)
class Report:
    """Every parameter of the network, once: `drawn` or `left_alone`.

    notes: what else is to be said, a sentence each. fitted: what a scheme that looks at data did, `LSUV` a `Scaled` for
        each layer.
    """

    scheme: str
    drawn: tuple[Drawn, ...]
    left_alone: tuple[LeftAlone, ...]
    notes: tuple[str, ...] = ()
    fitted: Sequence[object] = ()

    @property
    def weights(self) -> list[Drawn]:
        return [row for row in self.drawn if not row.is_bias]

    def left_alone_line(self) -> str:
        """`left alone: pos (ViT), weight and bias of 4 LayerNorm`, of many the first; "" where there is nothing."""
        by_kind: dict[str, list[str]] = {}
        for row in self.left_alone:
            by_kind.setdefault(row.kind, []).append(row.name)
        parts = []
        for kind, names in by_kind.items():
            modules = {name.rpartition(".")[0] for name in names}
            if len(modules) > 1:
                own = dict.fromkeys(name.rpartition(".")[2] for name in names)
                parts.append(f"{' and '.join(own)} of {len(modules)} {kind}")
            else:
                parts.append(f"{', '.join(names)} ({kind})")
        more = f" and {len(parts) - SHOWN} kinds more" if len(parts) > SHOWN else ""
        return f"left alone: {', '.join(parts[:SHOWN])}{more}" if parts else ""

    def __str__(self) -> str:
        zeros = [row.name for row in self.drawn if row.is_bias and row.promised_std == row.drawn_std == 0]
        shown = [_cells(row) for row in self.drawn if row.name not in zeros]
        lines = [f"init {self.scheme}", *_table([HEADINGS, *shown])]
        lines += [f"and {len(zeros)} bias{'es' if len(zeros) > 1 else ''}: 0"] if zeros else []
        lines += [f"shared: {' = '.join(row.parameters)}" for row in self.drawn if row.shared]
        for kind, reason in dict.fromkeys((row.kind, row.reason) for row in self.left_alone):
            names = [row.name for row in self.left_alone if (row.kind, row.reason) == (kind, reason)]
            lines.append(f"left alone, {kind}, {reason}: {', '.join(names)}")
        return "\n".join(piece for line in [*lines, *self.notes] for piece in _wrapped(line))

    def _repr_html_(self) -> str:
        def row(cells: Sequence[str], tag: str = "td") -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        left = [(one.name, one.kind, "", "", "", f"left alone: {one.reason}", "", "") for one in self.left_alone]
        body = "".join(map(row, [*map(_cells, self.drawn), *left]))
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in (f"init {self.scheme}", *self.notes))
        return f"{notes}<table>{row(HEADINGS, 'th')}{body}</table>"


def _cells(row: Drawn) -> tuple[str, ...]:
    numbers = ["" if fan is None else str(fan) for fan in (row.fan_in, row.fan_out)]
    gain = "" if row.gain is None else f"{row.gain:.3g}"
    promised = "-" if math.isnan(row.promised_std) else f"{row.promised_std:.4g}"
    return (row.name, row.kind, *numbers, gain, row.gain_from, promised, f"{row.drawn_std:.4g}")


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned, the longest of the columns of words cut until it fits; of a name the end is kept."""
    sizes = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    while sum(sizes) + 2 * len(sizes) - 2 > WIDTH:
        sizes[max(WORDS, key=lambda i: sizes[i])] -= 1
    lines = []
    for row in rows:
        cells = [tail(cell, size) for cell, size in zip(row, sizes, strict=True)]
        aligned = [
            f"{cell:<{n}}" if i in WORDS else f"{cell:>{n}}"
            for i, (cell, n) in enumerate(zip(cells, sizes, strict=True))
        ]
        lines.append("  ".join(aligned).rstrip())
    return lines


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, WIDTH, subsequent_indent="    ") if len(line) > WIDTH else [line]
