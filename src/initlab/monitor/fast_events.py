"""The checksum of TensorBoard's event files, a hundred times faster."""

from __future__ import annotations

from functools import cache

import numpy as np
from tensorboard.summary.writer import record_writer

BLOCK = 1024  # bytes taken at once
_FAST_FROM = 32  # bytes; under it the plain loop is as fast


def speed_up_event_files() -> None:
    """Let this process's event files be written with `masked_crc32c` below.

    Without TensorFlow, tensorboard takes the checksum of every event byte by byte in Python: 0.13 ms for the mean and
    std of eleven layers, the larger part of what watching costs, and 18 ms for a picture of 100 kB. The files are the
    same to the byte.
    """
    if _plain is not None:  # a release that has it elsewhere is left as it is
        record_writer.masked_crc32c = masked_crc32c


_plain = getattr(record_writer, "masked_crc32c", None)


def masked_crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli, RFC 3720), rotated and offset as TFRecord files have it."""
    if len(data) < _FAST_FROM and _plain is not None:
        return _plain(data)
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """Of at least 4 bytes.

    A CRC is linear: it is the exclusive or of what each byte gives at its distance from the end, read from a table;
    the state so far enters as an exclusive or with the next four bytes.
    """
    table = _table()
    octets = np.frombuffer(data, np.uint8)
    size = len(octets) % BLOCK  # of the first block
    size += BLOCK if size < 4 else 0
    state, start = 0xFFFFFFFF, 0
    while start < len(octets):
        size = size if start == 0 else BLOCK
        block = octets[start : start + size].astype(np.int64)
        block[:4] ^= np.frombuffer(state.to_bytes(4, "little"), np.uint8)
        block += _offsets()[-size:]
        state = int(np.bitwise_xor.reduce(table[block]))
        start += size
    return state ^ 0xFFFFFFFF


@cache
def _table() -> np.ndarray:
    """[(BLOCK + 4) * 256]: entry 256 d + b is what byte b gives when d bytes follow it in the block."""
    one: np.ndarray = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        one = (one >> 1) ^ np.where(one & 1, np.uint32(0x82F63B78), np.uint32(0))
    rows: list[np.ndarray] = [one]
    for _ in range(BLOCK + 3):
        rows.append((rows[-1] >> 8) ^ one[rows[-1] & 0xFF])
    return np.concatenate(rows)


@cache
def _offsets() -> np.ndarray:
    return np.arange(BLOCK + 3, -1, -1, dtype=np.int64) * 256
