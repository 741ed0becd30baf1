"""Independent streams of random numbers, one for each purpose."""

import zlib

import numpy as np
import torch


def generator(purpose: str, *seeds: int, device: str | torch.device = "cpu") -> torch.Generator:
    """A torch generator that is a pure function of the purpose and the seeds.

    `generator("init", 0)` and `generator("order", 0, 3)` share no numbers, so a longer draw of weights never
    moves the order of the data. Every non-negative integer is a seed, 0 like any other.
    """
    entropy = [zlib.crc32(purpose.encode()), *seeds]
    state = np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state) >> 1)  # manual_seed takes 63 bits
