"""Command lines that a person may type: most of them are wrong. For `test_command_lines`."""

# ruff: noqa: SIM905
import contextlib
import io
import os
import runpy
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import lightning as L
from hydra import compose, initialize_config_dir
from hypothesis import strategies as st
from omegaconf import OmegaConf

import initlab.run
from initlab.shipped import CONFIGS

SCRIPTS = CONFIGS.parent / "scripts"
PATIENCE = 60  # seconds, after which a command is taken to hang

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


class EnoughError(Exception):
    """The first update is made: these words are accepted."""


class Enough(L.Callback):
    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        raise EnoughError


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
        mock.patch.object(initlab.run, "train", lambda cfg, **more: original(cfg, [Enough()], **more)),
        mock.patch.dict(os.environ),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        not_for_ever(),
    ):
        os.environ.pop("HYDRA_FULL_ERROR", None)
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        except EnoughError:
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


def keys_of(*words: str, name: str = "train") -> list[str]:
    """Every key of the config that the words make, Hydra's own too: groups and values."""
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = compose(name, overrides=[*words, "run_dir=x"], return_hydra_config=True)
    plain: Any = OmegaConf.to_container(cfg, resolve=False)

    def below(node: Any, prefix: str) -> Iterator[str]:
        for key, value in node.items() if isinstance(node, dict) else ():
            yield f"{prefix}{key}"
            yield from below(value, f"{prefix}{key}.")

    return [key for key in below(plain, "") if not key.startswith(("hydra.runtime", "hydra.help", "hydra.hydra_help"))]


def _numbers() -> st.SearchStrategy[str]:
    some = """
        0 -0.0 1 -1 2 3 0.5 1.5 -3 16 1e-300 1e300 nan inf -inf 007 1_000 100000 4294967296 1e9 3000000000
        9223372036854775807 99999999999999999999999 -99999999999999999999999
    """.split()
    return st.one_of(st.sampled_from(some), st.integers(-(2**70), 2**70).map(str), st.floats().map(str))


def _texts() -> st.SearchStrategy[str]:
    some = """
        '' null true false abc relu cpu gpu ünïcode ~ ~/x val/acc /dev/null /dev/zero fifo folder rows.csv binary
        no/such/file -m --help 32 16-mixed ??? '%s' '{}' '[red]x[/]' x:y a/../b .
    """.split()
    return st.one_of(st.sampled_from([*some, "' '", "'日本 語'", "'a\tb'", "'\n'", "a" * 300]), st.text(max_size=6))


def _interpolations() -> st.SearchStrategy[str]:
    some = """
        ${lr} ${nope} ${data} ${.} ${..lr} ${oc.env:NOPE} ${oc.env:HOME} ${repeat:0.1,300000000} ${repeat:0.1,3}
        ${repeat:a,b} ${repeat:${repeat:1,9999},9999} ${nope:1} ${ $lr ${model} ${seed} ${oc.decode:'['}
        ${hydra:job.num} ${hydra:nope} ${now:%Y} ${mode_of:1} ${shipped:x} ${new_folder:made} ${trainer.max_epochs}
        ${callbacks} ${run_dir}
    """.split()
    return st.sampled_from([*some, "${oc.create:{a: 1}}"])


def _targets() -> st.SearchStrategy[str]:
    some = """
        torch.nn.Linear torch.optim.RMSprop torch.optim.LBFGS builtins.print builtins.dict builtins.exit builtins.object
        nope.Nope os 1 torch a..b .x initlab.nn.SGD initlab.data.FashionMNIST initlab.models.MLP initlab.init.Normal
        initlab.nn.schedule.cosine initlab.errors.UserError initlab.models.Module lightning.Trainer
        lightning.LightningModule lightning.pytorch.loggers.CSVLogger lightning.pytorch.callbacks.EarlyStopping
        lightning.pytorch.callbacks.ModelCheckpoint torch.optim.lr_scheduler.StepLR
    """.split()
    return st.sampled_from([*some, ""])


def _structured(leaf: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    lists = st.lists(leaf, max_size=3).map(lambda parts: f"[{','.join(parts)}]")
    names = st.sampled_from(["a", "_target_", "lr", "hours", "minutes", "1", "_partial_", "_args_"])
    mappings = st.dictionaries(names, leaf, max_size=2).map(
        lambda d: "{" + ",".join(f"{key}: {value}" for key, value in d.items()) + "}"
    )
    return st.one_of(lists, mappings)


def _broken() -> st.SearchStrategy[str]:
    some = """
        [ ] { } ' " a'b ( ) \\ a=b 1,2 range(1,3) choice(a,b) interval(0,1) glob(*) sort(1) int(x) float('x')
        shuffle(1,2) tag(a) extend_list(1) [1, {a:
    """.split()
    return st.sampled_from([*some, "a b", ""])


_PLAIN = st.one_of(_numbers(), _texts(), _interpolations(), _targets(), _broken())
VALUES = st.one_of(_numbers(), _texts(), _interpolations(), _targets(), _broken(), _structured(_PLAIN))


def _mistyped(key: str, place: int) -> str:
    place %= len(key)
    return key[:place] + key[place + 1 :] if place % 2 else f"{key[:place]}x{key[place:]}"


@st.composite
def one_word(draw: st.DrawFn, keys: Sequence[str], shape: int) -> str:
    """An override, mostly of a key that is there; each group as often as another."""
    group = draw(st.sampled_from(sorted({key.split(".")[0] for key in keys})))
    key = draw(st.sampled_from([key for key in keys if key.split(".")[0] == group]))
    value = draw(VALUES)
    if shape < 9:
        return f"{key}={value}"
    if shape < 11:
        return f"+{key}.{draw(st.sampled_from(NEW))}={value}"
    if shape < 14:
        return f"{('++', '+', '~')[shape - 11]}{key}={value}"
    if shape == 14:
        return f"~{key}"
    if shape == 15:
        return f"{_mistyped(key, draw(st.integers(0, 40)))}={value}"
    if shape == 16:
        group = draw(st.sampled_from(GROUPS))
        # ddp starts processes of its own, which are tested in test_ddp
        options = sorted(path.stem for path in (CONFIGS / group).glob("*.yaml") if path.stem != "ddp")
        return f"{group}={draw(st.sampled_from(options)) if options else value}"
    if shape == 17:
        return draw(
            st.sampled_from([key, f"={value}", f"{key}=", f"{key}@x={value}", "=", "", f"{key}:{value}", value])
        )
    if shape == 18:
        return f"++trainer.{draw(st.sampled_from(OF_TRAINER))}={value}"
    return f"++{draw(st.sampled_from(MORE_KEYS))}={value}"


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


@st.composite
def command_lines(draw: st.DrawFn, keys: dict[tuple[str, ...], list[str]]) -> tuple[tuple[str, int], list[str]]:
    """A base and one or two words; before them of what kind the line is: its model, and the first word's shape. Each
    shape has two of the models, so that a model has eight."""
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=2))
    base = sorted(keys)[(shapes[0] + 2 * draw(st.integers(0, 1))) % len(keys)]
    return (base[0] + base[1], shapes[0]), [*base, *SHORT, *(draw(one_word(keys[base], shape)) for shape in shapes)]


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
