"""How near does the forecast come to networks that are drawn? Every scheme with every activation, by width and depth.

    python scripts/forecast_accuracy.py                                   widths 64 and 256, depth 20: 3 minutes
    python scripts/forecast_accuracy.py --widths 1024 --depths 50 --draws 4

A row a cell: the share of layers' std within the two-sigma band, where a band is shown; the same of the gradient; and
the share of chains of ten layers whose gradient ratio is foretold within 10 %.
"""

from __future__ import annotations

import argparse

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--depths", type=int, nargs="+", default=[20])
    parser.add_argument("--draws", type=int, default=10)
    args = parser.parse_args()

    from initlab import init
    from initlab.rules import ACTIVATION_NAMES
    from initlab.theory import FASHION_MNIST, forecast
    from initlab.theory.measure import measure

    print(
        f"{'width':>5}{'depth':>6} {'activation':11}{'init':34}{'shown':>6}{'in band':>8}{'gradient':>9}{'chains':>7}"
    )
    shares = []
    for width in args.widths:
        for depth in args.depths:
            for activation in ACTIVATION_NAMES:
                schemes = [
                    init.Normal(), init.Uniform(bound=0.2), init.TruncatedNormal(sigma=0.1), init.Xavier(),
                    init.LeCun(), init.Kaiming(), init.Kaiming(gain=2**0.5), init.Orthogonal(),
                    init.Sparse(sparsity=0.9, sigma=0.1),
                    init.TorchDefault(), init.Critical(activation=activation), init.MuP(), init.LSUV(),
                ]  # fmt: skip
                for scheme in schemes:
                    widths = [784, *[width] * depth, 10]
                    layers = forecast(scheme, activation, widths).layers
                    real = measure(scheme, activation, widths, FASHION_MNIST, args.draws)
                    shown = np.array([layer.low is not None for layer in layers])
                    low, high = (np.array([getattr(x, end) or np.nan for x in layers]) for end in ("low", "high"))
                    inside = ((real.std >= low) & (real.std <= high))[:, shown].mean()
                    back_low, back_high = (
                        np.array([getattr(x, end) or np.nan for x in layers])[:depth]
                        for end in ("grad_low", "grad_high")
                    )
                    back = real.backward[:, :depth]
                    with_band = np.isfinite(back_low)
                    back_inside = ((back >= back_low) & (back <= back_high))[:, with_band].mean() if depth > 1 else 1.0
                    error = np.log(back) - np.log([layer.grad for layer in layers[:depth]])
                    ten = np.abs(np.exp(error[:, :-10] - error[:, 10:]) - 1) < 0.1
                    shares.append((inside, back_inside, ten.mean()))
                    print(
                        f"{width:5}{depth:6} {activation:11}{scheme!s:34.33}{shown.mean():6.0%}{inside:8.1%}"
                        f"{back_inside:9.1%}{ten.mean():7.0%}",
                        flush=True,
                    )
    inside, back, ten = np.array(shares).T
    print(
        f"{len(shares)} cells: at least 93 % in the band in {(inside >= 0.93).sum()}, worst {inside.min():.1%};",
        end=" ",
    )
    print(f"gradient's band {np.nanmean(back):.1%}, worst {np.nanmin(back):.1%}; chains of ten {np.nanmean(ten):.0%}")


if __name__ == "__main__":
    main()
