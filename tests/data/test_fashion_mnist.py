import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from initlab.data import FashionMNIST
from initlab.data.fashion_mnist.files import Arrays
from initlab.data.fashion_mnist.module import PIXEL_MEAN, PIXEL_STD
from initlab.data.grid import picture_grid
from initlab.errors import UserError


@pytest.fixture(scope="module")
def data(real_root: Path, real_arrays: Arrays) -> FashionMNIST:
    data = FashionMNIST(root=real_root)
    data.prepare_data()
    return data


def images_of(part: tuple[torch.Tensor, torch.Tensor]) -> set[bytes]:
    return {image.tobytes() for image in part[0].numpy()}


def test_the_constants_are_those_of_the_training_images(real_arrays: Arrays) -> None:
    chunks = np.array_split(real_arrays.train_images, 20)
    counts = sum(np.bincount(chunk.ravel(), minlength=256) for chunk in chunks)
    values = np.arange(256) / 255
    mean = np.average(values, weights=counts)
    assert round(mean, 4) == PIXEL_MEAN
    assert round(np.average((values - mean) ** 2, weights=counts) ** 0.5, 4) == PIXEL_STD


def test_splits_are_stratified_disjoint_and_whole(data: FashionMNIST, real_arrays: Arrays) -> None:
    train, val, test = data.splits
    for (X, y), per_class in ((train, 5500), (val, 500), (test, 1000)):
        assert X.shape == (10 * per_class, 1, 28, 28)
        assert y.bincount().tolist() == [per_class] * 10
    assert sum(int(X.sum(dtype=torch.int64)) for X, _ in (train, val)) == 3_431_114_169
    everything = {image.tobytes() for image in real_arrays.train_images}
    assert images_of(train) | images_of(val) == everything
    assert len(images_of(train)) + len(images_of(val)) == len(everything)  # none twice, none in both


def test_no_validation_images_means_the_test_set(real_root: Path, real_arrays: Arrays) -> None:
    data = FashionMNIST(root=real_root, num_val=0)
    assert data.splits.val is data.splits.test
    np.testing.assert_array_equal(data.splits.train[0].squeeze(1), real_arrays.train_images)
    np.testing.assert_array_equal(data.splits.test[1], real_arrays.test_labels)


@pytest.mark.parametrize("normalize", [True, False])
def test_batches_equal_those_of_torchvision(real_root: Path, real_arrays: Arrays, normalize: bool) -> None:
    oracle = v2.Compose(
        [v2.ToImage(), v2.ToDtype(torch.float32, scale=True)] + [v2.Normalize([PIXEL_MEAN], [PIXEL_STD])] * normalize
    )
    data = FashionMNIST(root=real_root, normalize=normalize, num_val=0)
    X, y = next(iter(data.test_dataloader()))
    assert (X.dtype, y.dtype) == (torch.float32, torch.int64)
    expected = torch.stack([oracle(Image.fromarray(image)) for image in real_arrays.test_images[: len(X)]])
    torch.testing.assert_close(X, expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(y, real_arrays.test_labels[: len(y)])


def test_a_training_batch(data: FashionMNIST) -> None:
    loader = data.train_dataloader()
    assert len(loader) == 215  # 55,000 / 256
    X, y = next(iter(loader))
    assert X.shape == (256, 1, 28, 28)
    assert y.shape == (256,)
    assert X[0].numel() == data.num_inputs == 784
    mean_error = X.mean(dim=(1, 2, 3)).std() / 16  # images differ more than the pixels within one
    assert abs(X.mean()) < 5 * mean_error
    assert not X.equal(next(iter(loader))[0])  # the next epoch has another order
    assert X.equal(next(iter(data.train_dataloader()))[0])  # a new loader starts over


def test_resize_equals_that_of_torchvision(real_root: Path, real_arrays: Arrays) -> None:
    data = FashionMNIST(root=real_root, resize=(32, 24), normalize=False)
    X, _ = next(iter(data.test_dataloader()))
    assert data.num_inputs == 32 * 24
    assert X.shape[1:] == (1, 32, 24)
    images = torch.tensor(real_arrays.test_images[: len(X)]).unsqueeze(1)
    expected = v2.functional.resize(images.float(), [32, 24], antialias=True)
    assert (X * 255 - expected).abs().max() < 1.01  # gray levels


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        ({"batch_size": 0}, "data.batch_size=0: "),
        ({"batch_size": 2.5}, "data.batch_size=2.5: "),
        ({"num_val": -1}, "data.num_val=-1: "),
        ({"num_val": 60_000}, "data.num_val=60000: "),
        ({"resize": (28,)}, "data.resize=[28]: "),
        ({"resize": (28, 0)}, "data.resize=[28, 0]: "),
        ({"seed": -1}, "data.seed=-1: "),
        ({"split_seed": -1}, "data.split_seed=-1: "),
    ],
)
def test_nonsense_is_refused_by_name(arguments: dict[str, Any], start: str) -> None:
    with pytest.raises(UserError, match="^" + re.escape(start)):
        FashionMNIST(**arguments)


def test_the_picture_shows_the_images_and_their_labels(data: FashionMNIST) -> None:
    X, y = next(iter(data.val_dataloader()))
    picture = data.visualize((X, y), num_images=5, num_columns=3)
    assert picture.dtype == np.uint8
    stored = data.splits.val[0][:5, 0].numpy().repeat(3, axis=1).repeat(3, axis=2)
    tiles = np.lib.stride_tricks.sliding_window_view(picture[..., 0], (84, 84))
    for image in stored:  # each image is somewhere, pixel for pixel: the normalisation is undone exactly
        assert (tiles[::2, ::2] == image).all(axis=(2, 3)).any()
    assert data.text_labels([0, 9]) == ["t-shirt", "ankle boot"]


def test_the_label_is_under_its_image_and_fits() -> None:
    images = np.zeros((2, 28, 28), np.uint8)
    blank, labelled = (picture_grid(images, ["", label], 2) for label in ("", "ankle boot"))
    rows, columns = np.nonzero((blank != labelled).any(axis=2))
    assert rows.min() >= 10 + 84
    assert rows.max() < 10 + 84 + 20
    assert columns.min() >= 10 + 84 + 10
    assert columns.max() < 10 + 84 + 10 + 84
