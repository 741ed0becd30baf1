"""Does the forecast of any network come true? Trains small networks for real and holds the rule against them.

    python scripts/network_evidence.py run       # about two hours on one thread; continues where it was stopped
    python scripts/network_evidence.py measure   # a minute: docs/data/network_pulls.csv, the rule's two numbers
    python scripts/network_evidence.py table     # accuracy held out by family, from docs/data/network_evidence.csv

11 families (evidence/networks.py) x 8 initialisations x 3 depths x 2 optimisers x 2 seeds: 200 steps of 64 images of
14 x 14, 20,000 of Fashion-MNIST. A network "trains" if it classifies half of 2,000 held-out images right (chance: a
tenth) with the best of three learning rates: the middle one first, the others only where that does not do.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from pathlib import Path
from typing import Any

CSV = Path(__file__).parents[1] / "docs" / "data" / "network_evidence.csv"
PULLS = CSV.with_name("network_pulls.csv")
CASE = ("family", "init", "depth", "optimizer", "seed")
COLUMNS = (*CASE, "lr", "acc", "loss")
LRS = {"sgd": (0.02, 0.2, 0.002), "adam": (0.002, 0.01, 0.0004)}  # the middle one first
MOMENTUM, SEEDS, STEPS, BATCH, TRAIN, HELD_OUT = 0.9, 2, 200, 64, 20_000, 2_000
ENOUGH = 0.5  # held-out accuracy
ROWS, DRAWS = 128, 4  # of a measurement


def images() -> tuple[Any, Any]:
    """X [22000, 1, 14, 14], each number the mean of four pixels; y."""
    import torch

    from initlab.data.fashion_mnist.sources import load_fashion_mnist

    arrays = load_fashion_mnist("data")
    X = torch.tensor(arrays.train_images[: TRAIN + HELD_OUT]).float().unsqueeze(1)
    y = torch.tensor(arrays.train_labels[: TRAIN + HELD_OUT], dtype=torch.int64)
    return torch.nn.functional.avg_pool2d((X / 255 - 0.2860) / 0.3530, 2), y


def train(net: Any, optimizer: str, lr: float, X: Any, y: Any) -> tuple[float, float]:
    """Held-out accuracy, mean loss of the last ten steps; a run whose loss is not finite ends there."""
    import torch
    from torch.nn.functional import cross_entropy

    from initlab.seeds import generator

    params = list(net.parameters())
    step_of: Any = torch.optim.Adam(params, lr) if optimizer == "adam" else torch.optim.SGD(params, lr, MOMENTUM)
    order = torch.randperm(TRAIN, generator=generator("order", 0)).split(BATCH)
    losses = []
    net.train()
    for step in range(STEPS):
        rows = order[step % (TRAIN // BATCH)]
        loss = cross_entropy(net(X[rows]), y[rows])
        step_of.zero_grad()
        loss.backward()
        step_of.step()
        losses.append(float(loss.detach()))
        if not losses[-1] < 1e6:
            return 0.1, losses[-1]
    net.eval()
    with torch.no_grad():
        outputs = torch.cat([net(part) for part in X[TRAIN:].split(500)])
    return float((outputs.argmax(1) == y[TRAIN:]).float().mean()), sum(losses[-10:]) / 10


def run(csv: Path, part: int, parts: int) -> None:
    import torch
    from evidence.networks import FAMILIES, INITS, drawn

    from initlab.runs.rows import RowWriter

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    X, y = images()
    tried: dict[tuple[str, ...], dict[str, float]] = {}
    if csv.exists():
        for line in csv.read_text().splitlines()[1:]:
            *which, rate, acc, _ = line.split(",")
            tried.setdefault(tuple(which), {})[rate] = float(acc)
    rows = RowWriter(csv, COLUMNS)
    cases = [
        (family, init, depth, optimizer, seed)
        for i in range(3)
        for seed, optimizer, init, family in itertools.product(range(SEEDS), LRS, INITS, FAMILIES)
        for depth in [FAMILIES[family][1][i]]
    ]
    for case in cases[part::parts]:
        family, init, depth, optimizer, seed = case
        done = tried.get(tuple(map(str, case)), {})
        for lr in LRS[optimizer]:
            if max(done.values(), default=0) >= ENOUGH:
                break
            if str(lr) in done:
                continue
            began = time.perf_counter()
            right, loss = train(drawn(family, depth, init, seed), optimizer, lr, X, y)
            done[str(lr)] = right
            rows.write([dict(zip(COLUMNS, (*case, lr, f"{right:.4f}", f"{loss:.4g}"), strict=True))])
            print(*case, lr, f"{right:.3f}", f"{time.perf_counter() - began:.1f} s", flush=True)


def measured(family: str, depth: int, init: str, X: Any, y: Any) -> tuple[float, float]:
    """The rule's two numbers of such a network, before it trains."""
    from evidence.networks import drawn, redraw

    from initlab.forecasting.measured.rule import features_of
    from initlab.measurement import measure_module

    again: Any = None if init == "torch_default" else lambda net: redraw(net, init)
    found = measure_module(drawn(family, depth, init, 0), (X[:ROWS], y[:ROWS]), draws=DRAWS, redraw=again)
    features = features_of(found)
    return features.pull, features.amplified


def measure() -> None:
    import torch
    from evidence.networks import FAMILIES, INITS

    torch.set_num_threads(1)
    X, y = images()
    lines = ["family,depth,init,pull,amplified"]
    for family, (_, depths) in FAMILIES.items():
        for depth, init in itertools.product(depths, INITS):
            pull, amplified = measured(family, depth, init, X, y)
            lines.append(f"{family},{depth},{init},{pull:.4f},{amplified:.4f}")
        print(family, flush=True)
    PULLS.write_text("\n".join(lines) + "\n")


def cells(csv: Path) -> list[Any]:
    from evidence.network_fit import Cell, best_accuracies

    numbers = {}
    for line in PULLS.read_text().splitlines()[1:]:
        family, depth, init, pull, amplified = line.split(",")
        numbers[family, init, int(depth)] = float(pull), float(amplified)
    return [Cell(*key, acc, *numbers[key[:3]]) for key, acc in best_accuracies(csv).items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "measure", "table"))
    parser.add_argument("--csv", type=Path, default=CSV)
    parser.add_argument(
        "--part", type=int, nargs=2, default=(0, 1), metavar=("K", "N"), help="every Nth case from K on"
    )
    args = parser.parse_args()
    if args.what == "measure":
        measure()
    elif args.what == "run":
        run(args.csv, *args.part)
    else:
        from evidence.network_fit import report

        report(cells(args.csv))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
