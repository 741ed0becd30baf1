"""A checkpoint file that is not what it was: one sentence, nothing run, nothing half loaded."""

import hashlib
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


def test_no_flipped_bit_is_loaded(path: Path) -> None:
    sound = path.read_bytes()
    chance = random.Random(0)
    for at in [*range(8 * (len(sound) - 200), 8 * len(sound)), *(chance.randrange(8 * len(sound)) for _ in range(300))]:
        altered = bytearray(sound)
        altered[at // 8] ^= 1 << at % 8
        path.write_bytes(altered)
        with pytest.raises(UserError, match="cut off or altered"):
            read_checkpoint(path)


def test_a_flipped_bit_of_an_older_checkpoint_is_never_a_weight(path: Path) -> None:
    """As torch alone writes it. Every third bit of the zip's directory, at the end, and some of the others: the file is
    refused, or what it holds is what it held (a bit of padding, of a date)."""
    before = read_checkpoint(path)
    torch.save(before, path)
    sound = path.read_bytes()
    chance, refused = random.Random(0), 0
    directory = sound.index(b"PK\x01\x02")
    bits = [*range(8 * directory, 8 * len(sound), 3), *(chance.randrange(8 * directory) for _ in range(300))]
    for at in bits:
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
    assert refused > len(bits) // 2


@pytest.mark.parametrize("older", [False, True])
def test_bytes_around_it_are_noticed(path: Path, older: bool) -> None:
    if older:
        torch.save(read_checkpoint(path), path)
    sound = path.read_bytes()
    for altered in (b"#!/bin/sh\n" + sound, sound + b"\n", sound[:-1], sound[1:], sound + sound, b""):
        path.write_bytes(altered)
        with pytest.raises(UserError, match="cut off or altered"):
            read_checkpoint(path)


def test_its_digest_is_of_all_before_it(path: Path) -> None:
    content = path.read_bytes()
    assert content[-64:].decode() == hashlib.sha256(content[: -64 - len("initlab sha256 ")]).hexdigest()
    assert torch.load(path, weights_only=True)["global_step"] == 7  # it is a file for everybody's torch


def test_it_never_advises_to_run_code(tmp_path: Path) -> None:
    contents: list[Any] = [torch.nn.Linear(1, 1), print, {"state_dict": 1, "x": torch.nn.ReLU()}]
    for i, content in enumerate(contents):
        WholeCheckpointIO().save_checkpoint(content, tmp_path / f"{i}.ckpt")
    noise = random.Random(0).randbytes(500)
    (tmp_path / "noise.ckpt").write_bytes(noise + b"initlab sha256 " + hashlib.sha256(noise).hexdigest().encode())
    for file in tmp_path.iterdir():
        with pytest.raises(UserError, match=r"not loaded, .*|not a checkpoint") as caught:
            read_checkpoint(file)
        assert "weights_only" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_checkpoint_that_names_its_own_maker_is_refused(path: Path) -> None:
    content = read_checkpoint(path)
    content["hyper_parameters"]["_instantiator"] = "lightning.pytorch.cli.instantiate_module"
    WholeCheckpointIO().save_checkpoint(content, path)
    with pytest.raises(UserError, match="names a function that would make the model"):
        MLP.load_from_checkpoint(path)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.ckpt").mkdir()
    os.mkfifo(tmp_path / "pipe.ckpt")
    (tmp_path / "device.ckpt").symlink_to("/dev/zero")
    for name, kind in (("folder", "a folder"), ("pipe", "a pipe"), ("device", "a device")):
        with pytest.raises(UserError, match=f"{name}.ckpt: must be a file, but is {kind}"):
            read_checkpoint(tmp_path / f"{name}.ckpt")


def test_another_file_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save([1], tmp_path / "list.ckpt")
    with pytest.raises(UserError, match="no state_dict"):
        read_checkpoint(tmp_path / "list.ckpt")
    with pytest.raises(UserError, match="there is no such checkpoint"):
        read_checkpoint(tmp_path / "none.ckpt")
