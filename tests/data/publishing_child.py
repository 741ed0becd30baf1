"""A process that fetches the fake data set; it kills itself at one point, or waits for a twin to overlap with.

Usage: publishing_child.py ROOT KILL_AT NUM_TWINS. Events are counted from 1: after half of each of the four
files is written (1 to 4), then at each file's fsync, before its rename and after it (5 to 16).
"""

import gzip
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import fake_fashion

from initlab.data.fashion_mnist import sources

root, kill_at, num_twins = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
num_events = 0


def event() -> None:
    global num_events
    num_events += 1
    if num_events == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01)


def download(folder: Path) -> Path:
    for name, array in fake_fashion.ARRAYS.items():
        zipped = gzip.compress(fake_fashion.idx_bytes(array))
        with (folder / f"{name}.gz").open("wb") as stream:
            stream.write(zipped[: len(zipped) // 2])
            stream.flush()
            event()
            stream.write(zipped[len(zipped) // 2 :])
    (root / f"here-{os.getpid()}").touch()
    while len(list(root.glob("here-*"))) < num_twins:
        time.sleep(0.001)
    return folder


def counted(function: Any, event_before: bool, event_after: bool) -> Any:
    def wrapper(*args: Any) -> None:
        if event_before:
            event()
        function(*args)
        if event_after:
            event()

    return wrapper


fake_fashion.install_table()
sources.INSTALLED = root / "no-such-package"
sources.download_by_torchvision = download
os.fsync = counted(os.fsync, event_before=True, event_after=False)
os.replace = counted(os.replace, event_before=True, event_after=True)
fake_fashion.assert_right(sources.load_fashion_mnist(root))
print(num_events)
