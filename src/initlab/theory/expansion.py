"""What a unit does to two inputs at once, by Hermite series.

With f(sqrt(q) z) = sum_j f_j h_j(z), h_j the normalised Hermite polynomials, E[f(u) g(v)] = sum_j f_j g_j c^j for u, v
~ N(0, q) of correlation c. So one integral for each j serves every c; c^j with j = 0 is the mean, and what a batch of
inputs of correlation c has in common beyond it is the rest of the sum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from initlab.theory.elementwise import Array, Elementwise
from initlab.theory.integrals import nodes_at

TERMS = 48  # what is behind them is counted as one term more


@dataclass(frozen=True)
class Expansion:
    """Of phi under N(0, q), each [TERMS + 1]; functions of correlations c [n].

    value, derivative:   f_j^2 of phi and phi', over their sums.
    square, slope, both: f_j g_j of phi^2 twice, phi'^2 twice, phi^2 and phi'^2, over those of j = 0, the means.
    cube:                of phi^3 and phi, over E[phi^2]^2.
    last:                the power of c behind which the last term of `value` stands.
    """

    value: Array
    derivative: Array
    square: Array
    slope: Array
    both: Array
    cube: Array
    last: float

    def correlation(self, c: Array) -> Array:
        """E[phi(u) phi(v)] / E[phi^2]."""
        powers = c[:, None] ** np.arange(TERMS + 1)
        powers[:, -1] = np.maximum(c, 0.0) ** self.last
        return powers @ self.value

    def of_slopes(self, c: Array) -> Array:
        """E[phi'(u) phi'(v)] / E[phi'^2]."""
        return c[:, None] ** np.arange(TERMS + 1) @ self.derivative

    def drift(self, c: Array) -> Array:
        """n times what one layer of n units adds on average to the cosine of two inputs, by which its mean falls short
        of that of layers without end: to second order, cos being E[phi(u) phi(v)] over the root of two E[phi^2]."""
        cosine = self.correlation(c)
        skew = c[:, None] ** np.arange(TERMS + 1) @ self.cube - cosine
        return cosine * (0.75 * self.square[1:].sum() + 0.25 * self.common(c, self.square)) - skew

    def common(self, c: Array, terms: Array) -> Array:
        """The covariance of `terms`, `square`, `slope` or `both`."""
        return c[:, None] ** np.arange(1, TERMS + 1) @ terms[1:]


def expansion(phi: Elementwise, q: float) -> Expansion:
    z, density = nodes_at(phi, q)
    value, slope = phi.value(math.sqrt(q) * z), phi.derivative(math.sqrt(q) * z)
    size = max(float(np.abs(value).max()), 1e-300), max(float(np.abs(slope).max()), 1e-300)
    value, slope = value / size[0], slope / size[1]
    functions = np.stack([value, slope, value**2, slope**2, value**3])
    coefficients = (functions * density) @ _hermite(z).T  # [5, TERMS]
    phi_j, slope_j, square_j, slope_square_j, cube_j = coefficients
    last = 1.0
    parts = [_with_rest(phi_j, phi_j, value, value, density), _with_rest(slope_j, slope_j, slope, slope, density)]
    rest = parts[0][-1]
    if rest > 1e-12 * parts[0].sum():  # so that the slope in c at c = 1 is q E[phi'^2] / E[phi^2]
        steep = q * float((slope**2 * density).sum()) * (size[1] / size[0]) ** 2
        last = max((steep - float((np.arange(TERMS) * parts[0][:-1]).sum())) / rest, float(TERMS))
    parts = [part / part.sum() if part.sum() > 0 else np.eye(1, TERMS + 1)[0] for part in parts]
    squares = [
        _with_rest(square_j, square_j, value**2, value**2, density),
        _with_rest(slope_square_j, slope_square_j, slope**2, slope**2, density),
        _with_rest(square_j, slope_square_j, value**2, slope**2, density),
    ]
    cube = _with_rest(cube_j, phi_j, value**3, value, density) / max(squares[0][0], 1e-300)
    squares = [part / part[0] if part[0] else np.eye(1, TERMS + 1)[0] for part in squares]
    return Expansion(parts[0], parts[1], squares[0], squares[1], squares[2], cube, last)


def _with_rest(f: Array, g: Array, values: Array, others: Array, density: Array) -> Array:
    """f_j g_j, and what they lack of E[f g]; of a square no less than nothing."""
    rest = float((values * others * density).sum() - (f * g).sum())
    return np.append(f * g, max(rest, 0.0) if f is g else rest)


def _hermite(z: Array) -> Array:
    """h_j(z), j < TERMS, [TERMS, nodes]: orthonormal under N(0, 1)."""
    h = np.empty((TERMS, len(z)))
    h[0], h[1] = 1.0, z
    for j in range(1, TERMS - 1):
        h[j + 1] = (z * h[j] - math.sqrt(j) * h[j - 1]) / math.sqrt(j + 1)
    return h
