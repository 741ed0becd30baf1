"""The packages import one way, as CONTRIBUTING.md draws them."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "initlab"


def drawn() -> dict[str, int]:
    """The line that each package or module of the top level stands on, the lowest 0."""
    block = (ROOT / "CONTRIBUTING.md").read_text().split("## The arrows")[1].split("##")[0]
    lines = [line.split() for line in block.splitlines() if line.startswith("    ")]
    return {name: height for height, names in enumerate(reversed(lines)) for name in names}


def imported(path: Path) -> set[str]:
    """What a file imports of the project, `initlab.nn.layers` as `nn`; wherever in the file it does."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("initlab.")}


def test_imports_point_down() -> None:
    heights, wrong = drawn(), []
    for path in sorted(PACKAGE.rglob("*.py")):
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if own != "__init__":  # the public names, imported when asked for
            wrong += [f"{path}: {name}" for name in imported(path) - {own} if heights[name] >= heights[own]]
    assert not wrong


def test_every_package_is_drawn() -> None:
    found = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.rglob("*.py")}
    assert found - {"__init__"} == drawn().keys()
