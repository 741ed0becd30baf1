"""Panels for a function of unknown shape: halved where they do not yet agree with their own halves.

A step or kink is closed in on by halving, an oscillation gets as many panels as it has turns. What is left open after
`MOST` panels is refused with the error that was reached.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from initlab.errors import UserError
from initlab.theory.elementwise import Array, Elementwise

NODES, WEIGHTS = GAUSS = np.polynomial.legendre.leggauss(10)  # in each panel
# Lobatto's rule has the ends too: of a step next to an end Gauss's nodes see nothing, neither those of the panel nor
# those of its halves. A hair inside, so that a step at the very end belongs to one side.
_LAST = np.polynomial.legendre.Legendre.basis(9)
_WITH_ENDS = np.concatenate(
    [[-1.0], _LAST.deriv().roots().real, [1.0]]
)  # NumPy 2.5 gives real roots as complex numbers
LOBATTO = (1 - 1e-9) * _WITH_ENDS, 2 / (90 * _LAST(_WITH_ENDS) ** 2)
AGREED = 1e-9  # of the whole integral, by which a panel may differ from its halves
MOST, LEVELS = 20_000, 60
Rule = tuple[Array, Array]  # nodes in [-1, 1], weights
KINK = 1e-4  # a panel narrower than this has closed in on a step or kink


@dataclass(frozen=True)
class Panels:
    """z [nodes] and the weights of E[.] there, z ~ N(0, 1); ends of the panels; the steps and kinks that were found."""

    z: Array
    density: Array
    ends: Array
    kinks: Array


def adapted(phi: Elementwise, q: float, ends: Array, rule: Rule = LOBATTO) -> Panels:
    """For phi^2 and phi'^2 of sqrt(q) z, between the sorted `ends` to begin with. `rule`: by which a panel is held to
    its halves; with Gauss's one no panels close in on a kink that an end is next to.

    Raises:
        UserError: where the panels do not agree in the end.
    """
    left, right = ends[:-1], ends[1:]
    left, right = left[right > left], right[right > left]
    root = math.sqrt(q)
    settled: list[tuple[Array, Array]] = []
    whole = np.zeros(2)
    with np.errstate(all="ignore"):
        coarse = _integrals(phi, root, left, right, rule)
        for _ in range(LEVELS):
            middle = (left + right) / 2
            halves = np.concatenate([left, middle]), np.concatenate([middle, right])
            fine = _integrals(phi, root, *halves, rule)
            both = fine[:, : len(left)] + fine[:, len(left) :]
            total = whole + both.sum(1)
            if not np.isfinite(total).all():  # the function itself has no such integral here
                return _panels(
                    np.concatenate([*(s for s, _ in settled), left]), np.concatenate([*(s for _, s in settled), right])
                )
            off = (np.abs(both - coarse) / np.where(total > 0, total, 1.0)[:, None]).max(0)
            open_ = off > AGREED
            settled.append((left[~open_], right[~open_]))
            whole = whole + both[:, ~open_].sum(1)
            if not open_.any():
                return _panels(*(np.concatenate(side) for side in zip(*settled, strict=True)))
            if 2 * open_.sum() > MOST:
                break
            again = np.concatenate([open_, open_])
            left, right, coarse = halves[0][again], halves[1][again], fine[:, again]
    if off[open_].sum() < 100 * AGREED:  # rounding of the place of a step
        return _panels(
            np.concatenate([*(s for s, _ in settled), left]), np.concatenate([*(s for _, s in settled), right])
        )
    raise UserError(
        f"{phi.name}: it changes too fast for the Gaussian integrals of the forecast where its input has std "
        f"{root:.3g}, which are known to {min(off[open_].sum(), 1.0):.1%} only; measure real draws instead"
    )


def _integrals(phi: Elementwise, root: float, left: Array, right: Array, rule: Rule) -> Array:
    """Of phi^2 and phi'^2, [2, panels]."""
    z, density = _nodes(left, right, rule)
    u = (root * z).ravel()
    squares = np.stack([phi.value(u), phi.derivative(u)]).reshape(2, *z.shape) ** 2
    return (squares * density).sum(-1)


def _nodes(left: Array, right: Array, rule: Rule = GAUSS) -> tuple[Array, Array]:
    nodes, weights = rule
    half = ((right - left) / 2)[:, None]
    z = left[:, None] + half + half * nodes
    return z, half * weights * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _panels(left: Array, right: Array) -> Panels:
    order = np.argsort(left)
    left, right = left[order], right[order]
    z, density = _nodes(left, right)
    narrow = (right - left) < KINK
    starts = left[narrow & ~np.append(False, narrow[:-1])]
    stops = right[narrow & ~np.append(narrow[1:], False)]
    return Panels(z.ravel(), density.ravel(), np.append(left, right[-1:]), (starts + stops) / 2)
