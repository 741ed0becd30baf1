"""A YAML file that is small enough to be a config, also after its aliases are followed."""

from __future__ import annotations

from pathlib import Path

import yaml

from initlab.errors import UserError

LARGEST = 2**20  # bytes
MOST = 100_000  # values
DEEPEST = 40


def check_yaml(path: Path) -> None:
    """Raise UserError for what is no regular file, is too large, or has aliases that stand for too many values."""
    if not path.is_file():
        raise UserError(f"{path}: this is not a regular file, so not a config")
    if path.stat().st_size > LARGEST:
        raise UserError(f"{path}: a config holds at most {LARGEST:,} bytes")
    sizes: dict[int, int] = {}

    def size(node: yaml.Node, depth: int) -> int:
        if depth > DEEPEST:
            raise UserError(f"{path}: a config is at most {DEEPEST} levels deep; an alias may stand within itself")
        if id(node) not in sizes:
            pairs = node.value if isinstance(node, yaml.MappingNode) else []
            parts = [*(part for pair in pairs for part in pair)] if pairs else node.value
            below = parts if isinstance(parts, list) else []
            sizes[id(node)] = 1 + sum(size(part, depth + 1) for part in below)
        return sizes[id(node)]

    try:
        root = yaml.compose(path.read_text(encoding="utf-8"))
        count = size(root, 0) if root is not None else 0
    except (UnicodeDecodeError, OSError, RecursionError, yaml.YAMLError) as error:
        raise UserError(f"{path}: this config cannot be read: {' '.join(str(error).split())}") from None
    if count > MOST:
        raise UserError(f"{path}: its aliases stand for more than {MOST:,} values")
