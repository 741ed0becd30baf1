"""The fast checksum is the plain one."""

import random

from tensorboard.compat.tensorflow_stub import pywrap_tensorflow

from initlab.monitor.fast_events import BLOCK, crc32c, masked_crc32c


def test_the_check_value_of_the_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # "check" in the catalogue of CRCs for CRC-32C


def test_it_agrees_with_tensorboards_own_at_every_length() -> None:
    draw = random.Random(0)
    for n in [*range(60), *range(BLOCK - 5, BLOCK + 6), *range(3 * BLOCK - 5, 3 * BLOCK + 6), 20_000]:
        data = draw.randbytes(n)
        assert masked_crc32c(data) == pywrap_tensorflow.masked_crc32c(data), n
