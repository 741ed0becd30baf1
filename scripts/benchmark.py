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
    python scripts/benchmark.py jobs       # a job of a sweep, beyond its arithmetic; memory over --jobs 200 of them
    python scripts/benchmark.py population # sweeps of --models 32 networks: one by one, as one stack, by joblib
    python scripts/benchmark.py csv        # 100,000 rows of 21 columns to tensors; pandas.read_csv alone
    python scripts/benchmark.py many       # table and page of a sweep of --runs 10000 folders, made, not trained
    python scripts/benchmark.py resume     # not a time: a run killed and resumed on this device, is it the same bits?
    python scripts/benchmark.py gpu        # all that needs a GPU, in --minutes 8; --accelerator cpu rehearses it

Prints a table and writes <name>.json in --out, scaling a picture too; gpu writes gpu.md.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import warnings
from pathlib import Path

from initlab.process.freed_memory import keep_freed_memory
from initlab.process.quick_imports import quick_imports

ROOT = Path(__file__).resolve().parents[1]
NAMES = [
    "train",
    "monitor",
    "data",
    "startup",
    "scaling",
    "precision",
    "jobs",
    "population",
    "csv",
    "many",
    "resume",
    "gpu",
]
OUT = os.environ.get("BENCHMARK_OUT") or str(ROOT / "outputs" / "benchmarks")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--rounds", type=int, default=7, help="how often each contender has its turn; precision: seeds")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads, of torch and of the others")
    parser.add_argument("--epochs", type=int, default=2, help="train, precision: epochs of a turn")
    parser.add_argument("--model", default="mlp", choices=["mlp", "softmax"], help="train, precision: of what")
    parser.add_argument("--ours", action="store_true", help="train: without the other frameworks")
    parser.add_argument("--seconds", type=float, default=1.5, help="scaling: of each point")
    parser.add_argument("--backward", default="autograd", choices=["autograd", "manual"], help="scaling: which")
    parser.add_argument("--steps", type=int, default=200, help="monitor: steps of a turn")
    parser.add_argument("--jobs", type=int, default=200, help="jobs: in the sweep whose memory is measured")
    parser.add_argument("--runs", type=int, default=10_000, help="many: folders that are made")
    parser.add_argument("--models", type=int, default=32, help="population: networks of a sweep")
    parser.add_argument("--case", default="", help="population: the cases whose name has this in it")
    parser.add_argument("--minutes", type=float, default=8, help="gpu: of all together")
    parser.add_argument("--accelerator", choices=["cpu", "gpu"], help="cpu unless set, but of gpu; not of all")
    parser.add_argument("--out", default=OUT, help="folder of what is written")
    args = parser.parse_args()
    for name in ("rounds", "threads", "epochs", "steps", "jobs", "runs"):
        if getattr(args, name) < (least := {"jobs": 2, "runs": 8}.get(name, 1)):
            parser.error(f"--{name} {getattr(args, name)}: must be a whole number of at least {least}")
    for name in ("seconds", "minutes"):
        if not 0 < getattr(args, name) < math.inf:
            parser.error(f"--{name} {getattr(args, name)}: must be a number above 0")
    args.accelerator = args.accelerator or ("gpu" if args.name == "gpu" else "cpu")
    target = Path(args.out) / f"{args.name}.json"

    if args.name == "gpu":
        from benchmarks import gpu

        gpu.gpu(60 * args.minutes, args.accelerator, target.with_suffix(".md"))
        return
    if args.name == "resume":
        from benchmarks.resumed_run import resumed_run

        print(resumed_run(args.accelerator, args.threads))
        return
    if args.name == "many":
        from benchmarks.many_runs import report_of_many

        print(report_of_many(args.runs))
        return
    if args.name == "startup":
        from benchmarks import startup_time
        from benchmarks.table import report

        report(vars(args), startup_time.startup(args.rounds, args.threads), startup_time.BASE, "s", target)
    else:
        with quick_imports():  # as scripts/train.py
            import torch
            from benchmarks import csv_file, data_pass, jobs, monitor_cost, precision, scaling, train_epoch
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
        elif args.name == "jobs":
            times = jobs.jobs(args.rounds, args.threads, args.accelerator, args.jobs)
            report(vars(args), times, jobs.ALONE, "s", target)
        elif args.name == "population":
            from benchmarks import population

            times = population.population(args.rounds, args.models, args.epochs, args.threads, args.case)
            report(vars(args), times, population.ALONE, "CPU s a job", target)
        elif args.name == "csv":
            report(vars(args), csv_file.csv_file(args.rounds), csv_file.ALONE, "s", target)
        elif args.name == "scaling":
            scaling.report(scaling.scaling((1, 2), args.seconds, args.backward), vars(args), target)
        elif args.name == "precision":
            outcomes = precision.precision(args.rounds, args.epochs, args.threads, args.model, args.accelerator)
            precision.report(outcomes, vars(args), target)
        else:
            times = monitor_cost.monitor(args.rounds, args.steps, args.accelerator)
            report(vars(args), times, monitor_cost.BASE, "s a step", target)
    print(os.path.relpath(target))


if __name__ == "__main__":
    main()
