"""One page from beginning to end: worked out, written down, drawn."""

from __future__ import annotations

import importlib
import inspect
import json
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from foundation_pages.sheet import Sheet
from initlab.runs.atomic import whole_file


def module_of(name: str) -> ModuleType:
    return importlib.import_module(f"foundation_pages.{name}")


def words_of(name: str) -> tuple[str, str, str]:
    """Title, source and question, and how to read it."""
    module = module_of(name)
    title, _, lead = inspect.cleandoc(module.__doc__ or "").partition("\n\n")
    return title, " ".join(lead.split()), "\n\n".join(" ".join(p.split()) for p in module.READING.strip().split("\n\n"))


def work_out(name: str, folder: Path, fast: bool, on: dict[str, object]) -> dict[str, Any]:
    """Check and measure a page; its `<name>.json` and, where it has one, its `<name>.png` in `folder`. `on`: the
    machine, as `machine.machine` tells.

    Raises `sheet.WrongRungError` where a check does not hold; then nothing is written.
    """
    module, sheet = module_of(name), Sheet(fast)
    began = time.perf_counter()
    module.page(sheet)
    figures = _six_digits(sheet.figures)
    record = {
        "page": name,
        "title": words_of(name)[0],
        "fast": fast,
        "machine": on,
        "seconds": round(time.perf_counter() - began, 1),
        "checks": sheet.checks,
        "tables": sheet.tables,
        "picture": hasattr(module, "picture"),
        "figures": figures,
    }
    folder.mkdir(parents=True, exist_ok=True)
    if record["picture"]:
        from initlab.plots.style import save

        save(lambda: module.picture(figures), folder / f"{name}.png", formulas=True)
    with whole_file(folder / f"{name}.json") as file:
        file.write((json.dumps(record, ensure_ascii=False) + "\n").encode())
    return record


def _six_digits(value: Any) -> Any:
    """Every number of a nest of dicts and lists to six digits, which a picture cannot tell from all sixteen."""
    if isinstance(value, dict):
        return {key: _six_digits(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_six_digits(inner) for inner in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
