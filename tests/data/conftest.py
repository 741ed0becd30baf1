"""The real data set, fetched once, and a fake one of thirty images."""

from collections.abc import Callable
from pathlib import Path

import fake_fashion
import pytest

from initlab.data.fashion_mnist import sources
from initlab.data.fashion_mnist.files import FILES, Arrays
from initlab.errors import UserError


@pytest.fixture(scope="session")
def real_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder for the real data set; the user's own is left alone, the package cache is used."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def real_arrays(real_root: Path) -> Arrays:
    try:
        return sources.load_fashion_mnist(real_root)
    except UserError as error:
        pytest.skip(str(error))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty root; the fake data set is the one expected, and no place has it yet."""
    for name, array in fake_fashion.ARRAYS.items():
        monkeypatch.setitem(FILES, name, fake_fashion.content(array))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sources, "INSTALLED", tmp_path / "installed")
    monkeypatch.setattr(sources, "download_by_torchvision", _fail("the network is down"))
    monkeypatch.setattr(sources, "fetch_package", _fail("apt has no such package"))
    return tmp_path / "root"


def _fail(reason: str) -> Callable[[Path], Path]:
    def fetch(folder: Path) -> Path:
        raise OSError(reason)

    return fetch
