"""All that needs a GPU, in one command: each item a process of its own with a time limit, one table at the end."""

from __future__ import annotations

import datetime
import json
import math
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORTH_A_START = 10  # seconds that are left of all
LOOK = 0.05  # seconds from look to look whether an item has ended
REHEARSAL = " --rounds 1 --epochs 1 --steps 20 --jobs 3"


@dataclass(frozen=True)
class Item:
    name: str
    words: tuple[str, ...]  # of the command, after `python`
    limit: float  # seconds
    needs_gpu: bool = False


def everything(accelerator: str) -> list[Item]:
    """In the order of worth; a rehearsal does as little as it can."""
    last = f"--accelerator {accelerator}" + ("" if accelerator == "gpu" else REHEARSAL)

    def benchmark(name: str, limit: float, words: str) -> Item:
        return Item(name, ("scripts/benchmark.py", *words.split(), *last.split()), limit)

    tests = ("-m", "pytest", "-m", "gpu", "-n", "0", "-p", "no:cacheprovider")
    return [
        Item("tests that need a GPU", tests, 90, needs_gpu=True),
        benchmark("an epoch of the MLP", 100, "train --ours --rounds 5 --epochs 4"),
        benchmark("an epoch of softmax regression", 80, "train --ours --rounds 5 --epochs 4 --model softmax"),
        benchmark("a step of the MLP 784-256x5-10", 80, "monitor --rounds 3 --steps 200"),
        benchmark("the MLP after 5 epochs, 5 seeds", 120, "precision --rounds 5 --epochs 5"),
        benchmark("killed and resumed", 90, "resume"),
        benchmark("a job of a sweep", 90, "jobs --rounds 3 --jobs 30"),
        benchmark("an epoch of the MLP, beside others", 120, "train --rounds 3 --epochs 2"),
    ]


def gpu(seconds: float, accelerator: str, target: Path, items: Sequence[Item] = ()) -> None:
    """Run what these `seconds` are enough for; `target`, in Markdown, is up to date after every item. What an item
    prints is kept next to it. Ctrl-C and SIGTERM end the item and what it has started, and the table is printed."""
    if accelerator == "gpu" and not _is_there():
        raise SystemExit("error: --accelerator gpu: torch sees no GPU here; --accelerator cpu rehearses without one")
    end, target = time.monotonic() + seconds, target.absolute()  # as items run in another folder
    stopped = threading.Event()
    # Noted, not raised: an exception in the middle of `Popen.wait` leaves its lock behind.
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    rows: list[tuple[str, str]] = []
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        for number, item in enumerate(items or everything(accelerator)):
            left = end - time.monotonic()
            if item.needs_gpu and accelerator == "cpu":
                rows.append((item.name, "needs a GPU"))
            elif stopped.is_set() or left < WORTH_A_START:
                rows.append((item.name, "not reached"))
            else:
                print(f"{item.name}, at most {min(item.limit, left):.0f} s", flush=True)
                rows += run(item, left, target.parent / f"{target.stem}_{number}", stopped)
            target.write_text(markdown(accelerator, rows))
    finally:
        for signal_number, handler in before.items():
            signal.signal(signal_number, handler)
    print(target.read_text())
    print(os.path.relpath(target))
    if stopped.is_set():
        raise SystemExit(130)


def run(item: Item, left: float, folder: Path, stopped: threading.Event) -> list[tuple[str, str]]:
    """Rows of the table: those of what it has written into `folder`, else one, of the last line that it printed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    log = folder / "terminal.txt"
    with log.open("w") as terminal:
        process = subprocess.Popen(
            [sys.executable, *item.words], cwd=ROOT, env=os.environ | {"BENCHMARK_OUT": str(folder)},
            stdin=subprocess.DEVNULL, stdout=terminal, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            for _ in range(math.ceil(min(item.limit, left) / LOOK)):
                if process.poll() is not None or stopped.wait(LOOK):
                    break
            ended = process.poll()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and whatever it has started
            process.wait()
    if ended is None and stopped.is_set():
        return [(item.name, "stopped")]
    said = next((line.strip() for line in reversed(log.read_text().splitlines()) if line.strip()), "nothing printed")
    if ended is None and left < item.limit:
        return [(item.name, f"not reached: it had {left:.0f} s")]
    if ended != 0:
        return [(item.name, f"failed: {f'took more than {item.limit:g} s' if ended is None else said[:200]}")]
    records = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    rows = [(f"{item.name}: {row['name']}", row["said"]) for record in records for row in record["rows"]]
    notes = [(item.name, note) for record in records for note in record.get("notes", [])]
    return rows + notes or [(item.name, said)]


def markdown(accelerator: str, rows: list[tuple[str, str]]) -> str:
    device = f"{platform.machine()}, {os.cpu_count()} cores, a rehearsal without a GPU"
    if accelerator == "gpu":
        query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        device = "a GPU that nvidia-smi does not know"
        with suppress(OSError, subprocess.CalledProcessError):
            name, driver = subprocess.check_output(query, text=True).splitlines()[0].split(", ")
            device = f"{name}, driver {driver}"
    lines = [f"{device}; torch {version('torch')}; {datetime.date.today()}", "", "| what | result |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {name} | {said.replace('|', '/')} |" for name, said in rows)]) + "\n"


def _is_there() -> bool:
    import torch

    return torch.cuda.is_available()
