"""A checkpoint file that is not what it was: one sentence, nothing run, nothing half loaded."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from initlab.errors import UserError
from initlab.models import MLP
from initlab.runs.checkpoint_io import WholeCheckpointIO, read_checkpoint


@pytest.fixture
def path(tmp_path: Path) -> Path:
    model = MLP(20, 3, num_hiddens=[10])
    content = {"state_dict": model.state_dict(), "hyper_parameters": dict(model.hparams), "epoch": 1}
    content |= {"pytorch-lightning_version": "2.6.6", "global_step": 7, "loops": {}}
    WholeCheckpointIO().save_checkpoint(content, tmp_path / "a.ckpt")
    return tmp_path / "a.ckpt"


WAYS: list[Callable[[Path], Any]] = [
    read_checkpoint,
    lambda path: WholeCheckpointIO().load_checkpoint(path, weights_only=False),
    MLP.load_from_checkpoint,
]


@pytest.mark.parametrize("load", WAYS)
def test_a_sound_one_loads(path: Path, load: Callable[[Path], Any]) -> None:
    load(path)


@pytest.mark.parametrize("load", WAYS)
def test_a_pickle_that_would_run_code_runs_none(tmp_path: Path, load: Callable[[Path], Any]) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "boom"),)

    torch.save({"state_dict": {}, "hyper_parameters": {"num_inputs": Bomb()}}, tmp_path / "bomb.ckpt")
    with pytest.raises(UserError, match=r"bomb\.ckpt: not loaded, .* could run code") as caught:
        load(tmp_path / "bomb.ckpt")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "boom").exists()
    torch.load(tmp_path / "bomb.ckpt", weights_only=False)  # it is a live one
    assert (tmp_path / "boom").exists()


@pytest.mark.parametrize("load", WAYS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_truncated_one_is_named(path: Path, load: Callable[[Path], Any], share: float) -> None:
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(UserError, match=r"a\.ckpt: cut off or altered"):
        load(path)


def test_a_flipped_bit_is_never_a_weight(path: Path) -> None:
    """Any of 300 bits: the file is refused, or what it holds is what it held (a bit between the records)."""
    sound, before = path.read_bytes(), read_checkpoint(path)
    chance, refused = random.Random(0), 0
    for _ in range(300):
        at = chance.randrange(8 * len(sound))
        altered = bytearray(sound)
        altered[at // 8] ^= 1 << at % 8
        path.write_bytes(altered)
        try:
            after = read_checkpoint(path)
        except UserError:
            refused += 1
            continue
        assert after["hyper_parameters"] == before["hyper_parameters"]
        assert all(torch.equal(w, before["state_dict"][name]) for name, w in after["state_dict"].items())
    assert refused > 100


def test_another_file_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save([1], tmp_path / "list.ckpt")
    with pytest.raises(UserError, match="no state_dict"):
        read_checkpoint(tmp_path / "list.ckpt")
    with pytest.raises(UserError, match="there is no such checkpoint"):
        read_checkpoint(tmp_path / "none.ckpt")
