"""Command lines that a person may type: most of them are wrong. For `test_command_lines`."""

# ruff: noqa: SIM905
import contextlib
import io
import itertools
import os
import re
import runpy
import signal
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import lightning as L
from children import PATIENCE
from composed_once import Hydra, get_mode
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import initlab.run
from initlab.shipped import CONFIGS, values

SCRIPTS = CONFIGS.parent / "scripts"

# Small data and a network that fits them. Nothing of these is left where the words of a command line change it.
BASES = (
    ("model=linear", "data=synthetic_regression", "init=normal"),
    ("model=mlp_regression", "data=truth_table", "init=xavier", "optimizer=adam", "callbacks=activation_stats"),
    ("model=mlp_regression", "data=csv", "data.path=rows.csv", "data.target=y", "optimizer=adamw", "scheduler=step"),
    ("model=mlp", "data=csv", "data.path=rows.csv", "data.target=word", "optimizer=torch_sgd", "scheduler=one_cycle"),
    ("model=neuron", "data=truth_table", "scheduler=cosine", "callbacks.monitor.table=true"),
)
SHORT = ("trainer=cpu", "threads=1")
GROUPS = sorted(path.name for path in CONFIGS.iterdir() if path.is_dir())


class Enough(BaseException):
    """The first update is made: these words are accepted."""


class Once(L.Callback):
    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        raise Enough


@dataclass(frozen=True)
class Answer:
    """What a command did. status: its exit status; 0 too for a run that came to its first update, which `began`."""

    status: int | None
    began: bool
    out: str
    err: str


