"""Overrides of the config: as words that bash and Hydra take as they stand, for messages, and in place of others."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*|0|[1-9][0-9]*")
REPLACES = {  # a word of the remedy, and the typed words in whose place it stands, where not only its own key
    "init": r"init(\.\w+)*",
    "optimizer": r"optimizer(\.\w+)*|lr",
    "lr": r"lr|optimizer\.lr",
    "model.activation": r"model\.activation",
    "model.depth": r"model\.depth",
    "model.num_hiddens": r"model\.num_hiddens",
}
VALUES = {"null", "true", "false", "inf", "nan"}  # that Hydra takes for something else than text


def override(key: str, value: object) -> str:
    r"""`data.target=Price`, `"data.target='Price (\$)'"`, `"data.drop=[Id,'a b']"`."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        word = f"{key}=[{','.join(map(quoted, value))}]"
    else:
        word = f"{key}={quoted(value)}"
    if re.fullmatch(r"[A-Za-z0-9_./=-]+", word):
        return word
    if "!" in word:  # bash expands it even between double quotes
        return shlex.quote(word)
    return '"' + re.sub(r'([$`"\\])', r"\\\1", word) + '"'


def quoted(value: object) -> str:
    """In Hydra's grammar; a backslash means itself but before a quote, `${` begins an interpolation."""
    text = str(value)
    if PLAIN.fullmatch(text) and text.lower() not in VALUES:
        return text
    text = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)
    text = re.sub(r"(\\*)(?='|\Z)", r"\1\1", text).replace("'", r"\'")
    return f"'{text}'"


def replaced(words: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """The words with each override in the place of what it replaces, else at the end."""
    kept = list(words)
    for override in overrides:
        key = override.partition("=")[0]
        own = REPLACES.get(key, re.escape(key) + r"(\.\w+)*")
        same = re.compile(rf"[+~]*({own})(=.*)?", re.DOTALL)
        others = set(overrides) - {override}  # what they have put there stays
        at = [i for i, word in enumerate(kept) if same.fullmatch(word) and word not in others]
        place = at[0] if at else len(kept)
        rest = [word for i, word in enumerate(kept) if i not in at]
        kept = [*rest[:place], override, *rest[place:]]
    return kept
