"""Which key of the config an error came from: the sentence for what a class or function could not be given."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import get_object
from omegaconf import DictConfig

from initlab.error_sentence import one_line, sentence_for
from initlab.errors import UserError

MORE = "HYDRA_FULL_ERROR=1 shows where"
NO_MEMORY = (
    "there is too little memory for this run: lower data.batch_size, model.width or model.depth, or take less data"
)
HERE = Path(__file__).resolve().parents[1]  # the packages of the project
INSTALLED = tuple({str(Path(path)) for path in sysconfig.get_paths().values()})
OURS = (str(HERE), str(HERE.with_name("scripts")), *INSTALLED, "<")


def blame(error: Exception, cfg: DictConfig) -> str | None:
    """One sentence that names the key of what failed; None where code of the user's or no key has a part in it."""
    frames = [frame for part in _chain(error) for frame, _ in traceback.walk_tb(part.__traceback__)]
    inner = _chain(error)[-1]
    if isinstance(inner, UserError):
        return str(inner)
    if any(map(_of_the_user, frames)):
        return None
    if _is_for_memory(inner):
        return NO_MEMORY
    explained = sentence_for(inner)
    if isinstance(inner, OSError) and explained:
        return explained
    key = next((key for frame in reversed(frames) for key, made in _made(cfg) if _works_for(frame, made)), None)
    return f"{key}: {one_line(inner)} ({MORE})" if key else explained


def refused(error: Exception, key: str, target: str) -> Exception:
    """The error to raise where the class or function `target` cannot be given what stands under `key`."""
    inner = _chain(error)[-1]
    frames = [frame for part in _chain(error) for frame, _ in traceback.walk_tb(part.__traceback__)]
    if isinstance(inner, UserError):
        return inner
    if any(map(_of_the_user, frames)):
        return error
    if _is_for_memory(inner):
        return UserError(NO_MEMORY)
    return UserError(f"{key}: {target} cannot be made so: {one_line(inner)} ({MORE})")


def _chain(error: BaseException) -> list[BaseException]:
    """Hydra's own errors around it, then the error itself."""
    chain = [error]
    while isinstance(chain[-1], InstantiationException) and chain[-1].__cause__ is not None:
        chain.append(chain[-1].__cause__)
    return chain


def _of_the_user(frame: FrameType) -> bool:
    return not frame.f_code.co_filename.startswith(OURS)


def _is_for_memory(error: BaseException) -> bool:
    words = ("can't allocate memory", "out of memory", "Storage size calculation overflowed", "is too large")
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in words)
    )


def _made(cfg: DictConfig) -> Iterator[tuple[str, Any]]:
    """The classes and functions that the config names, the trainer, which everything happens in, last."""
    for group in ("data", "model", "init", "optimizer", "scheduler", "callbacks", "logger", "trainer"):
        node = cfg.get(group)
        several = group in ("callbacks", "logger")
        for key, one in ({f"{group}.{name}": node[name] for name in node or ()} if several else {group: node}).items():
            if one and "_target_" in one:
                yield key, get_object(one._target_)


def _works_for(frame: FrameType, made: Any) -> bool:
    if isinstance(made, type):
        return type(frame.f_locals.get("self")) is made
    return getattr(made, "__code__", None) is frame.f_code
