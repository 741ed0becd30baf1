"""Seconds of whole processes, and of runs up to their first update."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table import quartiles
from benchmarks.turns import Times, Turn, alternate

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "scripts/train.py"
BASE = "import torch, lightning"
TYPED = f"python {SCRIPT} model="  # when tab is pressed
FIRST_UPDATE = "train.py to its first update"


def startup(rounds: int, threads: int) -> Times:
    """By contender; prints what a run takes to its first update more than the imports to their end. All read compiled
    bytecode, as every start after the first one does: the turn that does not count compiles it, whatever
    PYTHONDONTWRITEBYTECODE says."""
    with tempfile.TemporaryDirectory() as folder:
        run = f"hydra.run.dir={folder}/${{now:%H-%M-%S-%f}}"
        contenders = {
            BASE: imports(folder),
            **answers(folder),
            "train.py experiment=d2l_linear": process(folder, SCRIPT, "experiment=d2l_linear", run),
            FIRST_UPDATE: first_update(folder, threads, fresh=False),
            f"{FIRST_UPDATE}, an empty cache": first_update(folder, threads, fresh=True),
        }
        times = alternate(contenders, rounds, BASE)
    for name in list(contenders)[-2:]:
        low, middle, high = quartiles([a - b for a, b in zip(times.seconds[name], times.seconds[BASE], strict=True)])
        print(f"{name}: {middle:.2f} s over the imports, quartiles {low:.2f} .. {high:.2f}")
    return times


def answers(folder: str) -> dict[str, Turn]:
    """What is answered without torch."""
    tab = process(folder, SCRIPT, "-sc", "query=bash", says="model=mlp", COMP_LINE=TYPED, COMP_POINT=str(len(TYPED)))
    return {
        "train.py --help": process(folder, SCRIPT, "--help", says="--hydra-help"),
        "train.py --cfg job": process(folder, SCRIPT, "--cfg", "job", says="lr: 0.1"),
        "train.py model=<tab>": tab,
        "train.py init=kaimng": process(folder, SCRIPT, "init=kaimng", status=2, says="did you mean kaiming?"),
        "train.py lr=fast": process(folder, SCRIPT, "lr=fast", status=2, says="lr=fast: must be a number"),
    }


def process(folder: str, *words: str, status: int = 0, says: str = "", **variables: str) -> Turn:
    """Python with these words; its bytecode is kept in `folder` where PYTHONDONTWRITEBYTECODE forbids the usual place.

    The turn raises RuntimeError where the process ends with another status or says something else: a crash is fast.
    """

    def run() -> float:
        environment = os.environ | variables
        if environment.pop("PYTHONDONTWRITEBYTECODE", None):
            environment["PYTHONPYCACHEPREFIX"] = f"{folder}/bytecode"
        start = time.perf_counter()
        ended = subprocess.run(
            [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, env=environment, check=False
        )
        seconds = time.perf_counter() - start
        said = ended.stdout + ended.stderr
        if ended.returncode != status or says not in said:
            raise RuntimeError(f"{' '.join(words)}: status {ended.returncode}, expected {status} and {says!r}:\n{said}")
        return seconds

    return run


def imports(folder: str) -> Turn:
    """Seconds from the start of the process to the end of the imports; what Python takes to end is left out."""

    def run() -> float:
        path = Path(folder, "imported")
        code = f"{BASE}, time, pathlib; pathlib.Path({str(path)!r}).write_text(str(time.time()))"
        start = time.time()
        process(folder, "-c", code)()
        return float(path.read_text()) - start

    return run


def first_update(folder: str, threads: int, fresh: bool, *words: str) -> Turn:
    """Seconds from the start of the default run to the end of its first update.

    `fresh`: the user's cache is empty. The files of images are unpacked, matplotlib lists its fonts; the files are on
    this machine, in data/ or the system's package, or are fetched too.
    """

    def run() -> float:
        root = tempfile.mkdtemp(dir=folder)
        clock = f"{{_target_:benchmarks.stopwatch.Stopwatch,file:{root}/seconds,first_update:true}}"
        start = time.time()
        process(
            folder, SCRIPT, *words, f"+callbacks.clock={clock}", f"threads={threads}", f"hydra.run.dir={root}/run",
            XDG_CACHE_HOME=f"{root if fresh else folder}/cache", PYTHONPATH=os.pathsep.join(_paths()),
        )()  # fmt: skip
        return float(Path(root, "seconds").read_text().split()[0]) - start

    return run


def _paths() -> list[str]:
    """Where `benchmarks` lies, and what was given."""
    return [str(ROOT / "scripts"), *filter(None, [os.environ.get("PYTHONPATH")])]
