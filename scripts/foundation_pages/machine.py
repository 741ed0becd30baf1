"""What the figures were measured on."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path

import numpy as np
import torch


def machine() -> dict[str, object]:
    """Plain values for the JSON file; `load` is how many processes wanted a core in the minute before."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
    }


def sentence(on: dict[str, object]) -> str:
    """As in: 2026-11-21, AMD EPYC, 2 cores, load 0.1 at the start, 1 thread, no GPU, Linux, Python 3.11.7, ..."""
    threads = f"{on['threads']} thread" + "s" * (on["threads"] != 1)
    gpu = on["gpu"] or "no GPU"
    load = "" if on["load"] is None else f", load {on['load']} at the start"
    versions = f"Python {on['python']}, torch {on['torch']}, NumPy {on['numpy']}"
    return f"{on['date']}, {on['cpu']}, {on['cores']} cores{load}, {threads}, {gpu}, {on['system']}, {versions}"


def _cpu() -> str:
    """The name that the maker gave it, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
