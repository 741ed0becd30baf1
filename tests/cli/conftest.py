"""What the tests of command lines share."""

import io
import pickle
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

LOAD = OmegaConf.load
READ: dict[str, bytes] = {}


@pytest.fixture(autouse=True)
def configs_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading is half the time of a composition; the same text gives the same config."""

    def load(file: Any) -> Any:
        text = Path(file).read_text() if isinstance(file, (str, Path)) else file.read()
        if text not in READ:
            READ[text] = pickle.dumps(LOAD(io.StringIO(text)))
        return pickle.loads(READ[text])

    monkeypatch.setattr(OmegaConf, "load", load)
