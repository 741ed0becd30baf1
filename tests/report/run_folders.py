"""Folders of runs as the real ones are, written without training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

LATE = [*range(100), *range(100, 1001, 100)]


def make_run(
    folder: Path, *, init: str = "kaiming", depth: int = 3, seed: int = 0, epochs: int = 3, fades: float = 1.0,
    steps: list[int] | None = None, names: dict[str, str] | None = None, **summary: Any,
) -> Path:  # fmt: skip
    """A run of `depth` hidden layers whose std changes by the factor `fades` a layer; nothing is random but `seed`'s
    small noise. `names` replaces names of layers."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    names = names or {}
    steps = LATE if steps is None else steps
    flat = fades < 0.5
    target = {"kaiming": "initlab.init.Kaiming", "normal": "initlab.init.Normal"}.get(init, init)
    (folder / "config.yaml").write_text(
        f"seed: {seed}\nlr: 0.1\nmonitor: val/loss\nmode: min\nrun_dir: {json.dumps(str(folder))}\n"
        f"data:\n  _target_: initlab.data.FashionMNIST\n  batch_size: 256\n  seed: {seed}\n"
        f"model:\n  _target_: initlab.models.MLP\n  depth: {depth}\n  width: 64\n  activation: relu\n"
        f"init:\n  _target_: {json.dumps(target)}\n  sigma: 0.01\noptimizer:\n  _target_: initlab.nn.SGD\n  lr: 0.1\n"
        f"trainer:\n  max_epochs: {epochs}\n"
    )
    words = ["train.py", f"init={init}", f"model.depth={depth}", f"seed={seed}"]
    environment = {
        "started": "2026-11-21T12:00:00+0000", "command": words, "python": "3.11.7", "platform": "Linux",
        "cpu_count": 2, "threads": 1, "gpu": None, "packages": {"torch": "2.15.0"},
        "git": {"commit": "abc", "branch": "main", "clean": True},
    }  # fmt: skip
    (folder / "environment.json").write_text(json.dumps(environment))
    losses = [2.3026 + 1e-6 * rng.random() if flat else 2.0 / (1 + e) + 0.01 * rng.random() for e in range(epochs)]
    lines = ["epoch,step,train/acc,train/loss,val/acc,val/loss"]
    for epoch, loss in enumerate(losses):
        acc = 0.1 if flat else 0.9 - loss / 5
        lines.append(f"{epoch},{(epoch + 1) * 300},{acc},{loss},{acc},{loss + 0.05}")
    (folder / "metrics.csv").write_text("\r\n".join(lines) + "\r\n")

    rows, histograms = ["step,layer,quantity,value"], ["step,layer,low,high,counts"]
    quoted = {name: '"' + text.replace('"', '""') + '"' for name, text in names.items()}
    for step in steps:
        full = step % 10 == 0
        rows.append(f"{step},loss,loss,{2.3026 if flat else 2.3 / (1 + step / 100)}")
        for i in range(depth + 1):
            layer, phi = (quoted.get(name, name) for name in (f"layers.{i}", f"phi.{i}"))
            std = fades ** (i + 1) * float(rng.uniform(0.9, 1.1))
            rows.append(f"{step},{layer},std,{std!r}")
            if full:
                rows.append(f"{step},{layer},grad_std,{1e-3 * fades ** (depth - i)!r}")
                rows.append(f"{step},layers.{i}.weight,update_ratio,{1e-3 * (i + 1)!r}")
                bell = np.round(1000 * np.exp(-(np.linspace(-3, 3, 16) ** 2))).astype(int)
                low, high = -3 * std, (3 + step / 1000) * std
                histograms.append(f"{step},{layer},{low!r},{high!r},{' '.join(map(str, bell))}")
                if i < depth:
                    rows.append(f"{step},{phi},saturated,0.5")
                    rows.append(f"{step},{phi},dead,{0.1 * i!r}")
    (folder / "signal.csv").write_text("\r\n".join(rows) + "\r\n")
    (folder / "histograms.csv").write_text("\r\n".join(histograms) + "\r\n")
    finding = {
        "kind": "vanishing signal", "layers": ["layers.0", "layers.1", "layers.2"], "since": 0,
        "measure": "factor a layer", "value": fades,
        "says": f"the std changes by a factor {fades:.3g} a layer", "advice": "another init",
        "from_the_start": True, "sentence": "", "at_the_end": True,
    }  # fmt: skip
    (folder / "findings.json").write_text(json.dumps([finding, finding | {"kind": "dead layer"}] if flat else []))
    last = {"val/loss": losses[-1] + 0.05, "train/loss": losses[-1], "val/acc": 0.1 if flat else 0.9 - losses[-1] / 5}
    last["train/acc"] = last["val/acc"]
    ended = {"metrics": last, "score": min(losses) + 0.05, "monitor": "val/loss", "seconds": 2.5} | summary
    (folder / "summary.json").write_text(json.dumps(ended))
    return folder


def make_sweep(folder: Path, axes: dict[str, list[str]], plan: bool = True, **more: Any) -> Path:
    """A run a combination; `init`, `model.depth` and `seed` are understood. normal fades."""
    folder.mkdir(parents=True)
    jobs: list[dict[str, Any]] = [{}]
    for axis, values in axes.items():
        jobs = [job | {axis: value} for job in jobs for value in values]
    listed = []
    for num, overrides in enumerate(jobs):
        init = overrides.get("init", "kaiming")
        name = f"{num}_" + "_".join(f"{key}-{value}" for key, value in overrides.items())
        make_run(
            folder / name, init=init, depth=int(overrides.get("model.depth", 3)), seed=int(overrides.get("seed", 0)),
            fades=0.1 if init == "normal" else 1.0, **more,
        )  # fmt: skip
        listed.append({"num": num, "folder": name, "overrides": overrides})
    if plan:
        words = " ".join(["train.py", "-m", *(f"{axis}={','.join(values)}" for axis, values in axes.items())])
        content = {
            "command": words,
            "overrides": words.split()[2:],
            "axes": axes,
            "monitor": "val/loss",
            "mode": "min",
            "jobs": listed,
        }
        (folder / "sweep.json").write_text(json.dumps(content))
    return folder
