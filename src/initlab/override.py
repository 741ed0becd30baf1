"""An override of the config as one word that bash and Hydra take as it stands, for messages."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*|0|[1-9][0-9]*")
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
