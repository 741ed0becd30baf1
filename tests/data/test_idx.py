import gzip
import os
import struct
from pathlib import Path

import fake_fashion
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from initlab.data.fashion_mnist.idx import CorruptFileError, read_idx

IMAGES = np.random.default_rng(1).integers(0, 256, (5, 28, 28), dtype=np.uint8)
PLAIN = fake_fashion.idx_bytes(IMAGES)


def read(path: Path, content: bytes, array: np.ndarray = IMAGES) -> np.ndarray:
    path.write_bytes(content)
    return read_idx(path, *fake_fashion.content(array))


@given(array=hnp.arrays(np.uint8, hnp.array_shapes(max_dims=4, max_side=6)), zipped=st.booleans())
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, zipped: bool) -> None:
    folder = tmp_path_factory.mktemp("idx")
    content = fake_fashion.idx_bytes(array)
    path, content = (folder / "x.gz", gzip.compress(content)) if zipped else (folder / "x", content)
    found = read(path, content, array)
    np.testing.assert_array_equal(found, array)


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (PLAIN[:-1], "truncated: 3,935 of 3,936 bytes"),
        (PLAIN[:10], "is no IDX file"),
        (b"", "is no IDX file"),
        (PLAIN + b"\0", "continues after its end"),
        (flipped(PLAIN, 2000), "was altered"),
        (PLAIN[:2000] + bytes(len(PLAIN) - 2000), "was altered"),
        (flipped(PLAIN, 1), "is no IDX file"),
        (flipped(PLAIN, 2), "is no IDX file"),
        (b"<html><body>404</body></html>" * 200, "is no IDX file"),
        (struct.pack(">HBBI", 0, 8, 1, 5) + bytes(5), r"shape \(5,\), not \(5, 28, 28\)"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_corruption_is_named(tmp_path: Path, content: bytes, complaint: str, zipped: bool) -> None:
    path = tmp_path / ("x.gz" if zipped else "x")
    with pytest.raises(CorruptFileError, match=complaint) as caught:
        read(path, gzip.compress(content) if zipped else content)
    assert str(caught.value).startswith(str(path))


def test_every_flipped_bit_of_the_header_is_caught(tmp_path: Path) -> None:
    for at in range(16):
        with pytest.raises(CorruptFileError):
            read(tmp_path / "x", flipped(PLAIN, at))


def test_every_truncation_and_flip_of_a_gzip_stream_is_caught_or_harmless(tmp_path: Path) -> None:
    zipped = gzip.compress(fake_fashion.idx_bytes(IMAGES[:1, :3]), mtime=0)
    for length in range(len(zipped)):
        with pytest.raises(CorruptFileError):
            read(tmp_path / "x.gz", zipped[:length], IMAGES[:1, :3])
    for at in range(len(zipped)):  # the header's time, flags and system may change and the contents stay
        try:
            found = read(tmp_path / "x.gz", flipped(zipped, at), IMAGES[:1, :3])
        except CorruptFileError:
            continue
        np.testing.assert_array_equal(found, IMAGES[:1, :3])


def test_an_unreadable_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorruptFileError, match="is not a regular file"):
        read_idx(tmp_path, *fake_fashion.content(IMAGES))


def test_what_was_decompressed_is_kept_and_checked(tmp_path: Path) -> None:
    path, unpacked = tmp_path / "x.gz", tmp_path / "cache" / "unpacked"
    shape, sha256 = fake_fashion.content(IMAGES)
    path.write_bytes(gzip.compress(PLAIN))
    os.utime(path, (1, 1))
    read_idx(path, shape, sha256, unpacked)
    (kept,) = unpacked.iterdir()
    assert kept.read_bytes() == PLAIN

    path.write_bytes(b"no longer read")
    os.utime(path, (1, 1))  # as old as it was
    np.testing.assert_array_equal(read_idx(path, shape, sha256, unpacked), IMAGES)

    os.utime(path)  # but this one is new
    os.utime(kept, (2, 2))
    with pytest.raises(CorruptFileError, match="broken gzip"):
        read_idx(path, shape, sha256, unpacked)

    path.write_bytes(gzip.compress(PLAIN))
    for spoilt in (b"", PLAIN[:-1], bytes([*PLAIN[:-1], PLAIN[-1] ^ 1])):
        kept.write_bytes(spoilt)
        np.testing.assert_array_equal(read_idx(path, shape, sha256, unpacked), IMAGES)
        assert kept.read_bytes() == PLAIN  # written anew

    kept.unlink()
    unpacked.rmdir()
    unpacked.write_text("a file where the folder should be")
    np.testing.assert_array_equal(read_idx(path, shape, sha256, unpacked), IMAGES)
