"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747): 70,000 images of ten kinds of clothes."""

from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from initlab.data.fashion_mnist.sources import load_fashion_mnist
from initlab.data.grid import picture_grid
from initlab.data.module import Splits, TensorDataModule, check_at_least
from initlab.data.split import stratified_split
from initlab.errors import UserError

NUM_TRAIN = 60_000
PIXEL_MEAN, PIXEL_STD = 0.2860, 0.3530  # of all pixels of the 60,000 training images, scaled to [0, 1]


class FashionMNIST(TensorDataModule):
    """Batches of X float32 [batch, 1, H, W] and y int64 [batch], the number of the class.

    X is pixels / 255, 0 being background; with `normalize`, shifted and scaled to mean 0 and standard
    deviation 1 over the pixels of all training images.
    """

    task = "classification"
    num_outputs = 10
    class_names = (
        "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
    )  # fmt: skip

    def __init__(
        self,
        *,
        root: str | Path = "data",
        batch_size: int = 256,
        resize: Sequence[int] = (28, 28),
        normalize: bool = True,
        num_val: int = 5000,
        split_seed: int = 0,
        seed: int = 0,
    ) -> None:
        """
        root: folder of the four files; where a download is kept (see `initlab.data.fashion_mnist.sources`).
        resize: height and width in pixels; bilinear, with antialiasing.
        num_val: training images held out for validation, the same share of every class; 0 validates on the
            test images, as d2l does.
        split_seed, seed: which images are held out; the order of the training images.
        """
        super().__init__(batch_size=batch_size, seed=seed)
        resize = tuple(resize)
        if len(resize) != 2 or not all(isinstance(side, int) and side >= 1 for side in resize):
            raise UserError(f"data.resize={list(resize)}: it must be two positive integers, height and width")
        check_at_least("num_val", num_val, 0)
        if num_val >= NUM_TRAIN:
            raise UserError(f"data.num_val={num_val}: it must be less than the {NUM_TRAIN} training images")
        check_at_least("split_seed", split_seed, 0)
        self.root = root
        self.resize = resize
        self.num_inputs = resize[0] * resize[1]
        self.num_val = num_val
        self.split_seed = split_seed
        mean, std = (PIXEL_MEAN, PIXEL_STD) if normalize else (0.0, 1.0)
        self._scale = 1 / (255 * std)
        self._shift = torch.tensor(-mean / std, dtype=torch.float32)

    def same_rows(self) -> Hashable:
        return str(self.root), self.resize, self.num_val, self.split_seed, self._scale

    def make_splits(self) -> Splits:
        arrays = load_fashion_mnist(self.root)
        X, y = self._resized(arrays.train_images), torch.tensor(arrays.train_labels, dtype=torch.int64)
        test = self._resized(arrays.test_images), torch.tensor(arrays.test_labels, dtype=torch.int64)
        if self.num_val == 0:
            return Splits(train=(X, y), val=test, test=test)
        train, val = (  # X[rows] takes seven times as long
            (X.index_select(0, rows), y[rows]) for rows in stratified_split(y, self.num_val, self.split_seed)
        )
        return Splits(train=train, val=val, test=test)

    def _resized(self, images: NDArray[np.uint8]) -> Tensor:
        """uint8 [n, 28, 28] -> uint8 [n, 1, H, W]."""
        X = torch.tensor(images).unsqueeze(1)
        if X.shape[2:] == self.resize:
            return X
        return torch.nn.functional.interpolate(X, self.resize, mode="bilinear", antialias=True)

    def transform(self, X: Tensor) -> Tensor:
        """uint8 pixels -> float32, X * scale + shift."""
        X = X.float()  # first, as `torch.add` of both types at once takes twice as long
        return torch.add(self._shift, X, alpha=self._scale, out=X)

    def text_labels(self, indices: Iterable[int]) -> list[str]:
        """The names of the classes with these numbers."""
        return [self.class_names[int(index)] for index in indices]

    def visualize(self, batch: tuple[Tensor, Tensor], num_images: int = 32, num_columns: int = 8) -> NDArray[np.uint8]:
        """The first images of a batch, each over the name of its class: an RGB picture, uint8 [H, W, 3]."""
        X, y = (part[:num_images].cpu() for part in batch)
        pixels = ((X - self._shift) / self._scale).round().clamp(0, 255).to(torch.uint8)
        return picture_grid(pixels.squeeze(1).numpy(), self.text_labels(y.tolist()), num_columns)
