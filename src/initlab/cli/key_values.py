"""The words of a command without Hydra: `run=latest weights=last`."""

from __future__ import annotations

from collections.abc import Sequence

from initlab.checks.rule import did_you_mean
from initlab.errors import UserError


def key_values(words: Sequence[str], keys: Sequence[str]) -> dict[str, str]:
    """By key; of a key that is given twice the last.

    Raises:
        UserError: for a word that is no key=value with one of the keys.
    """
    given = {}
    for word in words:
        key, equals, value = word.partition("=")
        if key not in keys or not equals:
            raise UserError(f"{word}: must be key=value with a key of {', '.join(keys)}{did_you_mean(key, keys)}")
        given[key] = value
    return given
