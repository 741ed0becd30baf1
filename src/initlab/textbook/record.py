"""What is kept of a page that was run: docs/pages/<name>.json, small, and all that the gallery shows of its figures."""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from initlab.runs.atomic import whole_file
from initlab.textbook.checking import Verdict
from initlab.textbook.page import Page
from initlab.textbook.running import Ran


def record(page: Page, ran: Sequence[Ran], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Plain values; a number that is nan or inf stands as text."""
    import torch

    return {
        "page": page.name,
        "command": f"python scripts/pages.py {page.name}",
        "date": time.strftime("%Y-%m-%d"),
        "torch": torch.__version__.split("+")[0],
        "python": platform.python_version(),
        "runs": len(ran),
        "seconds": round(sum(one.seconds for one in ran), 1),  # wall time, of one thread, without imports
        "claims": [
            {
                "about": verdict.claim.subject,
                "setting": dict(verdict.setting),
                "expected": verdict.expected,
                "published": verdict.claim.published,
                "why": verdict.claim.why,
                "got": verdict.got,
                "mean": _plain(verdict.mean),
                "std": _plain(verdict.std),
                "n": verdict.n,
                "holds": verdict.holds,
            }
            for verdict in verdicts
        ],
    }


def write(content: dict[str, Any], path: Path) -> None:
    with whole_file(path) as file:
        file.write((json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode())


def _plain(value: float) -> float | str:
    return float(f"{value:.6g}") if math.isfinite(value) else str(value)
