"""How much of what was drawn lies where the forecast said."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from initlab.forecasting import Forecast

GROUPS = {"1": (0, 1), "2-5": (1, 5), "6-15": (5, 15), "16-30": (15, 30)}  # hidden layers, of as many as there are
COLUMNS = (
    "width", "depth", "init", "activation", "layers", "batch", "draws", "shown", "inside", "error", "sigma", "typical",
    "gradient_shown", "gradient_inside", "gradient_error", "gradient_sigma", "gradient_typical", "alike", "alike_said",
)  # fmt: skip


def cells(found: Forecast, std: np.ndarray, log_gradient: np.ndarray, alike: np.ndarray) -> Iterator[dict[str, str]]:
    """For each group of layers, as text:

    layers, draws.
    shown, gradient_shown: share of the layers for which the forecast has a band.
    inside, gradient_inside: share of those layers and draws within it; error: standard error, over draws, since the
        layers of one draw move together.
    sigma: std of the logarithm that the forecast has over that of the draws; typical: the forecast's over the draws'.
    alike, alike_said: of the last layer of the group, the median of the draws and the forecast's.
    """
    layers, depth = found.layers, len(found.layers) - 1
    back = log_gradient - log_gradient[:, depth - 1 : depth]
    for name, (first, end) in (GROUPS | {"output": (depth, depth + 1)}).items():
        end = min(end, depth if name != "output" else depth + 1)
        if first >= end:
            continue
        row = {"layers": name, "draws": str(len(std))}
        with np.errstate(divide="ignore", invalid="ignore"):
            row |= _share("", np.log(std[:, first:end]), *_band(found, ("low", "high"), first, end))
        last = min(end, depth - 1) if name != "output" else end  # the ratio of the last hidden layer to itself is 1
        if first < last:
            row |= _share("gradient_", back[:, first:last], *_band(found, ("grad_low", "grad_high"), first, last))
        row["alike"], row["alike_said"] = f"{np.median(alike[:, end - 1]):.3f}", f"{layers[end - 1].similarity:.3f}"
        yield row


def _band(found: Forecast, ends: tuple[str, str], first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    low, high = (np.log(np.array([getattr(x, end) for x in found.layers[first:last]], float)) for end in ends)
    return low, high


def _share(what: str, logs: np.ndarray, low: np.ndarray, high: np.ndarray) -> dict[str, str]:
    has = np.isfinite(low)
    row = {f"{what}shown": f"{has.mean():.2f}"}
    if has.any():
        inside = ((logs >= low) & (logs <= high))[:, has].mean(1)
        row[f"{what}inside"] = f"{inside.mean():.4f}"
        row[f"{what}error"] = f"{inside.std() / np.sqrt(len(inside)):.4f}"
        row[f"{what}sigma"] = f"{((high - low)[has] / 4 / logs[:, has].std(0)).mean():.3f}"
        row[f"{what}typical"] = f"{np.exp(((high + low)[has] / 2 - logs[:, has].mean(0)).mean()):.3f}"
    return row
