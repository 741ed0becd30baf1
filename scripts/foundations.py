"""The foundations of both courses, rung by rung: each page checks that every rung is right, and measures it here.

    python scripts/foundations.py                  # all pages
    python scripts/foundations.py matmul relu      # some of them
    python scripts/foundations.py --docs           # all pages, for docs/foundations.md

Prints tables with this machine's figures next to the published ones; writes outputs/foundations/<page>.json and .png.
Where there is a GPU, loops, matmul and relu are measured on it too (this part has not been run on one yet).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from foundation_pages import PAGES

from initlab.checks.rule import did_you_mean
from initlab.errors import UserError

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    pages = "\n".join(f"  {name:14}{shows}" for name, shows in PAGES.items())
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\npages:\n{pages}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", nargs="*", metavar="page", help="default: all")
    parser.add_argument("--fast", action="store_true", help="small sizes and few repeats; the same checks")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="CPU threads of torch; default 1")
    parser.add_argument("--docs", action="store_true", help="write docs/foundations/ and docs/foundations.md")
    args = parser.parse_args()
    try:
        names = chosen(args.pages, args.fast, args.threads, args.docs)
        wrong = run(names, args.fast, args.threads, args.docs, ROOT)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}; the pages must be able to write there", file=sys.stderr)
        sys.exit(1)
    for name, words in wrong.items():
        print(f"{name}: {words}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


def chosen(words: list[str], fast: bool = False, threads: int = 1, docs: bool = False) -> list[str]:
    """The pages that the words name, in the order of the lessons, or a `UserError`."""
    for word in words:
        if word not in PAGES:
            raise UserError(f"{word}: no such page{did_you_mean(word, list(PAGES))} ({', '.join(PAGES)})")
    if threads < 1:
        raise UserError(f"--threads {threads}: must be a whole number of at least 1")
    if docs and fast:
        raise UserError("--fast: the documents show the full sizes; leave out --fast or --docs")
    return [name for name in PAGES if not words or name in words]


def run(names: list[str], fast: bool, threads: int, docs: bool, root: Path) -> dict[str, str]:
    """Work out the pages under `root`; by name, what does not hold. A page that fails leaves the others."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # before torch starts: its profiler speaks to the terminal else
    import torch
    from foundation_pages.document import records, render
    from foundation_pages.machine import machine
    from foundation_pages.sheet import WrongRungError
    from foundation_pages.show import show
    from foundation_pages.work import work_out

    torch.set_num_threads(threads)
    folder = root / "docs" / "foundations" if docs else root / "outputs" / "foundations"
    wrong, on = {}, machine()
    for name in names:
        try:
            show(work_out(name, folder, fast, on))
            print((folder / f"{name}.json").relative_to(root))
        except WrongRungError as error:
            wrong[name] = str(error)
    if docs and not wrong:
        (root / "docs" / "foundations.md").write_text(render(records(folder)), encoding="utf-8")
        print("docs/foundations.md")
    return wrong


if __name__ == "__main__":
    main()
