"""Are the book's figures met? Trains the d2l experiments over seeds and prints mean +- std beside what is published.

    python scripts/published.py               5 seeds, 60 for linear regression: about 3 minutes on two cores
    python scripts/published.py d2l_softmax --seeds 2

The book sets no seed and shows one run of each (its PyTorch notebooks of 2023-08-18, read off the plots); the figures
of linear regression are derived: (1 - lr)^96 of the truth is left, (1 - 2 lr)^96 without the half in the loss.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile

BOOK: dict[str, dict[str, str]] = {
    "d2l_linear": {
        "error/w0": "0.107 derived; 0.141",
        "error/w1": "-0.183 derived; -0.149",
        "error/b": "0.226 derived; 0.213",
    },
    "d2l_linear_torch": {
        "error/w0": "0.0053 derived; 0.0094",
        "error/w1": "-0.0089 derived; -0.0030",
        "error/b": "0.0111 derived; 0.0137",
    },
    "d2l_softmax": {"val/acc": ".830", "val/loss": ".481", "train/loss": ".445"},
    "d2l_softmax_torch": {"val/acc": ".835", "val/loss": ".479", "train/loss": ".447"},
    "d2l_mlp": {"val/acc": ".833", "val/loss": ".449", "train/loss": ".382"},
    "d2l_mlp_torch": {"val/acc": ".845", "val/loss": ".431", "train/loss": ".372"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", nargs="*", metavar="experiment", help=f"of {', '.join(BOOK)}; default: all")
    parser.add_argument("--seeds", type=int, help="how many; default 5, and 60 for linear regression")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch")
    args = parser.parse_args()
    for name in args.experiments:
        if name not in BOOK:
            parser.error(f"{name}: no such experiment ({', '.join(BOOK)})")

    from initlab.config import compose
    from initlab.train import train

    print(f"{'experiment':18}{'figure':11}{'seeds':>5}  {'mean +- std':>18}   published")
    for name in args.experiments or BOOK:
        seeds = args.seeds or (60 if "linear" in name else 5)
        runs = []
        for seed in range(seeds):
            with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere:
                overrides = [f"experiment={name}", f"seed={seed}", f"threads={args.threads}", "logger=none"]
                with contextlib.redirect_stdout(nowhere):
                    runs.append(train(compose(*overrides, "callbacks=none", run_dir=f"{folder}/run")).metrics)
            print(f"{name}: {seed + 1} of {seeds} runs", end="\r", file=sys.stderr)
        for figure, published in BOOK[name].items():
            values = [run[figure] for run in runs]
            spread = statistics.stdev(values) if seeds > 1 else float("nan")
            mean = statistics.mean(values)
            print(f"{name:18}{figure:11}{seeds:>5}  {mean:>8.4f} +- {spread:.4f}   {published}")


if __name__ == "__main__":
    main()
