"""Train a model: `python scripts/train.py model=mlp init=kaiming`. `--help` lists every choice."""

from omegaconf import DictConfig

from initlab.cli.main import main as main_for
from initlab.process.freed_memory import keep_freed_memory
from initlab.process.quick_imports import quick_imports


@main_for("train")
def main(cfg: DictConfig) -> float:
    with quick_imports():
        from initlab.run import train  # torch and lightning take seconds: only once the config is known to be good

    keep_freed_memory()
    return train(cfg, command_line=True).score
