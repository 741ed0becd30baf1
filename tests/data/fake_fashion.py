"""A Fashion-MNIST of thirty images, to put in place of the real one; with a writer of IDX files of its own."""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np

from initlab.data.fashion_mnist.files import FILES, Content

_rng = np.random.default_rng(0)
ARRAYS = {
    "train-images-idx3-ubyte": _rng.integers(0, 256, (20, 28, 28), dtype=np.uint8),
    "train-labels-idx1-ubyte": np.arange(20, dtype=np.uint8) % 10,
    "t10k-images-idx3-ubyte": _rng.integers(0, 256, (10, 28, 28), dtype=np.uint8),
    "t10k-labels-idx1-ubyte": np.arange(10, dtype=np.uint8),
}


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 0x08, array.ndim, *array.shape) + array.tobytes()


def content(array: np.ndarray) -> Content:
    return Content(array.shape, hashlib.sha256(idx_bytes(array)).hexdigest())


def install_table() -> None:
    """From now on, in this process, these are the contents that Fashion-MNIST has to have."""
    FILES.update({name: content(array) for name, array in ARRAYS.items()})


def lay(folder: Path, zipped: bool = True) -> Path:
    """Write the four files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in ARRAYS.items():
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array)))
        else:
            (folder / name).write_bytes(idx_bytes(array))
    return folder


def assert_right(arrays: tuple[np.ndarray, ...]) -> None:
    for found, expected in zip(arrays, ARRAYS.values(), strict=True):
        np.testing.assert_array_equal(found, expected)
