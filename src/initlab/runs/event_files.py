"""TensorBoard's files of a run that resumes on a clock which was set back meanwhile.

TensorBoard reads a run's files in the order of their names, which begin with the time, and draws by the times in them.
"""

from __future__ import annotations

import io
import math
import re
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from initlab.runs.atomic import whole_file
from initlab.runs.reading import MOST_ROWS, read_file

NAME = re.compile(r"(events\.out\.tfevents\.)(?:(0{7}\d{3})\.)?(\d{10,}\..*)")  # with the number of its renaming


def original_name(name: str) -> str:
    """The name of a file as it was made, which is what checkpoints know it by."""
    return re.sub(r"(?<=events\.out\.tfevents\.)0{7}\d{3}\.", "", name)


def put_in_order(folder: Path) -> None:
    """Before the run makes another file: names that would be read after it get a number in front, and times later than
    now are moved, with all before them, so far that the last is now. No file changes its length."""
    now = time.time()
    files = sorted(path for path in folder.glob("events.out.tfevents.*") if NAME.fullmatch(path.name))
    latest = max((when for path in files for _, _, when in _events(read_file(path, MOST_ROWS))), default=-math.inf)
    if latest > now:
        for path in files:
            _move(path, latest - now)
    names = [match.groups() for path in files if (match := NAME.fullmatch(path.name))]
    if any(number is None and int(rest.split(".")[0]) >= int(now) for _, number, rest in names):
        count = 1 + max((int(number) for _, number, _ in names if number), default=-1)
        for path, (beginning, number, rest) in zip(files, names, strict=True):
            if number is None:
                path.rename(path.with_name(f"{beginning}{count:010}.{rest}"))


def _move(path: Path, seconds: float) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    content, moved = read_file(path, MOST_ROWS), io.BytesIO()
    writer = RecordWriter(moved)
    for begin, end, _ in _events(content):
        event = Event.FromString(content[begin:end])
        event.wall_time -= seconds
        writer.write(event.SerializeToString())
    with whole_file(path) as file:
        file.write(moved.getvalue() + content[len(moved.getvalue()) :])


def _events(content: bytes) -> Iterator[tuple[int, int, float]]:
    """Where each event begins and ends, and its time; up to the first that is not whole. A record is its length (8
    bytes, and 4 of checksum), itself, and 4 of checksum."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorboard.compat.proto.event_pb2 import Event

    at = 0
    while at + 12 <= len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        begin, end = at + 12, at + 12 + length
        if end + 4 > len(content):
            return
        try:
            yield begin, end, Event.FromString(content[begin:end]).wall_time
        except DecodeError:
            return
        at = end + 4
