"""A config file whose text was read before is not parsed again, which is half the time of a composition."""

import io
import pickle
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

LOAD = OmegaConf.load
READ: dict[str, bytes] = {}


def load(file: Any) -> Any:
    """In place of `OmegaConf.load`; what it refuses is refused each time."""
    text = Path(file).read_text("utf-8") if isinstance(file, (str, Path)) else file.read()
    if text not in READ:
        READ[text] = pickle.dumps(LOAD(io.StringIO(text)))
    return pickle.loads(READ[text])
