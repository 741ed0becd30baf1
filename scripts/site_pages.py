"""Build the site from README.md, docs/ and the docstrings: `make docs`.

    python scripts/site_pages.py                 # outputs/site/index.html, which opens from the disk

Strictly: a link, anchor or name that leads nowhere is an error. No network is used. Needs the extra `docs`. Two report
pages are made by training two small networks, some ten seconds, where there is Fashion-MNIST.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# The pages lie in the site as the files do in the repository, so that one link serves both.
STAGED = ("README.md", "CONTRIBUTING.md", "docs", "configs/experiment")
NOT_PAGES = ("*.csv", "*.json", "reports")
SAMPLES = {  # page -> what is trained for it
    "trained": ("init=kaiming", "model.depth=5"),
    "not_trained": ("init=normal", "model.depth=5"),
}
REFERENCE = {  # package -> what a page of the reference says of it
    "initlab": "What most people need.",
    "initlab.init": "Schemes for `initialize`, `forecast` and the config group `init`.",
    "initlab.callbacks": "For a trainer of Lightning.",
    "initlab.forecasting": "What `forecast` returns.",
    "initlab.runs": "What `open_run` returns.",
    "initlab.theory": "Gaussian integrals and the data's moments.",
    "initlab.nn": "From scratch, on tensors.",
    "initlab.models": "LightningModules.",
    "initlab.data": "Data modules.",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=ROOT / "outputs" / "site", help="folder; default outputs/site")
    folder = parser.parse_args().to
    build(folder, trained)
    print(f"look      {folder / 'index.html'}")


def build(to: Path, sample: Callable[[Path, tuple[str, ...]], None]) -> None:
    """`sample(file, overrides)` writes a report page."""
    with tempfile.TemporaryDirectory() as scratch:
        pages = Path(scratch) / "pages"
        stage(pages, sample)
        shutil.copy(ROOT / "mkdocs.yml", scratch)
        words = ["build", "--strict", "--quiet", "--clean", "--site-dir", str(to.resolve())]
        environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
        done = subprocess.run([sys.executable, "-m", "mkdocs", *words], cwd=scratch, env=environment, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def stage(pages: Path, sample: Callable[[Path, tuple[str, ...]], None]) -> None:
    for name in STAGED:
        from_, to = ROOT / name, pages / name
        to.parent.mkdir(parents=True, exist_ok=True)
        if from_.is_dir():
            shutil.copytree(from_, to, ignore=shutil.ignore_patterns(*NOT_PAGES))
        else:
            shutil.copy(from_, to)
    (pages / "docs" / "api.md").write_text(reference(), "utf-8")
    (pages / "docs" / "reports.md").write_text(REPORTS, "utf-8")
    for name, overrides in SAMPLES.items():
        file = pages / "docs" / "reports" / f"{name}.html"
        file.parent.mkdir(exist_ok=True)
        sample(file, overrides)


def trained(file: Path, overrides: tuple[str, ...]) -> None:
    from initlab import compose, train
    from initlab.report import write_report

    with tempfile.TemporaryDirectory() as folder:
        train(compose("model=mlp", *overrides, "trainer.max_epochs=3", "seed=0", run_dir=f"{folder}/run"))
        shutil.copy(write_report(Path(folder) / "run"), file)


def reference() -> str:
    """The public names, a section a package; a name stands where it is found first."""
    parts, seen = ["# Python\n"], set[str]()
    for package, says in REFERENCE.items():
        parts.append(f"## {package}\n\n{says}\n")
        module = import_module(package)
        names = [name for name in module.__all__ if name not in seen]
        seen.update(names)
        parts += [f"::: {where(getattr(module, name), f'{package}.{name}')}\n" for name in names]
    return "\n".join(parts)


def where(thing: Any, public: str) -> str:
    """A function may have the name of the module that it is defined in."""
    return f"{thing.__module__}.{thing.__qualname__}" if isinstance(thing, type | FunctionType) else public


REPORTS = """# Two report pages

The same network of five hidden layers, three epochs on Fashion-MNIST, from two initialisations; each page is one file,
as `initlab report` writes it.

- [From `init=kaiming`: it trained](reports/trained.html)
- [From `init=normal`, N(0, 0.01): it did not train](reports/not_trained.html), and where the signal was lost

What stands on such a page: [runs](runs.md). Why the second did not train, in the order in which one would ask:
[why does my network not train?](why.md)
"""


if __name__ == "__main__":
    main()
