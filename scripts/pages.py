"""Do the textbook's pages show what they claim? Runs them, checks every claim,
writes docs/pages/ and docs/gallery.md.

    python scripts/pages.py                      # every page, in two processes
    python scripts/pages.py he_2015 d2l_softmax  # these alone
    python scripts/pages.py --seeds 1 --dry      # a quick look, nothing written

Exit status 1 where a claim does not hold; the claims are named. A page whose
runs fail leaves the others.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any

from initlab.cli.main import one_line_errors
from initlab.errors import UserError
from initlab.textbook.page import Page, page_names, read_page

ROOT = Path(__file__).parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", metavar="page", help=f"of {', '.join(page_names())}; default: all")
    parser.add_argument("--seeds", type=int, help="at most so many of each setting; default: what the page sweeps")
    parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each; default 2")
    parser.add_argument("--dry", action="store_true", help="check alone: write nothing under docs")
    args = parser.parse_args()
    for name, value in (("seeds", args.seeds), ("jobs", args.jobs)):
        if value is not None and value < 1:
            raise UserError(f"--{name}={value}: must be a whole number of at least 1")
    pages = [read_page(name) for name in args.pages or page_names()]  # a mistake in any is found before the first run
    if args.seeds:
        pages = [page.with_seeds(args.seeds) for page in pages]
    folder = ROOT / "outputs" / "pages" / time.strftime("%Y-%m-%d_%H-%M-%S")
    started = time.perf_counter()
    failing = []
    try:
        for page, ran, seconds in run_all(pages, folder, args.jobs):
            failing += finish(page, ran, seconds, write=not args.dry)
    finally:
        if not args.dry:  # of the pages that were finished, where it is stopped
            from initlab.textbook.gallery import DOCS, render

            (DOCS / "gallery.md").write_text(render())
    print(f"{len(pages)} pages in {time.perf_counter() - started:.0f} s; runs in {folder.relative_to(ROOT)}")
    for sentence in failing:
        print(sentence, file=sys.stderr)
    return 1 if failing else 0


def run_all(pages: list[Page], folder: Path, jobs: int) -> Iterator[tuple[Page, list[Any], float]]:
    """Each page as soon as it has ended, with its runs and the seconds that they took."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=import_all) as pool:
        try:
            futures = {pool.submit(run_one, page, folder / page.name): page for page in longest_first(pages)}
            for future in as_completed(futures):
                yield (futures[future], *future.result())
        except BrokenProcessPool:
            raise UserError("a process was killed, for lack of memory it may be: --jobs=1 needs half as much") from None
        except BaseException:  # Ctrl-C, SIGTERM: what waits is not begun, what runs is ended
            pool.shutdown(wait=False, cancel_futures=True)
            for child in active_children():
                child.kill()  # SIGTERM would let a run save itself first
            raise


def longest_first(pages: list[Page]) -> list[Page]:
    """By their records, so that no process is left alone with one."""
    from initlab.textbook.gallery import PAGES

    records = {page.name: PAGES / f"{page.name}.json" for page in pages}
    seconds = {name: json.loads(file.read_text())["seconds"] for name, file in records.items() if file.is_file()}
    return sorted(pages, key=lambda page: -seconds.get(page.name, 0.0))


def import_all() -> None:
    from initlab.process.quick_imports import quick_imports

    with quick_imports():
        import initlab.run  # noqa: F401


def run_one(page: Page, folder: Path) -> tuple[list[Any], float]:
    from initlab.textbook.running import run_page

    started = time.perf_counter()
    return run_page(page, folder), time.perf_counter() - started


def finish(page: Page, ran: list[Any], seconds: float, write: bool) -> list[str]:
    """Check, draw and record one page; the sentences of the claims that do not hold."""
    from initlab.textbook.checking import check_page
    from initlab.textbook.drawing import draw_page
    from initlab.textbook.gallery import PAGES
    from initlab.textbook.record import record
    from initlab.textbook.record import write as keep

    checks = check_page(page, ran)
    holding = sum(check.holds for check in checks)
    print(f"{page.name:24}{holding:>3} of {len(checks)} claims hold, {len(ran)} runs, {seconds:.0f} s", flush=True)
    if write:
        PAGES.mkdir(parents=True, exist_ok=True)
        keep(record(page, ran, checks, seconds), PAGES / f"{page.name}.json")
        if page.picture and any(not one.error for one in ran):
            draw_page(page, ran, PAGES / f"{page.name}.png")
    return [f"{page.name}: {check.sentence}" for check in checks if not check.holds]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with one_line_errors():
        try:
            sys.exit(main())
        except KeyboardInterrupt:
            print("stopped; pages that were finished before are written", file=sys.stderr)
            sys.exit(130)
