"""Will it train? Said before the first step: `python scripts/forecast.py model=mlp init=normal model.depth=20`.

`init=all` ranks every initialisation for this network, `activation=all` every activation, both together every pair.
"""

import sys

from omegaconf import DictConfig

from initlab.cli.main import main as main_for
from initlab.process.quick_imports import quick_imports

ALL = {"init=all": "init", "activation=all": "activation", "model.activation=all": "activation"}


@main_for("forecast", writes=False)
def _forecast(cfg: DictConfig) -> None:
    with quick_imports():
        from initlab.forecasting.terminal import report  # torch takes seconds: only once the config is known to be good

    report(cfg)


def with_ranks(words: list[str]) -> list[str]:
    """`all` is no option of a group: the words that ask for a ranking become the key that does."""
    asked = {ALL[word] for word in words if word in ALL}
    if not asked:
        return words
    rank = "true" if len(asked) == 2 else asked.pop()
    return [word for word in words if word not in ALL] + [f"forecast.rank={rank}"]


def main() -> None:
    sys.argv[1:] = with_ranks(sys.argv[1:])
    _forecast()
