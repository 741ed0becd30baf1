"""Hydra composes a command's config twice, the first time only to read `hydra.mode`. No config of ours sets it, so
where no word can either, the answer is known; each command of the tests costs a composition less.

`tests/cli/test_command_lines.py` holds that answer to Hydra's own. Hydra's class is not public: where a later version
has it elsewhere, the import here fails, and the two lines that use this can go.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from hydra._internal.hydra import Hydra

CAN_SET_MODE = re.compile(r"[+~]*hydra(\.mode)?(@[^=]*)?(=|$)")
of_hydra: Callable[..., Any] = Hydra.get_mode


def names_mode(overrides: Sequence[str]) -> bool:
    return any(CAN_SET_MODE.match(word) for word in overrides)


def get_mode(self: Hydra, config_name: str | None, overrides: list[str]) -> Any:
    return of_hydra(self, config_name, overrides) if names_mode(overrides) else None
