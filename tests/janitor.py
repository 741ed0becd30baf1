"""Ends what a test run has started, once that run has ended in any way: `python janitor.py mark`, its end told by the
end of standard input. Started by conftest.py; every process of the run has the mark in its environment."""

import os
import signal
import sys
from pathlib import Path


def marked(mark: str) -> list[int]:
    """The processes of this user that have the mark in their environment, as Linux shows them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:  # it has ended, or is another user's
            continue
    return [number for number in found if number != os.getpid()]


if __name__ == "__main__":
    sys.stdin.buffer.read()
    while left := marked(sys.argv[1]):  # again, for what they were about to start
        for number in left:
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                continue
