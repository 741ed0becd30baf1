"""A user's lines under `mypy --strict`, which `make check` runs: right ones pass, and an ignored error that is none is
one itself."""

from torch import nn, ones

from initlab import compose, forecast, initialize, open_run, train

print(initialize(nn.Linear(2, 3), "kaiming").drawn)
trains: bool = forecast(nn.Linear(2, 3), (ones(4, 2), ones(4, 3))).trains
train(compose("model=mlp"))
path: int = open_run("latest").path  # type: ignore[assignment]
width: str = forecast("kaiming", "relu", [4, 3]).trains  # type: ignore[assignment]
