"""The text of a CSV file and the names of its columns. Nothing heavy is imported: a wrong name is answered at once."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import hashlib
import io
import lzma
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from initlab.checks.rule import nearest
from initlab.checks.rules import check
from initlab.errors import UserError
from initlab.override import override

SEPARATORS = "\t;|,"  # where several fit, the first: a comma is the likeliest to lie within a cell
HEAD = 2**20  # bytes that the separator and the names are found in
LIMIT = 2**30  # bytes of text
SHOWN = 12  # names of columns in an error


@dataclass(frozen=True)
class CSVFile:
    """text: with `\\n` between its lines. lines: at which line of the file each row begins. sha256: of the file."""

    names: list[str]
    separator: str
    text: str
    lines: list[int]
    sha256: str


def read_file(path: str | Path) -> CSVFile:
    """UTF-8, or UTF-16 with a byte order mark; one line of names, then rows of as many cells. Blank lines are skipped.

    Raises:
        UserError: with one sentence that names the file and, where it has one, the line.
    """
    content = _content(path, LIMIT + 1)
    if len(content) > LIMIT:
        raise UserError(f"data.path={path}: it holds more than {LIMIT:,} bytes of text; take a part of its rows")
    text = _text(path, content, whole=True)
    separator, names = _head(path, content)
    lines: list[int] = []
    for line, count in _counts(path, text, separator):
        if count != len(names):
            have = f"{count} cell" + "s" * (count != 1)
            raise UserError(f"data.path={path}: line {line} has {have}, but there are {len(names)} column names")
        lines.append(line)
    if len(lines) < 2:
        raise UserError(f"data.path={path}: there are no rows under the line of names")
    with _regular(path).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return CSVFile(names, separator, text, lines[1:], sha256)


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
    left_out, as_text = [str(name) for name in drop], [str(name) for name in text]
    _, names = _head(path, _content(path, HEAD))
    alone = "; cells are separated by a comma, a semicolon, a tab or |" if len(names) == 1 else ""
    for key, named in (("data.target", [wanted]), ("data.drop", left_out), ("data.text", as_text)):
        for name in named:
            if name not in names:
                near = nearest(name, names)
                hint = "" if near is None else f"; did you mean {override(key, near if named == [wanted] else [near])}?"
                more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
                known = f"{', '.join(names[:SHOWN])}{more}"
                raise UserError(f"{key}={name}: {Path(path).name} has no such column{hint} ({known}){alone}")
    if wanted in left_out:
        raise UserError(f"data.drop={left_out}: the target, {wanted}, cannot be left out")
    inputs = [name for name in names if name not in (wanted, *left_out)]
    if not inputs:
        raise UserError(f"data.path={path}: besides the target, {wanted}, no column is left for the inputs{alone}")
    return inputs


def _regular(path: str | Path) -> Path:
    file = Path(path).expanduser()
    if file.is_dir():
        inside = sorted(entry.name for entry in file.glob("*.csv*"))
        hint = f", such as {override('data.path', file / inside[0])}" if inside else ""
        raise UserError(f"data.path={path}: this is a folder; name the file itself{hint}")
    if not file.exists():
        others = [entry.name for entry in file.parent.glob("*") if entry.is_file()] if file.parent.is_dir() else []
        near = nearest(file.name, others)
        hint = (
            f"; did you mean {override('data.path', Path(path).parent / near)}?"
            if near
            else f" (looked from {Path.cwd()})"
        )
        raise UserError(f"data.path={path}: there is no such file{hint}")
    if not file.is_file():
        raise UserError(f"data.path={path}: this is neither a file nor a folder; name a CSV file")
    return file


def _content(path: str | Path, limit: int) -> bytes:
    """The first bytes of the file, unpacked."""
    try:
        with _regular(path).open("rb") as file, _unpacked(path, file) as stream:
            return stream.read(limit)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError) as error:
        if isinstance(error, OSError) and error.strerror:
            raise UserError(f"data.path={path}: this file cannot be read: {error.strerror}") from None
        raise UserError(f"data.path={path}: this compressed file is damaged, or cut short: {error}") from None


def _unpacked(path: str | Path, file: IO[bytes]) -> IO[bytes]:
    """By its first bytes, whatever it is called."""
    start = file.read(10)
    file.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return gzip.open(file)  # type: ignore[return-value]
    if re.match(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", start):
        return bz2.open(file)
    if start.startswith(b"\xfd7zXZ\0"):
        return lzma.open(file)
    if start.startswith((b"PK\3\4", b"PK\5\6")):
        return _only_member(path, zipfile.ZipFile(file))
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        raise UserError(f"data.path={path}: zstd is not read; unpack it, or pack it as .gz, .bz2, .xz or .zip")
    return file


def _only_member(path: str | Path, packed: zipfile.ZipFile) -> IO[bytes]:
    if "[Content_Types].xml" in packed.namelist():
        raise UserError(f"data.path={path}: this is an office document; save its sheet as CSV")
    members = [m for m in packed.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
    if len(members) != 1:
        names = ", ".join(m.filename for m in members[:SHOWN])
        raise UserError(f"data.path={path}: it must hold one file, but holds {len(members)}{names and f' ({names})'}")
    if members[0].flag_bits & 1:
        raise UserError(f"data.path={path}: {members[0].filename} in it is encrypted; unpack it first")
    return packed.open(members[0])


def _text(path: str | Path, content: bytes, whole: bool) -> str:
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    name = "utf-16" if utf16 else "utf-8-sig"
    try:
        text = codecs.getincrementaldecoder(name)().decode(content, final=whole)
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode(name, "ignore")
        line = len(re.split("\r\n|\r|\n", before))
        byte = error.object[error.start]
        raise UserError(
            f"data.path={path}: not {'UTF-16' if utf16 else 'UTF-8'} text (byte 0x{byte:02x} in line {line}); "
            "save it as UTF-8"
        ) from None
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise UserError(f"data.path={path}: line {line} holds a NUL byte, so this is not a text file; save it as CSV")
    text = re.sub(r"\A *sep=.\n", "\n", text)  # Excel's own first line; the cells tell the separator as well
    return re.sub(r"^ +$", "", text, flags=re.MULTILINE) if text.startswith(" ") or "\n " in text else text


def _head(path: str | Path, content: bytes) -> tuple[str, list[str]]:
    """The separator and the names, from the same bytes for the check of a config as for the whole file."""
    text = _text(path, content[:HEAD], whole=len(content) < HEAD)
    if len(content) >= HEAD:
        text = text[: text.rfind("\n") + 1] or text
    separator = max(SEPARATORS, key=lambda mark: _fit(text, mark))
    cells = next(_rows(text, separator), [])
    # A heading of several lines is written in one: Excel makes them.
    cells = [" ".join(cell.split()) for cell in cells]
    if not any(cells):
        raise UserError(f"data.path={path}: this file has no line of names; it must hold one, and rows under it")
    if all(_is_number(cell) for cell in cells if cell):
        raise UserError(
            f"data.path={path}: the first line holds numbers alone; put a line with the columns' names above it"
        )
    names = [cell or f"column {place}" for place, cell in enumerate(cells, start=1)]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise UserError(f"data.path={path}: two columns are called {twice}; give each a name of its own")
    return separator, names


def _counts(path: str | Path, text: str, separator: str) -> Iterator[tuple[int, int]]:
    """Of each row the line that it begins at, and how many cells it has."""
    if '"' not in text:  # several times as fast
        yield from ((at, line.count(separator) + 1) for at, line in enumerate(text.split("\n"), start=1) if line)
        return
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True)
    line = 1
    try:
        for cells in rows:
            if cells:
                yield line, len(cells)
            line = rows.line_num + 1
    except csv.Error as error:
        open_quote = "end of data" in str(error) or "field limit" in str(error)
        reason = f"a quote is not closed, or a cell is longer than {csv.field_size_limit():,} characters"
        raise UserError(
            f"data.path={path}: the row of line {line} is not CSV: {reason if open_quote else error}"
        ) from None


def _fit(text: str, separator: str) -> tuple[bool, float]:
    """Whether it separates anything in the first row, and the share of the next rows with as many cells."""
    counts = [len(cells) for cells in islice(_rows(text, separator), 100)]
    return bool(counts) and counts[0] > 1, sum(count == counts[0] for count in counts) / max(len(counts), 1)


def _rows(text: str, separator: str) -> Iterator[list[str]]:
    try:
        yield from filter(None, csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True))
    except csv.Error:  # a cell too long: the quotes are wrong for this separator
        return


def _is_number(cell: str) -> bool:
    try:
        return float(cell) == float(cell)
    except ValueError:
        return False
