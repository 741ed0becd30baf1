"""Linear data with known weights, as in section 3.3 of Dive into Deep Learning (d2l.ai)."""

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from initlab.data.module import Splits, TensorDataModule, check_at_least
from initlab.errors import UserError
from initlab.seeds import generator


class SyntheticRegression(TensorDataModule):
    """y = X w + b + noise * N(0, 1) with X ~ N(0, 1): X float32 [batch, len(w)], y float32 [batch, 1]."""

    task = "regression"
    num_outputs = 1

    def __init__(
        self,
        *,
        w: Sequence[float] = (2.0, -3.4),
        b: float = 4.2,
        noise: float = 0.01,
        num_train: int = 1000,
        num_val: int = 1000,
        num_test: int = 1000,
        batch_size: int = 32,
        seed: int = 0,
    ) -> None:
        """`noise` is a standard deviation; `seed` decides both the numbers drawn and the training order."""
        super().__init__(batch_size=batch_size, seed=seed)
        if len(w) == 0:
            raise UserError("data.w=[]: it must hold at least one weight")
        if noise < 0:
            raise UserError(f"data.noise={noise}: it is a standard deviation, 0 or more")
        self._sizes = num_train, num_val, num_test
        for key, size in zip(("num_train", "num_val", "num_test"), self._sizes, strict=True):
            check_at_least(key, size, 1)
        self._w = torch.tensor([float(weight) for weight in w], dtype=torch.float32)
        self._b = float(b)
        self.noise = noise
        self.num_inputs = len(w)

    @property
    def truth(self) -> tuple[Tensor, float]:
        """The weights [num_inputs] and the bias that a model should find."""
        return self._w, self._b

    def same_rows(self) -> Hashable:
        return tuple(self._w.tolist()), self._b, self.noise, self._sizes, self.seed

    def make_splits(self) -> Splits:
        rng = generator("synthetic", self.seed)
        num_rows = sum(self._sizes)
        X = torch.randn(num_rows, self.num_inputs, generator=rng, dtype=torch.float32)
        noise = self.noise * torch.randn(num_rows, 1, generator=rng, dtype=torch.float32)
        y = X @ self._w.reshape(-1, 1) + self._b + noise
        return Splits(*zip(X.split(self._sizes), y.split(self._sizes), strict=True))
