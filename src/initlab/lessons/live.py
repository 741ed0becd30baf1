"""A lesson's network, trained here and now."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from initlab.lessons.sheet import Lesson


def trained(lesson: Lesson) -> str:
    """What came of it, in the words of a run."""
    from initlab.runs import open_run
    from initlab.runs.outcome import outcome
    from initlab.textbook.page import read_page
    from initlab.textbook.running import run_one

    if "-m" in lesson.words:
        return "A sweep of several runs, which this command trains."
    job = dict(word.split("=", 1) for word in lesson.words if not word.startswith("experiment="))
    with TemporaryDirectory() as folder:
        ran = run_one(lesson.page, read_page(lesson.page).keeps, job, Path(folder) / "run")
        if ran.error:
            return f"It could not be trained: {ran.error}"
        found = outcome(open_run(ran.folder))
    return f"{found.says} {found.because} ({ran.seconds:.0f} s)"
