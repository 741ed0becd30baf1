"""The four files of Fashion-MNIST (arXiv:1708.07747): names, contents, reading."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from initlab.data.fashion_mnist.idx import CorruptFileError, read_idx

NUM_CLASSES = 10


class Content(NamedTuple):
    """What a file has to hold: the shape of its array and the sha256 of its decompressed bytes."""

    shape: tuple[int, ...]
    sha256: str


FILES = {
    "train-images-idx3-ubyte": Content(
        (60_000, 28, 28), "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
    ),
    "train-labels-idx1-ubyte": Content((60_000,), "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    "t10k-images-idx3-ubyte": Content(
        (10_000, 28, 28), "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
    ),
    "t10k-labels-idx1-ubyte": Content((10_000,), "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
}


class Arrays(NamedTuple):
    """The whole data set: images uint8 [n, 28, 28], 0 is background; labels uint8 [n], 0 to 9. Read-only."""

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]


def missing(folder: Path) -> list[str]:
    """The names that `folder` has neither gzipped nor plain."""
    return [name for name in FILES if not _path(folder, name).exists()]


def read_folder(folder: Path, unpacked: Path | None = None) -> Arrays:
    """Read and verify the four files in one pass; CorruptFileError names the first that is bad. `unpacked`: see
    `read_idx`."""
    arrays = [read_idx(_path(folder, name), *content, unpacked) for name, content in FILES.items()]
    for name, array in zip(FILES, arrays, strict=True):
        if array.ndim == 1 and array.max() >= NUM_CLASSES:
            raise CorruptFileError(f"{_path(folder, name)} holds the label {array.max()}; 0 to 9 are allowed")
    return Arrays(*arrays)


def _path(folder: Path, name: str) -> Path:
    """The gzipped file if there is one: those are published verified, a plain one may be half unpacked."""
    zipped = folder / f"{name}.gz"
    return zipped if zipped.exists() else folder / name