def answer(script: str, words: Sequence[str]) -> Answer:
    """Of `python scripts/<script>.py <words>`, in this process and in the working directory. A traceback is raised."""
    out, err = io.StringIO(), io.StringIO()
    status, began = 0, False
    original = initlab.run.train
    with (
        mock.patch.object(sys, "argv", [str(SCRIPTS / f"{script}.py"), *words]),
        mock.patch.object(initlab.run, "train", lambda cfg, **more: original(cfg, [Once()], **more)),
        mock.patch.object(Hydra, "get_mode", get_mode),
        mock.patch.object(os, "fsync", return_value=None),  # no machine fails here
        mock.patch.dict(os.environ),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        not_for_ever(),
    ):
        os.environ.pop("HYDRA_FULL_ERROR", None)
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        except Enough:
            began = True
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else 1 if leaving.code else 0
    return Answer(status, began, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def not_for_ever() -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def keys_of(*words: str, name: str = "train") -> dict[str, Any]:
    """Every key of the config that the words make, Hydra's own too, and what it is: groups and values."""
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = compose(name, overrides=[*words, "run_dir=x"], return_hydra_config=True)
    plain: Any = OmegaConf.to_container(cfg, resolve=False)

    hidden = ("hydra.runtime", "hydra.help", "hydra.hydra_help")
    return {key: value for key, value in values(plain) if not key.startswith(hidden)}


def _number(rng: Random) -> str:
    some = """
        0 -0.0 1 -1 2 3 0.5 1.5 -3 16 1e-300 1e300 nan inf -inf 007 1_000 100000 4294967296 1e9 3000000000
        9223372036854775807 99999999999999999999999 -99999999999999999999999
    """.split()
    any_float = struct.unpack("d", rng.randbytes(8))[0]
    return rng.choice([rng.choice(some), str(rng.randint(-(2 ** rng.randint(1, 70)), 2**70)), str(any_float)])


def _text(rng: Random) -> str:
    some = """
        '' null true false abc relu cpu gpu ünïcode ~ ~/x val/acc /dev/null /dev/zero fifo folder rows.csv binary
        no/such/file -m --help 32 16-mixed ??? '%s' '{}' '[red]x[/]' x:y a/../b .
    """.split()
    own = "".join(chr(rng.choice((rng.randint(1, 0x7F), rng.randint(1, 0xD7FF)))) for _ in range(rng.randint(0, 6)))
    return rng.choice([*some, "' '", "'日本 語'", "'a\tb'", "'\n'", "a" * 300, *[own] * len(some)])


def _interpolation(rng: Random) -> str:
    some = """
        ${lr} ${nope} ${data} ${.} ${..lr} ${oc.env:NOPE} ${oc.env:HOME} ${repeat:0.1,300000000} ${repeat:0.1,3}
        ${repeat:a,b} ${repeat:${repeat:1,9999},9999} ${nope:1} ${ $lr ${model} ${seed} ${oc.decode:'['}
        ${hydra:job.num} ${hydra:nope} ${now:%Y} ${mode_of:1} ${shipped:x} ${new_folder:made} ${trainer.max_epochs}
        ${callbacks} ${run_dir}
    """.split()
    return rng.choice([*some, "${oc.create:{a: 1}}"])


def _target(rng: Random) -> str:
    some = """
        torch.nn.Linear torch.optim.RMSprop torch.optim.LBFGS builtins.print builtins.dict builtins.exit builtins.object
        nope.Nope os 1 torch a..b .x initlab.nn.SGD initlab.data.FashionMNIST initlab.models.MLP initlab.init.Normal
        initlab.nn.schedule.cosine initlab.errors.UserError initlab.models.Module lightning.Trainer
        lightning.LightningModule lightning.pytorch.loggers.CSVLogger lightning.pytorch.callbacks.EarlyStopping
        lightning.pytorch.callbacks.ModelCheckpoint torch.optim.lr_scheduler.StepLR
    """.split()
    return rng.choice([*some, ""])


def _broken(rng: Random) -> str:
    some = """
        [ ] { } ' " a'b ( ) \\ a=b 1,2 range(1,3) choice(a,b) interval(0,1) glob(*) sort(1) int(x) float('x')
        shuffle(1,2) tag(a) extend_list(1) [1, {a:
    """.split()
    return rng.choice([*some, "a b", ""])


PLAIN = (_number, _text, _interpolation, _target, _broken)


def _structured(rng: Random) -> str:
    leaf = rng.choice(PLAIN)
    if rng.random() < 0.5:
        return f"[{','.join(leaf(rng) for _ in range(rng.randint(0, 3)))}]"
    names = ["a", "_target_", "lr", "hours", "minutes", "1", "_partial_", "_args_"]
    return "{" + ",".join(f"{key}: {leaf(rng)}" for key in rng.sample(names, rng.randint(0, 2))) + "}"


def _near(rng: Random, own: Any) -> str:
    """What a key may well be: as it is, or another of its kind."""
    if isinstance(own, bool):
        return rng.choice(["true", "false"])
    if isinstance(own, (int, float)):
        return rng.choice([str(own), str(2 * own), str(own / 4), "1", "2", "0.5"])
    return own if isinstance(own, str) and re.fullmatch(r"[\w./-]+", own) else "null"


def _mistyped(rng: Random, key: str) -> str:
    place = rng.randrange(len(key))
    return key[:place] + key[place + 1 :] if place % 2 else f"{key[:place]}x{key[place:]}"


def one_word(rng: Random, keys: Mapping[str, Any], shape: int) -> str:
    """An override, mostly of a key that is there, every other time with a value that may fit; each group as often as
    another."""
    group = rng.choice(sorted({key.split(".")[0] for key in keys}))
    key = rng.choice([key for key in keys if key.split(".")[0] == group])
    value = _near(rng, keys[key]) if rng.random() < 0.5 else rng.choice([*PLAIN, _structured])(rng)
    if shape < 9:
        return f"{key}={value}"
    if shape < 11:
        return f"+{key}.{rng.choice(NEW)}={value}"
    if shape < 14:
        return f"{('++', '+', '~')[shape - 11]}{key}={value}"
    if shape == 14:
        return f"~{key}"
    if shape == 15:
        return f"{_mistyped(rng, key)}={value}"
    if shape == 16:
        group = rng.choice(GROUPS)
        # ddp starts processes of its own, which are tested in test_ddp
        options = sorted(path.stem for path in (CONFIGS / group).glob("*.yaml") if path.stem != "ddp")
        return f"{group}={rng.choice(options) if options else value}"
    if shape == 17:
        return rng.choice([key, f"={value}", f"{key}=", f"{key}@x={value}", "=", "", f"{key}:{value}", value])
    if shape == 18:
        return f"++trainer.{rng.choice(OF_TRAINER)}={value}"
    return f"++{rng.choice(MORE_KEYS)}={value}"


SHAPES = range(20)
NEW = ("foo", "eps", "nesterov", "verbose", "mode", "_args_", "_convert_", "_partial_", "_target_", "")
OF_TRAINER = """
    profiler plugins num_nodes fast_dev_run val_check_interval log_every_n_steps inference_mode benchmark
    barebones logger callbacks default_root_dir sync_batchnorm reload_dataloaders_every_n_epochs limit_predict_batches
    enable_autolog_hparams model_registry
""".split()
MORE_KEYS = """
    optimizer.eps optimizer.foreach optimizer.amsgrad optimizer.maximize optimizer._target_ scheduler._target_
    data._target_ model._target_ model.backward callbacks.early._target_ callbacks.best.save_top_k
    callbacks.best.filename callbacks.best.every_n_train_steps callbacks.best.save_last logger.csv.name
    logger.tensorboard.max_queue logger.tensorboard.flush_secs hydra.verbose hydra.job.env_set hydra.run.dir
""".split()


def command_lines(count: int, seed: int) -> Iterator[list[str]]:
    """A base and one or two words; each base with each shape of the first as often as any other."""
    rng = Random(seed)
    keys = {base: keys_of(*base) for base in BASES}
    for base, shape in itertools.islice(itertools.cycle(itertools.product(BASES, SHAPES)), count):
        shapes = [shape, *rng.sample(SHAPES, rng.randint(0, 1))]
        yield [*base, *SHORT, *(one_word(rng, keys[base], shape) for shape in shapes)]


def here() -> dict[str, str]:
    """Every file and folder below the working directory, and what the folders' links point to."""
    return {str(path): os.readlink(path) if path.is_symlink() else "" for path in sorted(Path().rglob("*"))}


def furnish(folder: Path) -> None:
    """What the command lines name."""
    rows = [f"{i},{i % 3},{'ab'[i % 2]}" for i in range(40)]
    (folder / "rows.csv").write_text("\n".join(["x,y,word", *rows]) + "\n")
    (folder / "folder").mkdir()
    (folder / "binary").write_bytes(bytes(range(256)))
    os.mkfifo(folder / "fifo")
