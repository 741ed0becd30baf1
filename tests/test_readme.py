"""Every command that is shown anywhere can be pasted into bash, and composes."""

import re
import subprocess
from pathlib import Path

import pytest
from children import PATIENCE
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from initlab.cli.help import help_page
from initlab.config import check_config
from initlab.shipped import CONFIGS

ROOT = CONFIGS.parent
MARKDOWN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
CODE = sorted(path for folder in ("src", "scripts", "configs") for path in (ROOT / folder).rglob("*.*"))
START = r"(?:python (?:-m |scripts/)|make \w|tensorboard --|pip install|source |eval )"
A_LINE = re.compile(rf"^[ #|-]* {{3,}}({START}.*)$", re.MULTILINE)  # indented; the whole line is pasted
IN_TEXT = re.compile(rf"`({START}[^`]*)`")
IN_CODE = re.compile(r"(python scripts/[^\"`\n\\]*)")  # also what the program prints, with holes {...}


def shown() -> dict[str, str]:
    """Command -> where it stands."""
    found = {}
    for path in [*MARKDOWN, *(p for p in CODE if p.suffix in (".py", ".yaml"))]:
        text, where = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        if where == "src/initlab/cli/help.py":  # as it is printed
            text = help_page("train") + help_page("forecast")
        patterns = [A_LINE, IN_TEXT] if path.suffix != ".py" else [A_LINE, IN_TEXT, IN_CODE]
        for pattern in patterns:
            found.update({re.sub(r"\{[^}]*\}", "x", command).strip(): where for command in pattern.findall(text)})
    return found


SHOWN = shown()


def words(command: str) -> list[str]:
    """As bash splits them; the program itself is not run."""
    script = f'{command.split()[0]}() {{ printf "%s\\0" "$@"; }}; {command}'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\0")[:-1]


def test_commands_were_found() -> None:
    assert len(SHOWN) > 60
    assert {"README.md", "docs/sweeps.md", "configs/experiment/d2l_mlp.yaml", "src/initlab/cli/help.py"} <= set(
        SHOWN.values()
    )


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shown_command_is_one_for_the_shell(shell: str) -> None:
    """zsh has globs in brackets and parentheses, which must be quoted."""
    for command, where in SHOWN.items():
        if shell == "bash":
            checked = subprocess.run(["bash", "-n"], input=command, text=True, capture_output=True, timeout=PATIENCE)
            assert checked.returncode == 0, (where, command, checked.stderr)
        else:
            bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", command.split(" #")[0])
            assert not re.search(r"[\[\](){}*?|<>;]", bare), (where, command)


def overrides_of(command: str) -> tuple[str, ...]:
    """Its words that are composed, as they stand there."""
    return tuple(word for word in command.split(" #")[0].split() if "=" in word)


TRAIN = sorted(  # one of each set of overrides
    {overrides_of(command): command for command in SHOWN if command.startswith("python scripts/train.py")}.values()
)


def first_value(override: Override) -> object:
    """Of a sweep's."""
    return next(iter(override.sweep_string_iterator())) if override.is_discrete_sweep() else override.value().start


@pytest.mark.parametrize("command", TRAIN)
def test_a_shown_command_composes(command: str) -> None:
    given = [word for word in words(command)[1:] if not word.startswith(("-", "sweep.resume="))]
    overrides = [word for word in given if word != "install=bash" and "=<" not in word and "=" in word and word != "x"]
    parsed = OverridesParser.create().parse_overrides(overrides)
    first = [f"{o.get_key_element()}={first_value(o)}" if o.is_sweep_override() else o.input_line for o in parsed]
    assert all(isinstance(line, str) for line in first)
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        check_config(hydra_compose("train", overrides=[*map(str, first), "run_dir=x"]))


LINKS = sorted(
    {
        (page.relative_to(ROOT).as_posix(), name)
        for page in MARKDOWN
        for name in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if "://" not in name
    }
)


@pytest.mark.parametrize(("page", "name"), LINKS)
def test_a_linked_file_is_there(page: str, name: str) -> None:
    assert ((ROOT / page).parent / name).is_file()


def test_the_front_page_stays_one() -> None:
    assert len(Path(ROOT / "README.md").read_text().splitlines()) <= 150
