"""A run that is killed and resumed on this device: is it, to the bit, the run that nothing interrupted?"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).resolve().parents[1] / "train.py"
MLP = (
    "model=mlp", "data=fashion_mnist_d2l", "trainer.max_epochs=4", "callbacks.last.every_n_steps=100",
    "optimizer.momentum=0.9",
)  # fmt: skip


def resumed_run(accelerator: str, threads: int, words: tuple[str, ...] = MLP) -> str:
    """One sentence; SystemExit with one where a tensor differs."""
    words = (*words, "callbacks.last.min_seconds=0", f"trainer={accelerator}", f"threads={threads}")
    with tempfile.TemporaryDirectory() as folder:
        killed, whole = Path(folder, "killed"), Path(folder, "whole")
        started = start(*words, f"hydra.run.dir={killed}")
        try:
            while started.poll() is None and not (killed / "checkpoints" / "last.ckpt").exists():
                time.sleep(0.01)
        finally:
            started.kill()
            said = started.communicate()[0]
        if started.returncode != -signal.SIGKILL:
            raise SystemExit(f"{said}\nthe run ended by itself, with status {started.returncode}, before it was killed")
        step = saved(killed)["global_step"]
        finish(f"resume={killed}")
        finish(*words, f"hydra.run.dir={whole}")
        ours, its = saved(killed), saved(whole)
        if other := different(ours, its):
            finish(*words, f"hydra.run.dir={folder}/again")
            alike = "differ too" if different(saved(Path(folder, "again")), its) else "are the same"
            raise SystemExit(f"not the same bits: {', '.join(other)}; two runs without an interruption {alike}")
        return (
            f"the same bits in {len(ours['state_dict'])} tensors; resumed from update {step} of {ours['global_step']}"
        )


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(*words: str) -> None:
    process = start(*words)
    said = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"{said}\n{' '.join(words)}: status {process.returncode}")


def saved(run: Path) -> dict[str, Any]:
    import torch

    checkpoint: dict[str, Any] = torch.load(run / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)
    return checkpoint


def different(ours: dict[str, Any], its: dict[str, Any]) -> list[str]:
    import torch

    pairs = ((name, ours["state_dict"][name], tensor) for name, tensor in its["state_dict"].items())
    return [name for name, a, b in pairs if not torch.equal(a, b)]
