"""A CSV file of this machine as columns of text. Nothing heavy is imported, so a wrong path is answered at once."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from initlab.errors import UserError
from initlab.rules import check, did_you_mean, nearest

SEPARATORS = ",;\t"
SHOWN = 12  # names of columns in an error


@dataclass(frozen=True)
class CSVFile:
    """columns: by name, in the file's order, the cells of all rows, without the spaces around them.
    lines:   at which line of the file each row ends, for errors.
    sha256:  of the file's bytes.
    """

    columns: dict[str, list[str]]
    lines: list[int]
    sha256: str


def read_csv(path: str | Path) -> CSVFile:
    """Read a whole file: UTF-8, one line of names, then rows of as many cells as there are names.

    The separator is the first of comma, semicolon and tab that the line of names holds. A column without a name is
    called by its place, `column 1`. Empty lines are passed over.

    Raises:
        UserError: with one sentence that names the file and, where it has one, the line.
    """
    content = _content(path)
    lines = _lines(path, _text(path, content))
    names = _names(path, lines)
    rows = []
    for number, cells in lines:
        if len(cells) != len(names):
            raise UserError(
                f"data.path={path}: line {number} has {_cells(len(cells))}, but there are {len(names)} names of columns"
            )
        rows.append((number, cells))
    if not rows:
        raise UserError(f"data.path={path}: no row stands under the names of the columns")
    columns = zip(*(cells for _, cells in rows), strict=True)
    return CSVFile(
        columns=dict(zip(names, map(list, columns), strict=True)),
        lines=[number for number, _ in rows],
        sha256=hashlib.sha256(content).hexdigest(),
    )


def check_columns(
    path: str | Path | None, target: object, drop: Sequence[object] = (), text: Sequence[object] = ()
) -> list[str]:
    """The names of the inputs' columns; UserError unless the file has all columns that are named, and inputs.

    A name may be given as a number: a column called 2020.
    """
    check("data.path", path if path is None else str(path))
    check("data.target", target)
    assert path is not None
    wanted = str(target)
    left_out, words = [str(name) for name in drop], [str(name) for name in text]
    names = _names(path, _lines(path, _text(path, _content(path))))
    for key, named in (("target", [wanted]), ("drop", left_out), ("text", words)):
        for name in named:
            if name not in names:
                raise UserError(f"data.{key}={name}: {Path(path).name} has no such column{_instead(name, names)}")
    if wanted in left_out:
        raise UserError(f"data.drop={left_out}: the target, {wanted}, cannot be left out")
    inputs = [name for name in names if name not in (wanted, *left_out)]
    if not inputs:
        raise UserError(f"data.path={path}: beside the target, {wanted}, no column is left for the inputs")
    return inputs


def _content(path: str | Path) -> bytes:
    file = Path(path).expanduser()
    if file.is_dir():
        inside = sorted(entry.name for entry in file.glob("*.csv"))
        hint = f", such as data.path={file / inside[0]}" if inside else ""
        raise UserError(f"data.path={path}: this is a folder; name the file itself{hint}")
    if not file.exists():
        beside = [entry.name for entry in file.parent.glob("*") if entry.is_file()] if file.parent.is_dir() else []
        near = nearest(file.name, beside)
        hint = f"; did you mean {Path(path).parent / near}?" if near else f" (looked from {Path.cwd()})"
        raise UserError(f"data.path={path}: there is no such file{hint}")
    if not file.is_file():
        raise UserError(f"data.path={path}: this is neither a file nor a folder; name a CSV file")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"data.path={path}: this file cannot be read: {error.strerror}") from None
    return content


def _text(path: str | Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"data.path={path}: not UTF-8 text (byte 0x{content[error.start]:02x} in line {line}); save it as such"
        ) from None


def _lines(path: str | Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """(number of the line, cells), without the lines that are empty."""
    head = text.lstrip().split("\n", 1)[0]
    separator = next((mark for mark in SEPARATORS if mark in head), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise UserError(f"data.path={path}: line {reader.line_num} is not CSV: {error}") from None


def _names(path: str | Path, lines: Iterator[tuple[int, list[str]]]) -> list[str]:
    """Take the first line and check it."""
    _, cells = next(lines, (0, []))
    if not any(cells):
        raise UserError(f"data.path={path}: this file has no line of names; it must hold one, and rows under it")
    names = [name or f"column {place}" for place, name in enumerate(cells, start=1)]
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise UserError(f"data.path={path}: two columns are called {twice}; give each a name of its own")
    return names


def _instead(name: str, names: Sequence[str]) -> str:
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{did_you_mean(name, names)} ({', '.join(names[:SHOWN])}{more})"


def _cells(count: int) -> str:
    return f"{count} cell" + ("" if count == 1 else "s")
