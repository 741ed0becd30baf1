"""The files of a folder that may come from anywhere, read without hanging: whole, of limited size, never a pipe."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

from initlab.errors import UserError

# Without O_NONBLOCK the opening of a pipe waits until another process writes to it. Windows has only the last.
READ = os.O_RDONLY
for _flag in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
    READ |= getattr(os, _flag, 0)
MOST = 16 * 2**20  # bytes of a file that a person could read
MOST_ROWS = 2 * 2**30  # bytes of a table
MOST_VALUES, DEEPEST = 20_000, 50  # of a config
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFREG: "a file",
}
WANDB = "wandb"  # its folder in that of a run


def read_file(path: str | Path, most: int = MOST) -> bytes:
    """The content of a regular file; a symbolic link to one is followed.

    Raises:
        FileNotFoundError: there is none.
        UserError: it is something else, larger than `most` bytes, or cannot be read.
    """
    with open_file(path, most) as file:
        try:
            return file.read()
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None


def open_file(path: str | Path, most: int = MOST) -> BinaryIO:
    """The same, open."""
    try:
        file = open(os.open(path, READ), "rb")  # noqa: SIM115
    except FileNotFoundError:
        raise
    except IsADirectoryError:
        raise UserError(f"{path}: must be a file, but is a folder") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
    about = os.fstat(file.fileno())
    if stat.S_ISREG(about.st_mode) and about.st_size <= most:
        return file
    file.close()
    if not stat.S_ISREG(about.st_mode):
        raise UserError(f"{path}: must be a file, but is {kind_of_file(about.st_mode)}")
    raise UserError(f"{path}: {about.st_size:,} bytes, more than a run writes there ({most:,})")


def check_folder(path: Path) -> None:
    """Raise UserError where something else has the name of a folder that is to be written to, as a symbolic link."""
    if os.path.lexists(path) and not stat.S_ISDIR(os.lstat(path).st_mode):
        raise UserError(f"{path}: must be a folder, but is {kind_of_file(os.lstat(path).st_mode)}")


def check_no_links(folder: Path) -> None:
    """Raise UserError unless all in a folder is files and folders: what is cut or deleted there is of the folder, and
    no reading of a pipe waits for ever. Within `wandb`, where that program puts links, nothing is cut or read."""
    with os.scandir(folder) as entries:
        for entry in entries:
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode) and entry.name == WANDB:
                continue
            if stat.S_ISDIR(mode):
                check_no_links(Path(entry.path))
            elif not stat.S_ISREG(mode):
                raise UserError(
                    f"{entry.path}: {kind_of_file(mode)}, where a run that resumes cuts and writes files; "
                    "put a file or folder of its own in its place"
                )


def kind_of_file(mode: int) -> str:
    return KINDS.get(stat.S_IFMT(mode), "no file")


def read_text(path: str | Path) -> str:
    """The same of UTF-8."""
    try:
        return read_file(path).decode()
    except UnicodeDecodeError:
        raise UserError(f"{path}: not text, it was altered") from None


def read_json(path: str | Path, kind: type[Any]) -> Any:
    """An object of `kind` (dict or list) from a JSON file."""
    text = read_text(path)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise UserError(f"{path}: not whole JSON, it was cut off or altered") from None
    if not isinstance(content, kind):
        raise UserError(f"{path}: must hold {'a list' if kind is list else 'an object'}, it was altered")
    return content


def check_yaml(text: str, path: str | Path) -> None:
    """Raise UserError unless the text is YAML of limited size and depth, without references to other parts of it, by
    which a few lines can stand for billions."""
    import yaml

    values = depth = 0
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(event, yaml.AliasEvent):
                raise UserError(f"{path}: *{event.anchor} refers to another part of the file, which a run never writes")
            values += isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent))
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if values > MOST_VALUES or depth > DEEPEST:
                limit = f"{MOST_VALUES:,} values" if depth <= DEEPEST else f"{DEEPEST} levels"
                raise UserError(f"{path}: more than {limit}, which no config has")
    except (yaml.YAMLError, RecursionError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 1})" if where else ""
        raise UserError(f"{path}: not whole YAML, it was cut off or altered{line}") from None
