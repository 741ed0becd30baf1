"""Gaussian integrals of an activation function: what one layer of infinite width does to a signal.

Gauss-Legendre in panels. Panels end at the kinks of phi, so every piece is smooth, and crowd together around 0 and the
kinks on the scale 1 / sqrt(q) on which phi(sqrt(q) z) bends. With z ~ N(0, 1) beyond 8.5 there is 2e-17.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from initlab.errors import UserError
from initlab.theory.elementwise import Array, Elementwise
from initlab.theory.panels import GAUSS, KINK, LOBATTO, NODES, WEIGHTS, adapted

REACH, TAIL = 8.5, 7.5
OUTER, COARSE = np.polynomial.legendre.leggauss(8), np.polynomial.legendre.leggauss(8)  # of the pair integral
LINEAR = np.linspace(-REACH, REACH, 13)
INNER = np.array([0.0, 1.5, 3.0, 5.0, REACH])
AGREED, MOST_OF_PAIRS = 1e-5, 100_000  # of two levels of panels, for a function that is not a named one
LARGE = 3.0  # q from which the bends of phi are narrow against these panels
BENDS = np.array([1.0, 3.0, 9.0])  # panel ends at +- these, in units of phi's argument, from 0 and each kink
FADED = 27.0  # and the last of E[.]: SiLU's bend fades as exp(-|u|)


@dataclass(frozen=True)
class Moments:
    """For each q, with u = sqrt(q) z, z ~ N(0, 1); arrays of the shape of q.

    mean:            E[phi(u)]
    square:          E[phi(u)^2]
    kurtosis:        E[phi(u)^4] / E[phi(u)^2]^2
    slope_square:    E[phi'(u)^2]
    slope_kurtosis:  E[phi'(u)^4] / E[phi'(u)^2]^2
    sensitivity:     d log E[phi(u)^2] / d log q; bend: its own derivative, d^2 / (d log q)^2
    slope_sensitivity, slope_bend: the same of E[phi'(u)^2]
    fourth:          relative growth of E[phi(u)^4] by an excess kurtosis of u, E[phi^4 He_4(z)] / 24 E[phi^2]^2
    """

    mean: Array
    square: Array
    kurtosis: Array
    slope_square: Array
    slope_kurtosis: Array
    sensitivity: Array
    bend: Array
    slope_sensitivity: Array
    slope_bend: Array
    fourth: Array


def moments(phi: Elementwise, q: Array) -> Moments:
    """Of phi under N(0, q), for each q >= 0 of an array [n]; nan for a phi that grows as exp does."""
    q = np.asarray(q, np.float64)
    if not phi.known and len(q) > 1:  # panels of its own for each
        each = [moments(phi, q[i : i + 1]) for i in range(len(q))]
        return Moments(*(np.concatenate([getattr(m, field.name) for m in each]) for field in fields(Moments)))
    z, density = _panels(phi, q)
    u = np.sqrt(q)[:, None] * z
    value, slope = phi.value(u), phi.derivative(u)
    square, kurtosis, power = _square_and_kurtosis(value, density)
    beyond = (power * density * (np.abs(z) > TAIL)).sum(-1) > 1e-6 * (power * density).sum(-1)
    square = np.where(beyond, np.nan, square)  # phi grows so fast that most of the integral lies outside
    slope_square, slope_kurtosis, slope_power = _square_and_kurtosis(slope, density)
    by_size = *_sensitivity(power, z, density), *_sensitivity(slope_power, z, density)
    with np.errstate(invalid="ignore", divide="ignore"):
        fourth = (power**2 * (z**4 - 6 * z**2 + 3) * density).sum(-1) / (24 * (power * density).sum(-1) ** 2)
    mean = (value * density).sum(-1)
    return Moments(mean, square, kurtosis, slope_square, slope_kurtosis, *by_size, np.nan_to_num(fourth))


def nodes_at(phi: Elementwise, q: float) -> tuple[Array, Array]:
    """Places z and weights of E[.] under N(0, 1), for functions of phi(sqrt(q) z)."""
    z, density = _panels(phi, np.array([q]))
    return z[0], density[0]


def decorrelation(phi: Elementwise, q: float, d: float) -> float:
    """E[(phi(u) - phi(v))^2] / 2 for u, v ~ N(0, q) with correlation 1 - d.

    This is E[phi^2] - E[phi(u) phi(v)], without the cancellation that would cost every digit of a small d. With
    u, v = sqrt(q) (a x +- b y), a = sqrt(1 - d/2), b = sqrt(d/2), x and y independent; even in y.
    """
    if q <= 0 or d <= 0:
        return 0.0
    ends, kinks = np.zeros(0), np.array(phi.kinks) / math.sqrt(q)
    if phi.known or not q < math.inf:
        return _apart(phi, q, d, ends, kinks, 1)
    for rule in (LOBATTO, GAUSS):  # once more with the kinks that were found, so that no panels close in on them
        found = adapted(phi, q, np.sort(np.append(LINEAR, np.clip(kinks, -REACH, REACH))), rule)
        kinks = np.unique(np.append(kinks, found.kinks))
    ends = found.ends[np.append(np.diff(found.ends) > KINK, True)]
    finest = np.diff(ends)[np.diff(ends) > KINK].min(initial=REACH)
    pieces = max(1, round(math.sqrt(d / 2) * REACH / finest / len(INNER)))
    before = math.nan
    while len(ends) * len(INNER) * pieces < MOST_OF_PAIRS:
        here = _apart(phi, q, d, ends, kinks, pieces)
        if abs(here - before) <= AGREED * abs(here) or math.isnan(here):
            return here
        before, pieces, ends = here, 2 * pieces, np.sort(np.concatenate([ends, (ends[1:] + ends[:-1]) / 2]))
    raise UserError(
        f"{phi.name}: it changes too fast for the Gaussian integrals of two inputs where these have std "
        f"{math.sqrt(q):.3g}; measure real draws instead"
    )


def _apart(phi: Elementwise, q: float, d: float, ends: Array, kinks: Array, pieces: int) -> float:
    """The same by panels that end at `ends` and where u or v passes a kink (both for sqrt(q) = 1), the inner ones in
    so many pieces."""
    root, a, b = math.sqrt(q), math.sqrt(max(1 - d / 2, 0.0)), math.sqrt(d / 2)
    centres = np.append(0.0, kinks)
    scale = np.array([1 / root, b])  # phi bends on the one, what the inner integral has smoothed on the other
    bends = np.multiply.outer(BENDS, scale).ravel()
    around = np.add.outer(centres, np.concatenate([np.zeros(1), bends, -bends])).ravel()
    marks = np.concatenate([around, ends]) / max(a, 1e-3)
    x, of_x = _nodes(np.sort(np.clip(np.concatenate([LINEAR[::2], marks]), -REACH, REACH)), *OUTER)
    # u or v passes the middle of a bend; where q is large, its two sides too
    passed = np.add.outer(centres, [0.0, *(BENDS / root), *(-BENDS / root)]).ravel() if q > LARGE else centres
    crossing = np.abs(np.subtract.outer(a * x, passed)) / b
    grid = np.interp(np.arange(pieces * (len(INNER) - 1) + 1) / pieces, np.arange(len(INNER)), INNER)
    ends_y = np.concatenate([np.broadcast_to(grid, (len(x), len(grid))), crossing], axis=1)
    y, of_y = _nodes(np.sort(np.clip(ends_y, 0, REACH), axis=1), *COARSE)
    middle, apart = root * a * x[:, None], root * b * y
    difference = phi.value(middle + apart) - phi.value(middle - apart)
    return float((of_x[:, None] * of_y * difference * difference).sum())  # y > 0 only: twice the half


def pair(phi: Elementwise, q: float, correlation: float) -> float:
    """E[phi(u) phi(v)] for u, v ~ N(0, q) with that correlation."""
    return float(moments(phi, np.array([q])).square[0]) - decorrelation(phi, q, 1 - correlation)


def _panels(phi: Elementwise, q: Array) -> tuple[Array, Array]:
    """z [n, nodes] and the weights of E[.] there."""
    with np.errstate(divide="ignore"):
        scale = 1 / np.sqrt(q)[:, None]
    kinks = np.array(phi.kinks)
    bends = np.append(BENDS, FADED)
    marks = np.concatenate([np.zeros(1), *(c + np.concatenate([bends, -bends]) for c in (0.0, *phi.kinks)), kinks])
    with np.errstate(invalid="ignore"):
        own = np.nan_to_num(marks * scale, nan=0.0)
    ends = np.sort(
        np.clip(np.concatenate([np.broadcast_to(LINEAR, (len(q), len(LINEAR))), own], axis=1), -REACH, REACH)
    )
    if not phi.known and 0 < q[0] < math.inf:
        found = adapted(phi, float(q[0]), ends[0])
        return found.z[None], found.density[None]
    return _nodes(ends, NODES, WEIGHTS)


def _nodes(ends: Array, nodes: Array, weights: Array) -> tuple[Array, Array]:
    """Of panels between sorted `ends` [..., m]: places [..., (m - 1) k], and weights with the normal density."""
    left, half = ends[..., :-1], np.diff(ends) / 2
    z = (left + half)[..., None] + half[..., None] * nodes
    density = half[..., None] * weights * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    flat = (*ends.shape[:-1], -1)
    return z.reshape(flat), density.reshape(flat)


def _square_and_kurtosis(x: Array, density: Array) -> tuple[Array, Array, Array]:
    """E[x^2], E[x^4] / E[x^2]^2, and x^2 over its largest, so that no power of a tiny or huge x is lost."""
    largest = np.abs(x).max(-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        power = np.where(largest > 0, (x / largest) ** 2, 0.0)
        square = (power * density).sum(-1)
        kurtosis = np.where(square > 0, (power * power * density).sum(-1) / square**2, 1.0)
        return square * largest[:, 0] ** 2, kurtosis, power


def _sensitivity(power: Array, z: Array, density: Array) -> tuple[Array, Array]:
    """d log E[f(sqrt(q) z)^2] / d log q = E[f^2 (z^2 - 1)] / 2 E[f^2] (Stein), which needs no derivative of f, and the
    derivative of that by the same; 0 where f is 0."""
    once = (z * z - 1) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = (power * density).sum(-1)
        first = (power * once * density).sum(-1) / whole
        second = (power * (once * once - z * z / 2) * density).sum(-1) / whole - first**2
    return np.nan_to_num(first, posinf=0.0, neginf=0.0), np.nan_to_num(second, posinf=0.0, neginf=0.0)
