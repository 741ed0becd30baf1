"""Seconds of whole processes: --help, a wrong word, and the imports that a run cannot avoid."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.turns import Times, alternate

ROOT = Path(__file__).resolve().parents[2]
BASE = "import torch, lightning"


def startup(rounds: int) -> Times:
    """Seconds of whole processes."""

    def process(*words: str) -> Callable[[], float]:
        def run() -> float:
            start = time.perf_counter()
            subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, check=False)
            return time.perf_counter() - start

        return run

    contenders = {
        BASE: process("-c", "import torch, lightning"),
        "train.py --help": process("scripts/train.py", "--help"),
        "train.py init=kaimng": process("scripts/train.py", "init=kaimng"),
        "train.py experiment=d2l_linear": process("scripts/train.py", "experiment=d2l_linear"),
    }
    return alternate(contenders, rounds, BASE)
