"""Will it train? Said before the first step: `python scripts/forecast.py model=mlp init=normal model.depth=20`."""

from omegaconf import DictConfig

from initlab.cli import main


@main("forecast", writes=False)
def forecast(cfg: DictConfig) -> None:
    from initlab.theory.report import report  # torch takes seconds: only once the config is known to be good

    report(cfg)


if __name__ == "__main__":
    forecast()
