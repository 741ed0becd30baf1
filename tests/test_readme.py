"""Every command that a page shows is one that can be typed."""

import re
import shlex
from pathlib import Path

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser

from initlab.config import CONFIGS, check_config

ROOT = CONFIGS.parent
PAGES = [ROOT / "README.md", *sorted(CONFIGS.rglob("*.yaml"))]
COMMANDS = sorted(
    {
        (page.relative_to(ROOT).as_posix(), " ".join(found.split()))
        for page in PAGES
        for found in re.findall(
            r"^[ #|-]* {3,}python scripts/train\.py((?: [^\s#`]+)+)", page.read_text(), re.MULTILINE
        )
    }
)


def test_commands_were_found() -> None:
    assert {page for page, _ in COMMANDS} >= {
        "README.md",
        "configs/experiment/d2l_mlp.yaml",
        "configs/hydra/default.yaml",
    }


@pytest.mark.parametrize(("page", "words"), COMMANDS)
def test_a_shown_command_composes(page: str, words: str) -> None:
    overrides = [word for word in shlex.split(words) if word != "-m" and not word.startswith("sweep.resume=")]
    parsed = OverridesParser.create().parse_overrides(overrides)
    first = [
        f"{o.get_key_element()}={next(iter(o.sweep_string_iterator()))}" if o.is_sweep_override() else o.input_line
        for o in parsed
    ]
    assert all(isinstance(line, str) for line in first)
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        check_config(hydra_compose("train", overrides=[*map(str, first), "run_dir=x"]))


@pytest.mark.parametrize("name", re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text()))
def test_a_linked_file_is_there(name: str) -> None:
    assert (Path(ROOT) / name).is_file()
