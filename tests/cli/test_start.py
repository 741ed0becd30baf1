"""How a command starts Hydra."""

from collections import Counter
from pathlib import Path
from shutil import copytree
from unittest import mock

import pytest
from command_lines import BASES, SHORT, answer
from omegaconf import OmegaConf

from initlab.cli import start
from initlab.shipped import CONFIGS


@pytest.mark.parametrize("words", [["lr=-1"], ["-m", "hydra.sweeper.params=3"]])
def test_a_config_is_composed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    with mock.patch.object(OmegaConf, "load", wraps=OmegaConf.load) as load:
        said = answer("train", [*BASES[0], *SHORT, *words])
    assert "must be" in said.err
    read = Counter(call.args[0].name for call in load.call_args_list)
    assert read[str(CONFIGS / "train.yaml")] == 1
    assert set(read.values()) == {1}


@pytest.mark.parametrize("more", [[], ["hydra.mode=null"]])
def test_a_file_may_ask_for_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    configs = copytree(CONFIGS, tmp_path / "configs")
    mine = "# @package _global_\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    params: 3\n"
    (configs / "experiment" / "mine.yaml").write_text(mine)
    monkeypatch.setattr(start, "CONFIGS", configs)
    said = answer("train", [*BASES[0], *SHORT, "experiment=mine", *more])
    assert ("hydra.sweeper.params=3: must be a mapping" in said.err) is (not more)
