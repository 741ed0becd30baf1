"""Does the forecast come true? Trains networks for real and holds the rule against them.

    python scripts/forecast_evidence.py run       # about an hour on one thread; continues where it was stopped
    python scripts/forecast_evidence.py table     # AUC and held-out accuracy, from docs/data/forecast_evidence*.csv

8 initialisations x 5 activations x 5 depths x 2 optimisers x 2 seeds x 3 learning rates, width 128, batches of 64 from
20,000 Fashion-MNIST images, 200 steps. A network "trains" if it classifies half of 2,000 held-out images right (chance:
a tenth). Networks of one shape are trained as one stack (evidence/population.py says why that is fair);
`experiment=forecast_evidence` is the same run by scripts/train.py, one network at a time. The other two records:

    python scripts/forecast_evidence.py run --width 32 --csv docs/data/forecast_evidence_width_32.csv
    python scripts/forecast_evidence.py run --momentum 0 --seeds 1 --csv docs/data/forecast_evidence_no_momentum.csv
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs" / "data"
CSV = DOCS / "forecast_evidence.csv"
COLUMNS = ("init", "activation", "depth", "optimizer", "lr", "seed", "acc", "loss")
ACTIVATIONS = ("relu", "tanh", "sigmoid", "gelu", "silu")
DEPTHS = (2, 5, 10, 20, 40)
LRS = {"sgd": (0.1, 0.01, 0.001), "adam": (0.003, 0.001, 0.0003)}
MOMENTUM, PLAIN_LRS = 0.9, (1.0, 0.1, 0.01)  # of SGD; without momentum ten times the rate is as fast
SEEDS, WIDTH, STEPS, TRAIN, HELD_OUT = 2, 128, 200, 20_000, 2_000
RECORDS = (
    (CSV, WIDTH, MOMENTUM),
    (DOCS / "forecast_evidence_width_32.csv", 32, MOMENTUM),
    (DOCS / "forecast_evidence_no_momentum.csv", WIDTH, 0.0),
)


def schemes() -> dict[str, Any]:
    from initlab import init

    return {
        "kaiming": init.Kaiming(), "xavier": init.Xavier(), "normal_0.01": init.Normal(sigma=0.01),
        "normal_0.1": init.Normal(sigma=0.1), "normal_0.3": init.Normal(sigma=0.3), "orthogonal": init.Orthogonal(),
        "lsuv": init.LSUV(), "torch_default": init.TorchDefault(),
    }  # fmt: skip


def run(csv: Path, only: list[str], steps: int, width: int, momentum: float, seeds: int) -> None:
    import torch
    from evidence.population import train_population

    from initlab.data.fashion_mnist.sources import load_fashion_mnist
    from initlab.nn import SGD
    from initlab.runs.rows import RowWriter

    torch.set_num_threads(1)
    arrays = load_fashion_mnist("data")
    images = torch.tensor(arrays.train_images[: TRAIN + HELD_OUT]).flatten(1)
    X = (images.float() / 255 - 0.2860) / 0.3530
    y = torch.tensor(arrays.train_labels[: TRAIN + HELD_OUT], dtype=torch.int64)
    data, held_out = (X[:TRAIN], y[:TRAIN]), (X[TRAIN:], y[TRAIN:])
    makers: dict[str, Callable[..., torch.optim.Optimizer]] = {
        "sgd": partial(SGD, momentum=momentum), "adam": torch.optim.Adam,
    }  # fmt: skip
    done = {tuple(line.split(",")[:6]) for line in csv.read_text().splitlines()[1:]} if csv.exists() else set()
    rows = RowWriter(csv, COLUMNS)
    for depth, optimizer, activation in itertools.product(DEPTHS, LRS, ACTIVATIONS):
        if optimizer == "adam" and momentum != MOMENTUM:
            continue
        for lr in LRS[optimizer] if momentum == MOMENTUM else PLAIN_LRS:
            unit = (activation, str(depth), optimizer, str(lr))
            members = [
                ((name, scheme), seed)
                for (name, scheme), seed in itertools.product(schemes().items(), range(seeds))
                if (name, *unit, str(seed)) not in done
            ]
            if not members or (only and not set(only) & set(unit)):
                continue
            began = time.perf_counter()
            acc, loss = train_population(
                [(scheme, seed) for (_, scheme), seed in members], activation, [784, *[width] * depth, 10],
                data, held_out, partial(makers[optimizer], lr=lr), steps,
            )  # fmt: skip
            found = zip(members, acc.tolist(), loss.tolist(), strict=True)
            rows.write(
                dict(zip(COLUMNS, (name, *unit, seed, f"{a:.4f}", f"{lo:.4f}"), strict=True))
                for ((name, _), seed), a, lo in found
            )
            print(*unit, f"{time.perf_counter() - began:.1f} s", flush=True)


def read() -> tuple[dict[Path, list[Any]], list[Any]]:
    """Cells by record, the best of the learning rates; cases of all records, each learning rate by itself."""
    from evidence import fit, rates

    from initlab.forecasting import Forecast, forecast

    drawn = schemes()
    found: dict[tuple[object, ...], Forecast] = {}

    def forecast_of(init: str, phi: str, depth: int, kind: str, width: int) -> Forecast:
        key = (init, phi, depth, kind, width)
        if key not in found:
            found[key] = forecast(drawn[init], phi, [784, *[width] * depth, 10], kind=kind)
        return found[key]

    cells, cases = {}, []
    for path, width, momentum in RECORDS:
        cells[path] = fit.read_cells(path, partial(forecast_of, width=width))
        cases += rates.read_cases(path, width, momentum, partial(forecast_of, width=width))
    return cells, cases


def show() -> None:
    from evidence import fit, rates

    from initlab.limits import GAINED, LOST

    by_record, cases = read()
    for path, cells in by_record.items():
        print(f"{path.name}: the best of the learning rates")
        fit.report(cells, {kind: (LOST[kind], GAINED[kind]) for kind in LOST})
    print("each learning rate by itself, of all records")
    rates.report(cases)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--csv", type=Path, default=CSV)
    parser.add_argument("--only", nargs="*", default=[], help="activations, depths, optimisers")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--momentum", type=float, choices=(MOMENTUM, 0.0), default=MOMENTUM)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    args = parser.parse_args()
    if args.what == "run":
        run(args.csv, args.only, args.steps, args.width, args.momentum, args.seeds)
    else:
        show()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
