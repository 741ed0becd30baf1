"""What --help shows: Hydra's page in a third of its time, most of which it spends copying every config to list it."""

from __future__ import annotations

from collections.abc import Sequence

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf, open_dict

from initlab.shipped import CONFIGS

HELP = {"--help", "-h"}


def help_page(config_name: str, words: Sequence[str]) -> str:
    """The choices, and the config that the overrides among `words` make."""
    overrides = [word for word in words if not word.startswith("-")]
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = compose(config_name, overrides=overrides, return_hydra_config=True)
    words_of_house = cfg.hydra.help
    with open_dict(cfg):
        del cfg["hydra"]
    groups = {path.name: sorted(option.stem for option in path.glob("*.yaml")) for path in CONFIGS.iterdir()}
    del groups["hydra"]  # --hydra-help tells about it
    choices = "\n".join(f"{group}: {', '.join(groups[group])}" for group in sorted(groups) if groups[group])
    return "\n".join(
        (
            words_of_house.header,
            "\n== Choices (group=option) ==",
            choices,
            "\n== Values (group.key=value) ==",
            OmegaConf.to_yaml(cfg),
            words_of_house.footer,
        )
    )
