"""How fast is it, compared with doing the same by hand? Every figure is a ratio of runs that alternate in one process.

    python scripts/benchmark.py train      # an epoch of the MLP: plain tensor loops, ours, the usual Lightning way, and
                                           # of fastai, keras, scikit-learn and jax those that are installed
    python scripts/benchmark.py monitor    # a step of a six-layer MLP: watched by nothing, by ours, by others
    python scripts/benchmark.py data       # one pass over the images, ours and DataLoader's; reading the files
    python scripts/benchmark.py startup    # --help, --cfg job, tab, a wrong word; the imports that a run cannot avoid,
                                           # and from there to the first update
    python scripts/benchmark.py scaling    # a step against batch size, width, depth, threads; its arithmetic alone
    python scripts/benchmark.py precision  # validation accuracy in float32, TF32 and bf16 from the same seeds;
                                           # on the CPU TF32 is emulated, --accelerator gpu has it for real

Prints a table and writes outputs/benchmarks/<name>.json, scaling a picture too.
"""

from __future__ import annotations

import argparse
import logging
import math
import warnings
from pathlib import Path

from initlab.process.freed_memory import keep_freed_memory
from initlab.process.quick_imports import quick_imports

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["train", "monitor", "data", "startup", "scaling", "precision"])
    parser.add_argument("--rounds", type=int, default=7, help="how often each contender has its turn; precision: seeds")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads, of torch and of the others")
    parser.add_argument("--epochs", type=int, default=2, help="train, precision: epochs of a turn")
    parser.add_argument("--model", default="mlp", choices=["mlp", "softmax"], help="train, precision: of what")
    parser.add_argument("--ours", action="store_true", help="train: without the other frameworks")
    parser.add_argument("--seconds", type=float, default=1.5, help="scaling: of each point")
    parser.add_argument("--backward", default="autograd", choices=["autograd", "manual"], help="scaling: which")
    parser.add_argument("--steps", type=int, default=200, help="monitor: steps of a turn")
    parser.add_argument("--accelerator", default="cpu", choices=["cpu", "gpu"], help="train, monitor, precision")
    args = parser.parse_args()
    for name in ("rounds", "threads", "epochs", "steps"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} {getattr(args, name)}: must be a whole number of at least 1")
    if not 0 < args.seconds < math.inf:
        parser.error(f"--seconds {args.seconds}: must be a number above 0")
    target = ROOT / "outputs" / "benchmarks" / f"{args.name}.json"

    if args.name == "startup":
        from benchmarks import startup_time
        from benchmarks.table import report

        report(vars(args), startup_time.startup(args.rounds, args.threads), startup_time.BASE, "s", target)
    else:
        with quick_imports():  # as scripts/train.py
            import torch
            from benchmarks import data_pass, monitor_cost, precision, scaling, train_epoch
            from benchmarks.table import report

            import initlab.run  # noqa: F401

        keep_freed_memory()
        torch.set_num_threads(args.threads)
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        warnings.filterwarnings("ignore")  # Lightning about workers, loggers and its own dependencies
        if args.name == "train":
            others = not args.ours
            times = train_epoch.train(args.rounds, args.epochs, args.threads, args.model, others, args.accelerator)
            report(vars(args), times, train_epoch.BASE, "s an epoch", target)
        elif args.name == "data":
            report(vars(args), data_pass.data(args.rounds), data_pass.BASE, "s", target)
        elif args.name == "scaling":
            scaling.report(scaling.scaling((1, 2), args.seconds, args.backward), vars(args), target)
        elif args.name == "precision":
            outcomes = precision.precision(args.rounds, args.epochs, args.threads, args.model, args.accelerator)
            precision.report(outcomes, vars(args), target)
        else:
            times = monitor_cost.monitor(args.rounds, args.steps, args.accelerator)
            report(vars(args), times, monitor_cost.BASE, "s a step", target)
    print(target.relative_to(ROOT))


if __name__ == "__main__":
    main()
