"""What a sweep of very many runs costs to read: its table and its page, of folders that are made, not trained.

Each folder is a copy of one of a few trained runs, its figures moved by a factor of its own: no two are the same.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parents[1]
WORDS = ("model=softmax", "init=normal,xavier,kaiming,zeros", "seed=range(2)", "trainer.max_epochs=2")
MOVED = ("val/loss", "test/loss", "val/acc", "test/acc")
SKIPPED = ("checkpoints", "tensorboard")  # that neither table nor page reads


def many_runs(number: int, folder: Path) -> Path:
    """Make a sweep of `number` runs in `folder`, of four settings, and give its path."""
    trained, made = folder / "trained", folder / "many"
    subprocess.run(
        [sys.executable, str(SCRIPTS / "train.py"), "-m", *WORDS, f"hydra.sweep.dir={trained}"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    record = json.loads((trained / "sweep.json").read_text())
    schemes, draw = list(record["axes"]["init"]), random.Random(0)
    jobs: list[dict[str, Any]] = []
    of_scheme = {scheme: [job for job in record["jobs"] if job["overrides"]["init"] == scheme] for scheme in schemes}
    made.mkdir()
    for num in range(number):
        seed, place = divmod(num, len(schemes))
        copied = of_scheme[schemes[place]][seed % 2]["folder"]
        name = f"{num}_init-{schemes[place]}_seed-{seed}"
        shutil.copytree(trained / copied, made / name, ignore=shutil.ignore_patterns(*SKIPPED))
        factor = draw.uniform(1, 1.05)
        ended = json.loads((made / name / "summary.json").read_text())
        ended["score"] *= factor
        ended["metrics"] |= {key: ended["metrics"][key] * factor for key in MOVED}
        (made / name / "summary.json").write_text(json.dumps(ended))
        jobs.append({"num": num, "folder": name, "overrides": {"init": schemes[place], "seed": str(seed)}})
    record["jobs"], record["axes"]["seed"] = jobs, list(dict.fromkeys(job["overrides"]["seed"] for job in jobs))
    (made / "sweep.json").write_text(json.dumps(record))
    return made


def report_of_many(number: int) -> str:
    """What `scripts/report.py` takes for so many runs."""
    with tempfile.TemporaryDirectory() as folder:
        return f"{number} runs: {report_of(many_runs(number, Path(folder)))}"


def report_of(sweep: Path) -> str:
    """Seconds, the most memory that it held, the size of the page."""
    start = time.perf_counter()
    report = subprocess.Popen([sys.executable, str(SCRIPTS / "report.py"), str(sweep)], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(report.pid, 0)
    seconds = time.perf_counter() - start
    report.returncode = os.waitstatus_to_exitcode(status)  # it has been waited for
    if report.returncode:
        raise RuntimeError(f"scripts/report.py {sweep} ended with status {report.returncode}")
    held, page = used.ru_maxrss * 1024, (sweep / "report.html").stat().st_size
    return f"{seconds:.1f} s, at most {held / 1e6:.0f} MB held, a page of {page / 1e6:.1f} MB"
