import gzip
import hashlib
import http.server
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import fake_fashion
import numpy as np
import pytest

from initlab.data.fashion_mnist import debian_package, sources
from initlab.data.fashion_mnist.files import FILES, Arrays, missing
from initlab.data.fashion_mnist.sources import download_by_torchvision, load_fashion_mnist, package_cache
from initlab.errors import UserError

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def served_by(caplog: pytest.LogCaptureFixture, root: Path) -> str:
    caplog.clear()
    with caplog.at_level(logging.INFO):
        fake_fashion.assert_right(load_fashion_mnist(root))
    (line,) = [r.getMessage() for r in caplog.records if "comes from" in r.getMessage()]
    return line.removeprefix("Fashion-MNIST comes from ")


def test_places_are_asked_in_order(
    fake: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sources, "fetch_package", fake_fashion.lay)
    assert served_by(caplog, fake) == "apt-get download dataset-fashion-mnist"
    assert not missing(package_cache())
    assert served_by(caplog, fake) == "package dataset-fashion-mnist"  # from the cache

    for file in package_cache().iterdir():
        file.unlink()
    monkeypatch.setattr(sources, "download_by_torchvision", fake_fashion.lay)
    assert served_by(caplog, fake) == "torchvision's download"
    assert served_by(caplog, fake) == f"data.root={fake}"  # kept there

    for file in (fake / "FashionMNIST" / "raw").iterdir():
        file.unlink()
    fake_fashion.lay(sources.INSTALLED)
    assert served_by(caplog, fake) == "package dataset-fashion-mnist"
    fake_fashion.lay(fake)
    assert served_by(caplog, fake) == f"data.root={fake}"


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("folder", [".", "FashionMNIST/raw"])
def test_root_serves_both_layouts(fake: Path, folder: str, zipped: bool) -> None:
    fake_fashion.lay(fake / folder, zipped)
    fake_fashion.assert_right(load_fashion_mnist(fake))


def test_the_last_error_names_every_place_and_its_reason(fake: Path) -> None:
    fake_fashion.lay(fake)
    (fake / f"{LABELS}.gz").unlink()
    with pytest.raises(UserError) as caught:
        load_fashion_mnist(fake)
    message = str(caught.value)
    for part in (
        f"data.root={fake}: {fake} lacks {LABELS}, {fake}/FashionMNIST/raw has none of the files;",
        f"package dataset-fashion-mnist: {sources.INSTALLED} has none of the files,",
        "torchvision's download: the network is down;",
        "apt-get download dataset-fashion-mnist: apt has no such package;",
        "or connect to the network",
    ):
        assert part in message
    assert not list(fake.rglob(".fetch-*"))


def label_out_of_range() -> bytes:
    return fake_fashion.idx_bytes(np.full(20, 10, np.uint8))


def bad_contents() -> dict[str, tuple[str, bytes]]:
    images, labels = (fake_fashion.idx_bytes(fake_fashion.ARRAYS[name]) for name in (IMAGES, LABELS))
    return {
        "truncated": (IMAGES, gzip.compress(images[:-100])),
        "cut gzip": (IMAGES, gzip.compress(images)[:-100]),
        "altered": (LABELS, gzip.compress(labels[:-1] + b"\1")),
        "images in the place of labels": (LABELS, gzip.compress(images)),
        "labels in the place of images": (IMAGES, gzip.compress(labels)),
        "test images in the place of training images": (
            IMAGES,
            gzip.compress(fake_fashion.idx_bytes(fake_fashion.ARRAYS["t10k-images-idx3-ubyte"])),
        ),
        "no gzip": (IMAGES, images),
    }


