"""A lesson's network, trained here and now."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from initlab.lessons.sheet import Lesson


def trained(lesson: Lesson) -> str:
    """What came of it, in the words of a run."""
    from initlab.runs import open_run
    from initlab.runs.outcome import outcome
    from initlab.textbook.page import read_page
    from initlab.textbook.running import run_page

    if "-m" in lesson.words:
        return "A sweep of several runs, which this command trains."
    words = [word.split("=", 1) for word in lesson.words if not word.startswith("experiment=")]
    page = replace(read_page(lesson.page), axes={key: (value,) for key, value in words})
    started = time.perf_counter()
    with TemporaryDirectory() as folder:
        (ran,) = run_page(page, Path(folder) / "runs")
        if ran.error:
            return f"It could not be trained: {ran.error}"
        found = outcome(open_run(ran.folder))
    return f"{found.says} {found.because} ({time.perf_counter() - started:.0f} s)"
