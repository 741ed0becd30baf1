"""What the figures were measured on."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path

import numpy as np
import torch


def machine() -> dict[str, object]:
    """Plain values for the JSON file."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
    }


def sentence(on: dict[str, object]) -> str:
    """ "2026-11-21, AMD EPYC, 2 cores, 1 thread, no GPU, Python 3.11.7, torch 2.15.0, NumPy 2.4.6"."""
    threads = f"{on['threads']} thread" + "s" * (on["threads"] != 1)
    gpu = on["gpu"] or "no GPU"
    versions = f"Python {on['python']}, torch {on['torch']}, NumPy {on['numpy']}"
    return f"{on['date']}, {on['cpu']}, {on['cores']} cores, {threads}, {gpu}, {on['system']}, {versions}"


def _cpu() -> str:
    """The name that the maker gave it, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
