"""The same command leaves the same files: every byte but times, the folder's own path, and the order of TensorBoard's
charts, as rows are written about once a second."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from initlab.callbacks import signal_monitor
from initlab.composition import compose
from initlab.run import train

DRAWN = ("seconds", "started", "run_id")  # keys of summary.json and environment.json: times, and the id of a run
DATE = re.compile(rb"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", re.MULTILINE)  # in run.log
EVENTS = re.compile(r"events\.out\.tfevents\.\d+\..*\.(\d+)$")  # TensorBoard's names: time, host, process, number


def files(folder: Path) -> dict[str, Path]:
    return {EVENTS.sub("events", str(path.relative_to(folder))) + _order(path): path for path in _sorted(folder)}


def _sorted(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _order(path: Path) -> str:
    """Of the events files of a run, which one."""
    return str(sorted(path.parent.glob("events*")).index(path)) if EVENTS.search(path.name) else ""


def content(path: Path, folder: Path) -> Any:
    """What must be equal, with the folder's path cut out."""
    if path.suffix == ".ckpt":
        saved = torch.load(path, weights_only=True)
        assert saved["run"].pop("seconds") > 0
        assert saved.pop("run_id")
        return dict(leaves(saved, "", str(folder)))
    if "tfevents" in path.name:
        by_tag = sorted(timeless(path), key=lambda event: [value.tag for value in event.summary.value])
        return [event.SerializeToString() for event in by_tag]  # of a tag in their order
    data = path.read_bytes().replace(str(folder).encode(), b"")
    if path.suffix == ".json" and isinstance(parsed := json.loads(data), dict):
        return {key: value for key, value in parsed.items() if key not in DRAWN}
    return DATE.sub(b"", data)


def leaves(node: Any, name: str, folder: str) -> Iterator[tuple[str, Any]]:
    """Of a checkpoint, tensors as lists."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, f"{name}/{EVENTS.sub('events', str(key)).replace(folder, '')}", folder)
    elif isinstance(node, (list, tuple)):
        for i, value in enumerate(node):
            yield from leaves(value, f"{name}/{i}", folder)
    elif isinstance(node, torch.Tensor):
        yield name, (node.dtype, node.tolist())
    else:
        yield name, node.replace(folder, "") if isinstance(node, str) else repr(node)


def timeless(path: Path) -> Iterator[Any]:
    for event in EventFileLoader(str(path)).Load():
        event.wall_time = 0
        for value in event.summary.value:
            if value.tag == "_hparams_/session_start_info":
                value.metadata.ClearField("plugin_data")  # the run's name and start
        yield event


@pytest.mark.parametrize(
    "words",
    [
        ("data=synthetic_regression", "model=linear", "init=normal", "trainer.max_epochs=2"),
        (
            "experiment=xor",
            "trainer.max_epochs=3",
            "callbacks.monitor.dense_steps=7",
            "callbacks.monitor.every_n_steps=9",
        ),
    ],
)
def test_the_same_command_leaves_the_same_files(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it takes: rows are written about once a second, here all at the end, and at each step."""
    folders = [tmp_path / name for name in ("one", "two")]
    for folder, seconds in zip(folders, (math.inf, -1), strict=True):
        monkeypatch.setattr(signal_monitor, "WRITE_AFTER", seconds)
        train(compose(*words, "trainer=cpu", "threads=1", run_dir=folder))
    one, two = (files(folder) for folder in folders)
    assert one.keys() == two.keys()
    assert {"signal.csv", "metrics.csv", "histograms.csv", "findings.json", "checkpoints/last.ckpt"} <= one.keys()
    differing = [name for name in one if content(one[name], folders[0]) != content(two[name], folders[1])]
    assert differing == []
