"""How much of what was drawn lies where the forecast said."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from initlab.theory import Forecast

GROUPS = {"1-10": (0, 10), "11-25": (10, 25), "26-50": (25, 50), "output": (50, 51)}  # of the layers of a deep network
TEN, NEAR = 10, 0.1  # the gradient over ten layers, within 10 %
COLUMNS = (
    "width", "init", "activation", "layers", "draws", "shown", "inside", "error", "gradient_shown", "gradient_inside",
    "gradient_error", "ten", "ten_of_mean",
)  # fmt: skip


def cells(found: Forecast, std: np.ndarray, log_gradient: np.ndarray) -> Iterator[dict[str, str]]:
    """For each group of layers, as text:

    layers, draws.
    shown, gradient_shown: share of the layers for which the forecast has a band.
    inside, gradient_inside: share of those layers and draws within it; error: standard error, over draws, since the
        layers of one draw move together.
    ten: share of chains of ten layers from here on whose gradient ratio is within 10 % of what was foretold, of single
        draws; ten_of_mean: the same of the mean over all draws.
    """
    layers, depth = found.layers, log_gradient.shape[1]
    back = np.exp(log_gradient - log_gradient[:, -1:])
    line = np.log(np.array([layer.grad for layer in layers[:depth]], float))
    for name, (first, end) in GROUPS.items():
        row = {"layers": name, "draws": str(len(std))}
        row |= _share("", std[:, first:end], *_band(found, ("low", "high"), first, end))
        if first < depth:
            last = min(end, depth - 1)  # the ratio of the last to itself is 1
            row |= _share("gradient_", back[:, first:last], *_band(found, ("grad_low", "grad_high"), first, last))
            stop = min(end, depth - TEN)
            if stop > first:
                chains = log_gradient[:, first:stop] - log_gradient[:, first + TEN : stop + TEN]
                off = chains - (line[first:stop] - line[first + TEN : stop + TEN])
                row["ten"] = f"{(np.abs(np.expm1(off)) < NEAR).mean():.3f}"
                row["ten_of_mean"] = f"{(np.abs(np.expm1(_log_mean(off))) < NEAR).mean():.3f}"
        yield row


def _log_mean(logs: np.ndarray) -> np.ndarray:
    """log of the root of the mean square of exp(logs) over draws."""
    largest = logs.max(0)
    return largest + np.log(np.exp(2 * (logs - largest)).mean(0)) / 2


def _band(found: Forecast, ends: tuple[str, str], first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    low, high = (np.array([getattr(layer, end) for layer in found.layers[first:last]], float) for end in ends)
    return low, high


def _share(what: str, values: np.ndarray, low: np.ndarray, high: np.ndarray) -> dict[str, str]:
    has = np.isfinite(low)
    row = {f"{what}shown": f"{has.mean():.2f}"}
    if has.any():
        inside = ((values >= low) & (values <= high))[:, has].mean(1)
        row[f"{what}inside"] = f"{inside.mean():.4f}"
        row[f"{what}error"] = f"{inside.std() / np.sqrt(len(inside)):.4f}"
    return row