@pytest.mark.parametrize("case", bad_contents())
def test_a_bad_file_in_root_stops_and_one_in_the_package_does_not(
    fake: Path, case: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, content = bad_contents()[case]
    fake_fashion.lay(sources.INSTALLED)
    bad = fake_fashion.lay(fake) / f"{name}.gz"
    bad.write_bytes(content)
    with pytest.raises(UserError, match="delete it so that it is fetched again, or point data") as caught:
        load_fashion_mnist(fake)
    assert str(caught.value).startswith(str(bad))

    bad.unlink()
    (sources.INSTALLED / f"{name}.gz").write_bytes(content)
    monkeypatch.setattr(sources, "download_by_torchvision", fake_fashion.lay)
    assert served_by(caplog, fake) == "torchvision's download"
    assert "looking elsewhere" in caplog.text


def test_a_label_out_of_range_is_caught_even_with_the_right_checksum(
    fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_fashion.lay(fake)
    (fake / f"{LABELS}.gz").write_bytes(gzip.compress(label_out_of_range()))
    monkeypatch.setitem(FILES, LABELS, fake_fashion.content(np.full(20, 10, np.uint8)))
    with pytest.raises(UserError, match="holds the label 10; 0 to 9 are allowed"):
        load_fashion_mnist(fake)


def test_a_bad_download_is_not_kept(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(folder: Path) -> Path:
        (fake_fashion.lay(folder) / f"{IMAGES}.gz").write_bytes(b"<html>Please log in to the hotel</html>")
        return folder

    monkeypatch.setattr(sources, "download_by_torchvision", damaged)
    with pytest.raises(UserError, match=r"torchvision's download: .* is a broken gzip file"):
        load_fashion_mnist(fake)
    assert not list(fake.rglob("*ubyte*"))


def test_a_damaged_cache_is_repaired(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (fake_fashion.lay(package_cache()) / f"{IMAGES}.gz").write_bytes(b"")
    monkeypatch.setattr(sources, "fetch_package", fake_fashion.lay)
    load_fashion_mnist(fake)
    monkeypatch.undo()  # the real checksums are back, so read what is there by hand
    assert gzip.decompress((fake.parent / "cache/initlab/fashion-mnist" / f"{IMAGES}.gz").read_bytes()) == (
        fake_fashion.idx_bytes(fake_fashion.ARRAYS[IMAGES])
    )


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder served over HTTP as torchvision's only mirror, holding the fake data set."""
    from torchvision.datasets import FashionMNIST

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None: ...

    folder = fake_fashion.lay(tmp_path / "mirror")
    md5s = [(f.name, hashlib.md5(f.read_bytes()).hexdigest()) for f in folder.iterdir()]
    monkeypatch.setattr(FashionMNIST, "resources", md5s)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(FashionMNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
        yield
        server.shutdown()


@pytest.mark.usefixtures("mirror")
def test_torchvision_downloads_from_its_mirror(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "download_by_torchvision", download_by_torchvision)
    fake_fashion.assert_right(load_fashion_mnist(fake))
    raw = fake / "FashionMNIST" / "raw"
    assert {f.name for f in raw.iterdir()} == {f"{name}.gz" for name in FILES}
    fake_fashion.assert_right(load_fashion_mnist(fake))


def test_a_silent_network_is_given_up(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import FashionMNIST

    monkeypatch.setattr(sources, "download_by_torchvision", download_by_torchvision)
    monkeypatch.setattr(sources, "_SOCKET_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(FashionMNIST, "mirrors", [f"http://127.0.0.1:{silent.getsockname()[1]}/"])
        with pytest.raises(UserError, match=r"torchvision's download: .*timed out"):
            load_fashion_mnist(fake)
    assert socket.getdefaulttimeout() is None


def test_a_system_without_apt_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="this system has no apt-get"):
        debian_package.fetch_package(tmp_path)


def test_the_complaint_of_apt_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for program in ("apt-get", "dpkg-deb"):
        (bin_folder / program).write_text("#!/bin/sh\necho 'W: a warning' >&2\necho 'E: no luck' >&2\nexit 100\n")
        (bin_folder / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(bin_folder))
    with pytest.raises(RuntimeError, match="apt-get ended with code 100: E: no luck"):
        debian_package.fetch_package(tmp_path)


def test_the_package_is_fetched_for_real(real_arrays: Arrays, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some place had the data; where there is an apt, it has it too and installs nothing."""
    try:
        folder = debian_package.fetch_package(tmp_path)
    except (FileNotFoundError, RuntimeError) as error:
        pytest.skip(str(error))
    assert not missing(folder)
    found = load_fashion_mnist(folder)
    for array, expected in zip(found, real_arrays, strict=True):
        np.testing.assert_array_equal(array, expected)


def test_the_real_data_set(real_arrays: Arrays) -> None:
    assert int(real_arrays.train_images.sum(dtype=np.int64)) == 3_431_114_169
    labels = np.concatenate([real_arrays.train_labels, real_arrays.test_labels])
    np.testing.assert_array_equal(np.bincount(labels), np.full(10, 7000))
    assert real_arrays.train_images.shape == (60_000, 28, 28)
    assert real_arrays.test_images.shape == (10_000, 28, 28)


def test_finding_the_data_needs_neither_torch_nor_lightning() -> None:
    code = "import sys, initlab.data.fashion_mnist.sources; sys.exit(bool({'torch', 'lightning'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
