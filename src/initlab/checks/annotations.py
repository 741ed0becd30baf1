"""Whether a plain value, as a config holds it, fits the annotation of an argument."""

from __future__ import annotations

import collections.abc
import datetime
import os
import types
import typing
from pathlib import Path
from typing import Any, Literal

SCALARS = {
    bool: "true or false", int: "a whole number", float: "a number", str: "a text", complex: "a number",
    type(None): "null", Path: "a path",
}  # fmt: skip
LISTS = (list, tuple, set, frozenset, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection)
MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
PATHS = (str, Path, os.PathLike)


def fits(value: Any, hint: Any) -> bool:
    """What an annotation says nothing about, such as an object that is described by a `_target_`, fits."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or isinstance(hint, typing.TypeVar) or (isinstance(value, dict) and "_target_" in value):
        return True
    if origin is typing.Annotated:
        return fits(value, parts[0])
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, part) for part in parts)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in parts)
    if value is None or hint is None or hint is type(None):
        return value is None and hint in (None, type(None), object)
    kind = origin or hint
    if not isinstance(kind, type):
        return True
    if kind in (int, float, complex):
        return isinstance(value, (int,) if kind is int else (int, float)) and not isinstance(value, bool)
    if kind in (bool, str):
        return isinstance(value, kind)
    if kind in PATHS:
        return isinstance(value, str)
    if kind in LISTS:
        return isinstance(value, list) and _items_fit(value, kind, parts)
    if kind in MAPPINGS:
        return isinstance(value, dict) and (not parts or all(fits(one, parts[-1]) for one in value.values()))
    if kind is datetime.timedelta:
        return False
    return kind is object or _could_hold_plain(kind)


def _items_fit(value: list[Any], kind: type, parts: tuple[Any, ...]) -> bool:
    if kind is tuple and parts and parts[-1] is not Ellipsis:
        return len(value) == len(parts) and all(map(fits, value, parts))
    return not parts or all(fits(one, parts[0]) for one in value)


def _could_hold_plain(kind: type) -> bool:
    """A protocol or a class of numbers may; a class of objects, such as a tensor or a strategy, is made by code."""
    return getattr(kind, "_is_protocol", False) or kind.__module__ in ("numbers", "enum")


def words_of(hint: Any) -> str:
    """`a whole number or null`."""
    return " or ".join(dict.fromkeys(_words(hint)))


def _words(hint: Any) -> list[str]:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        plain = [word for part in parts for word in _words(part)]
        literal = [part for part in parts if typing.get_origin(part) is Literal]
        if len(literal) > 1:  # as one list
            names = dict.fromkeys(str(one) for part in literal for one in typing.get_args(part))
            others = [word for part in parts if part not in literal for word in _words(part)]
            return ["one of " + ", ".join(names), *others]
        return plain
    if origin is Literal:
        return ["one of " + ", ".join(map(str, parts))]
    if origin is typing.Annotated:
        return _words(parts[0])
    kind = origin or hint
    if kind in SCALARS:
        return [SCALARS[kind]]
    if kind in LISTS:
        length = f" of {len(parts)}" if kind is tuple and parts and parts[-1] is not Ellipsis else ""
        return [f"a list{length}"]
    if kind in MAPPINGS:
        return ["a mapping"]
    if hint is None:
        return ["null"]
    return [f"a mapping with the _target_ of a {getattr(kind, '__name__', kind)}"]
