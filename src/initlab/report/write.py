"""From a folder to its page."""

from __future__ import annotations

from pathlib import Path

from initlab.errors import UserError

FILE, COMPARED = "report.html", "compared.html"
WHERE = "give the folder of a run (outputs/latest_run) or of a sweep (outputs/latest_sweep)"


def write_report(folder: str | Path, *others: str | Path) -> Path:
    """Write `report.html` into the folder of a run or a sweep, and give its path; of several runs, laid over each
    other, `compared.html` into the folder of the first.

    One file with everything in it, which opens by double click and asks nothing of the network. It is drawn from the
    folder's rows alone; the same files give the same page, byte for byte. What is missing or broken is said on it.

    Raises:
        UserError: if the folder is none, holds neither a run nor a sweep, or cannot be written.
    """
    from initlab.runs import Run
    from initlab.runs.atomic import whole_file
    from initlab.runs.find import is_run
    from initlab.sweeps.summary import is_sweep, summarize

    path, file = Path(folder), FILE
    try:
        for other in map(Path, (folder, *others) if others else ()):
            if not is_run(other):
                raise UserError(f"{other}: not the folder of a run; only runs can be laid over each other")
        if not path.exists():
            what = "a link to a folder that is gone" if path.is_symlink() else "no such folder"
            raise UserError(f"{folder}: {what}; {WHERE}")
        if not path.is_dir():
            raise UserError(f"{folder}: a file, not a folder; {WHERE}")
        if others:
            from initlab.report.sweep_page import sweep_page

            file = COMPARED
            page = sweep_page(summarize(path.resolve(), [Path(one).resolve() for one in (folder, *others)]))
        elif is_run(path):
            from initlab.report.run_page import run_page

            page = run_page(Run.lenient(path.resolve()))
        elif is_sweep(path):
            from initlab.report.sweep_page import sweep_page

            page = sweep_page(summarize(path.resolve()))
        else:
            empty = not any(path.iterdir())
            raise UserError(f"{folder}: {'an empty folder' if empty else 'no run and no sweep in it'}; {WHERE}")
        with whole_file(path / file) as out:
            out.write(page.encode("utf-8", "replace"))  # half a surrogate, from a JSON file, has no UTF-8
    except OSError as error:
        raise UserError(
            f"{error.filename or folder}: {error.strerror or error}; the report is written into the folder"
        ) from None
    return path / file
