"""The normal density, and drawn weights

d2l 3.1.3: the density by its formula, for (mean, std) = (0, 1), (0, 2) and (3, 1), on x in [-7, 7). And the weights
that an initialisation draws: do they follow the density that the scheme promises?
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from foundation_pages.sheet import Sheet
from initlab import init
from initlab.nn import ACTIVATIONS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

READING = """
A change of the mean moves the bell, a larger std makes it wider and lower; the area stays 1.

Below, bars are the weights of one drawn layer and lines the density that the scheme promises; the schemes differ in the
shape, normal, uniform or cut off, and above all in the std, which is the number that decides whether a signal survives
many layers. The table holds the drawn std against the promised one in standard errors, and the largest gap D between
the share of weights below a number and what the distribution says, times sqrt(n): Kolmogorov and Smirnov's
statistic, which chance alone puts above 1.95 once in a thousand draws.
"""
SETTINGS = ((0.0, 1.0), (0.0, 2.0), (3.0, 1.0))  # (mean, std)
ONE_IN_A_THOUSAND = 1.95  # of the Kolmogorov distribution
BINS = 60


def normal(x: Tensor, mean: float, std: float) -> Tensor:
    """exp(-(x - mean)^2 / (2 std^2)) / sqrt(2 pi std^2)."""
    return torch.exp(-((x - mean) ** 2) / (2 * std**2)) / math.sqrt(2 * math.pi * std**2)


def normal_below(x: Tensor, std: float) -> Tensor:
    """P(w <= x) of N(0, std^2)."""
    return (1 + torch.erf(x / (std * math.sqrt(2)))) / 2


def uniform(x: Tensor, std: float) -> Tensor:
    """Of U(-a, a), a = sqrt(3) std."""
    bound = math.sqrt(3) * std
    return (x.abs() <= bound) / (2 * bound)


def uniform_below(x: Tensor, std: float) -> Tensor:
    bound = math.sqrt(3) * std
    return ((x + bound) / (2 * bound)).clamp(0, 1)


SHARE_WITHIN = math.erf(math.sqrt(2))  # P(|z| <= 2)


def cut_normal(x: Tensor, sigma: float) -> Tensor:
    """Of N(0, sigma^2) given |w| <= 2 sigma."""
    return normal(x, 0, sigma) * (x.abs() <= 2 * sigma) / SHARE_WITHIN


def cut_normal_below(x: Tensor, sigma: float) -> Tensor:
    return ((normal_below(x, sigma) - (1 - SHARE_WITHIN) / 2) / SHARE_WITHIN).clamp(0, 1)


def schemes() -> dict[str, tuple[init.Scheme, str]]:
    """By name as in init=...: a scheme, and the shape of what it draws."""
    return {
        "normal": (init.Normal(), "normal"),
        "lecun": (init.LeCun(), "normal"),
        "xavier": (init.Xavier(), "normal"),
        "kaiming": (init.Kaiming(), "normal"),
        "xavier_uniform": (init.Xavier(distribution="uniform"), "uniform"),
        "kaiming_uniform": (init.Kaiming(distribution="uniform"), "uniform"),
        "torch_default": (init.TorchDefault(), "uniform"),
        "truncated_normal": (init.TruncatedNormal(sigma=0.05), "cut"),
    }


def promised(scheme: init.Scheme, shape: str, std: float, x: Tensor) -> tuple[Tensor, Tensor]:
    """The density at x, and the share below x."""
    if shape == "cut":
        assert isinstance(scheme, init.TruncatedNormal)
        return cut_normal(x, scheme.sigma), cut_normal_below(x, scheme.sigma)
    if shape == "uniform":
        return uniform(x, std), uniform_below(x, std)
    return normal(x, 0, std), normal_below(x, std)


def largest_gap(below: Tensor) -> float:
    """sqrt(n) D of n sorted draws, given P(w <= x) at each: the empirical share jumps from i/n to (i + 1)/n there."""
    n = len(below)
    steps = torch.arange(n + 1, dtype=torch.float64) / n
    return math.sqrt(n) * float(torch.maximum((below - steps[:-1]).max(), (steps[1:] - below).max()))


def page(sheet: Sheet) -> None:
    x = torch.arange(-7, 7, 0.01, dtype=torch.float64)
    curves, rows = [], []
    for mean, std in SETTINGS:
        density = normal(x, mean, std)
        torchs = torch.distributions.Normal(x.new_tensor(mean), x.new_tensor(std)).log_prob(x).exp()
        off = sheet.close(
            f"the density of mean {mean:g}, std {std:g}, against torch.distributions", density, torchs, 1e-15
        )
        area = float(torch.trapezoid(density, x))
        inside = normal_below(x[-1:] - mean, std).item() - normal_below(x[:1] - mean, std).item()
        # the trapezoid rule with steps of h is off by h^2 (f'(b) - f'(a)) / 12, here below 1e-7
        sheet.check(f"mean {mean:g}, std {std:g}: the area is the share of [-7, 7)", abs(area - inside) < 1e-7)
        peak = x[density.argmax()].item()
        rows.append([f"{mean:g}", f"{std:g}", f"{density.max():.4f} at {peak:.2f}", f"{area:.6f}", f"{off:.1e}"])
        curves.append({"mean": mean, "std": std, "density": density[::5].tolist()})
    sheet.table("Normal densities on [-7, 7)", ["mean", "std", "highest", "area", "off torch.distributions"], rows)
    drawn = weights(sheet)
    sheet.figures |= {"x": x[::5].tolist(), "densities": curves, "weights": drawn}


def weights(sheet: Sheet) -> dict[str, Any]:
    """Draws a layer by each scheme, and holds it against what the scheme promises."""
    fan_out, fan_in = (64, 80) if sheet.fast else (256, 784)
    gain = ACTIVATIONS["relu"].gain
    found, rows = {}, []
    for seed, (name, (scheme, shape)) in enumerate(schemes().items()):
        weight = torch.empty(fan_out, fan_in)
        scheme.weight_(weight, gain, torch.Generator().manual_seed(seed))
        std = scheme.weight_std(fan_in, fan_out, gain)
        values = weight.flatten().double().sort().values
        n = len(values)
        error = std * math.sqrt((scheme.excess_kurtosis(fan_in, fan_out) + 2) / (4 * n))  # of a sample's std
        real = values.std(correction=0).item()
        away = (real - std) / error
        gap = largest_gap(promised(scheme, shape, std, values)[1])
        sheet.check(f"init={name}: the drawn std within five standard errors of the promised", abs(away) < 5)
        sheet.check(f"init={name}: the drawn weights follow their distribution", gap < ONE_IN_A_THOUSAND)
        rows.append([name, str(scheme), f"{std:.5f}", f"{real:.5f}", f"{away:+.1f}", f"{gap:.2f}"])
        reach = max(values[-1].item(), -values[0].item())
        counts = torch.histc(values, BINS, -reach, reach) * BINS / (2 * reach * n)
        at = torch.linspace(-reach, reach, 241, dtype=torch.float64)
        found[name] = {"reach": reach, "std": std, "bars": counts.tolist(), "at": at.tolist(),
                       "density": promised(scheme, shape, std, at)[0].tolist()}  # fmt: skip
    columns = ["init<", "scheme<", "std promised", "drawn", "standard errors", "sqrt(n) D"]
    sheet.table(f"The weight of a dense layer [{fan_out}, {fan_in}] for ReLU", columns, rows)
    return found


def picture(figures: dict[str, Any]) -> Figure:
    import numpy as np

    from initlab.plots.style import BLUE, GREEN, INK, ORANGE, SKY, heading, new_figure, plain

    figure = new_figure(9.6, 7.8)
    halves: Any = figure.subfigures(2, 1, height_ratios=[1, 1.6], hspace=0.04)
    top, bottom = halves
    ax = plain(top.add_subplot())
    styles = ((BLUE, "-"), (ORANGE, (0, (4, 1.5))), (GREEN, (0, (1.2, 1))))
    for curve, (colour, style) in zip(figures["densities"], styles, strict=True):
        label = f"mean {curve['mean']:g}, std {curve['std']:g}"
        ax.plot(figures["x"], curve["density"], color=colour, linestyle=style, linewidth=2.2, label=label)
    ax.legend(loc="upper left", frameon=False, fontsize=10, labelcolor=INK)
    ax.set_xlim(-7, 7)
    ax.set_ylim(0, None)
    heading(ax, "The normal density: the mean moves it, the std widens it", "by its formula, on [-7, 7)")
    widest = max(curve["reach"] for curve in figures["weights"].values())
    panels = bottom.subplots(2, 4).flat
    title = "Drawn weights follow the density that their scheme promises"
    bottom.suptitle(title, x=0.005, ha="left", fontsize=11.5, weight="bold", color=INK)
    for (name, drawn), ax in zip(figures["weights"].items(), map(plain, panels), strict=True):
        edges = np.linspace(-drawn["reach"], drawn["reach"], len(drawn["bars"]) + 1)
        ax.stairs(drawn["bars"], edges, fill=True, color=SKY, alpha=0.6, linewidth=0)
        ax.plot(drawn["at"], drawn["density"], color=INK, linewidth=1.3)
        ax.set_xlim(-widest, widest)
        ax.set_ylim(0, None)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.set_title(f"{name}", loc="left", fontsize=10.5, weight="bold", color=INK)
        ax.text(
            0.99, 0.95, f"std {drawn['std']:.3f}", transform=ax.transAxes, ha="right", va="top", fontsize=9.5, color=INK
        )
    return figure
