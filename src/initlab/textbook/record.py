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
from initlab.textbook.checking import Check
from initlab.textbook.page import Page
from initlab.textbook.running import Ran


def record(page: Page, ran: Sequence[Ran], checks: Sequence[Check], seconds: float) -> dict[str, Any]:
    """Plain values; a number that is nan or inf stands as text."""
    import torch

    return {
        "page": page.name,
        "command": f"python scripts/pages.py {page.name}",
        "date": time.strftime("%Y-%m-%d"),
        "torch": torch.__version__.split("+")[0],
        "python": platform.python_version(),
        "runs": len(ran),
        "seconds": round(seconds, 1),  # wall time of its command, on one thread, without imports
        "claims": [
            {
                "about": check.claim.subject,
                "setting": dict(check.setting),
                "expected": check.expected,
                "published": check.claim.published,
                "why": check.claim.why,
                "got": check.got,
                "mean": _plain(check.mean),
                "std": _plain(check.std),
                "n": check.n,
                "holds": check.holds,
            }
            for check in checks
        ],
    }


def write(content: dict[str, Any], path: Path) -> None:
    with whole_file(path) as file:
        file.write((json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode())


def _plain(value: float) -> float | str:
    return float(f"{value:.6g}") if math.isfinite(value) else str(value)
