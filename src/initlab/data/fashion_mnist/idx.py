"""Read one IDX file, the format of the MNIST family, and trust none of its bytes.

Layout (LeCun, Cortes and Burges, yann.lecun.com/exdb/mnist): two zero bytes, the type of an element (0x08 is
uint8), the number of dimensions, each dimension as a big-endian uint32, then the elements, the last dimension
running fastest.
"""

import gzip
import hashlib
import math
import mmap
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from initlab.data.fashion_mnist.publish import publish, staging
from initlab.errors import UserError


class CorruptFileError(UserError):
    """A file that is there and cannot be trusted: it names the file and what is wrong with it."""


def read_idx(path: Path, shape: tuple[int, ...], sha256: str, unpacked: Path | None = None) -> NDArray[np.uint8]:
    """The array in `path` (gzipped if it ends in .gz), read-only, its shape and every byte as expected.

    `sha256` is that of the decompressed file: the same images are in circulation gzipped in different ways. `unpacked`
    is a folder that keeps what was decompressed and found right: the next time it is mapped into memory, checked by
    its sha256 again (47 MB in 0.03 s with a processor that knows it; decompressing takes 0.5 s).
    """
    kept = unpacked / sha256 if unpacked and path.suffix == ".gz" else None
    if kept and (mapped := _kept(kept, path, sha256)) is not None:
        return np.frombuffer(mapped, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)
    content = _read(path)
    if content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        raise CorruptFileError(f"{path} is no IDX file of bytes: it begins with 0x{content[:4].hex()}")
    num_dims = content[3]
    found = struct.unpack_from(f">{num_dims}I", content, 4)
    if found != shape:
        raise CorruptFileError(f"{path} holds an array of shape {found}, not {shape}")
    start = 4 + 4 * num_dims
    expected = start + math.prod(shape)
    if len(content) < expected:
        raise CorruptFileError(f"{path} is truncated: {len(content):,} of {expected:,} bytes are left")
    if len(content) > expected:
        raise CorruptFileError(f"{path} continues after its end: {len(content):,} bytes instead of {expected:,}")
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise CorruptFileError(f"{path} was altered: its sha256 is {digest[:12]}..., not {sha256[:12]}...")
    if kept:
        _keep(content, kept)
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _kept(kept: Path, source: Path, sha256: str) -> mmap.mmap | None:
    """What is kept of `source`, if that has not changed since and every byte is as it was."""
    try:
        if kept.stat().st_mtime_ns < source.stat().st_mtime_ns:
            return None
        with kept.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):  # not there, or empty
        return None
    return content if hashlib.sha256(content).hexdigest() == sha256 else None


def _keep(content: bytes, kept: Path) -> None:
    with suppress(OSError), staging(kept.parent) as folder:  # a home that cannot be written, a disk that is full
        (folder / kept.name).write_bytes(content)
        publish([folder / kept.name], kept.parent)


def _read(path: Path) -> bytes:
    if not path.is_file():  # a pipe or a device would be read for ever
        raise CorruptFileError(f"{path} is not a regular file")
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except EOFError as error:
        raise CorruptFileError(f"{path} is truncated: its gzip stream ends early") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise CorruptFileError(f"{path} is a broken gzip file ({error})") from error
    except OSError as error:
        raise CorruptFileError(f"{path} cannot be read ({error.strerror})") from error
