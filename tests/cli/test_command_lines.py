"""Whatever is typed: a run that works, or one sentence and nothing left behind. Never a traceback, never a wait."""

import itertools
import math
import os
import warnings
from collections import Counter
from pathlib import Path

import composed_once
import pytest
from command_lines import BASES, SHORT, Answer, answer, command_lines, furnish, here
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from initlab.checks.annotations import fits, words_of
from initlab.cli.hydra_words import flags_first
from initlab.cli.yaml_file import check_yaml
from initlab.composition import compose
from initlab.errors import UserError
from initlab.run import train
from initlab.shipped import CONFIGS

LINES = 200


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    furnish(tmp_path)
    return tmp_path


def assert_one_sentence_and_nothing_left(words: list[str], said: Answer, before: dict[str, str]) -> None:
    lines = said.err.splitlines()
    assert (said.status, len(lines)) == (2, 1), (words, said)
    assert lines[0].startswith("error: "), (words, said)
    assert here() == before, (words, said)


@pytest.mark.slow(seconds=40)
def test_many_command_lines(there: Path) -> None:
    before = here()
    counts: Counter[str] = Counter()
    for words in command_lines(LINES, seed=0):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are Lightning's and torch's about what was asked for
            said = answer("train", words)
        if said.began or said.status == 0:
            counts["began" if said.began else "shown"] += 1
            _clean(there, before)
        else:
            counts["refused"] += 1
            assert_one_sentence_and_nothing_left(words, said, before)
    assert counts["refused"] > LINES / 2
    assert counts["began"] > LINES / 10


def test_where_no_word_names_the_mode_hydra_finds_none(there: Path) -> None:
    """Which the lines above and the forks of `children.py` take as known."""
    lines = list(itertools.islice(command_lines(LINES, seed=1), 0, None, 40))
    sweep = ["hydra/launcher=population", "hydra/sweeper=optuna", "hydra.run.dir=x", "hydra.sweep.dir=y"]
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra
        for words in [*lines, ["seed=0,1", *sweep], ["model=nope"]]:
            assert not composed_once.names_mode(words)
            assert composed_once.of_hydra(hydra, "train", words) is None, words
        assert composed_once.get_mode(hydra, "train", [*BASES[0], "hydra.mode=MULTIRUN"]) == RunMode.MULTIRUN
    for word in ("hydra.mode=RUN", "+hydra.mode=RUN", "++hydra={mode: RUN}", "~hydra.mode", "hydra@x=y"):
        assert composed_once.names_mode([word])


def _clean(there: Path, before: dict[str, str]) -> None:
    """Take away what an accepted run wrote."""
    for path in sorted(there.rglob("*"), reverse=True):
        if str(path.relative_to(there)) not in before:
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("trainer.precision=fp7", "trainer.precision=fp7: must be one of 64, 32, 16"),
        ("+trainer.foo=1", "trainer.foo: lightning.Trainer takes no such value"),
        ("+trainer.plugins=x", "trainer.plugins: the run gives this itself"),
        ("optimizer._target_=torch.nn.Linear", "must be a torch.optim.Optimizer"),
        ("optimizer._target_=nope.Nope", "optimizer._target_=nope.Nope: cannot be imported: No module named 'nope'"),
        ("optimizer._target_=torch.optm.SGD", "torch has no optm; did you mean torch.optim.SGD?"),
        ("model._target_=initlab.models.MPL", "initlab.models has no MPL; did you mean initlab.models.MLP?"),
        ("optimizer._partial_=false", "optimizer._partial_=false: must be true"),
        ("~optimizer.lr", "optimizer.lr: initlab.nn.SGD needs a value for this"),
        ("scheduler=[1,2]", "scheduler=[1,2]: must be the name of one option (cosine, none"),
        ("hydra.run.dir=/dev/null", "/dev/null: File exists"),
        ("hydra.run.dir=/dev/null/x", "/dev/null/x: Not a directory"),
        ("hydra.run.dir=rows.csv", "rows.csv: File exists"),
        ("hydra.job.chdir=true", "hydra.job.chdir=true: must be false"),
        ("hydra.output_subdir=x", "hydra.output_subdir=x: must be null"),
        ("hydra=x", "hydra=x: has one option"),
        ("hydra.job_logging.version=7", "hydra.job_logging.version=7: Hydra cannot use this: Unsupported version: 7"),
        ("callbacks.best.monitor=[]", "callbacks.best.monitor=[]: must be a text"),
        ("callbacks.best=3", "callbacks.best=3: must be a mapping whose _target_"),
        ("trainer.fast_dev_run=[]", "trainer.fast_dev_run=[]: must be true, false or a number of batches"),
        ("trainer.devices={a: 1}", "trainer.devices={'a': 1}: must be a whole number"),
        ("data.w=${repeat:0.1,300000000}", "must be a whole number from 0 to 200,000 values"),
        ("data.w=${data}", "data.w: Interpolation to parent node detected"),
        ("lr=${nope}", "Interpolation key 'nope' not found"),
        ("+resume.foo=1", "resume={'foo': 1}: must be latest or the folder of a run, or null: a new run"),
        ("++logger.tensorboard.flush_secs=null", "logger.tensorboard.flush_secs=null: must be a number"),
        ("++logger.tensorboard.flush_secs=1e300", "must be a number of seconds above 0 and at most 86,400"),
        ("++logger.tensorboard.filename_suffix=1", "logger.tensorboard.filename_suffix=1: must be a text"),
        ("~trainer.max_epochs", "trainer.max_epochs: a run needs this limit"),
        ("~resume", "~resume: there is no such key here, or it is null already"),
        ("lr=???", "lr: Missing mandatory value"),
        ("~trainer.nope", "trainer.nope: no such key"),
        ("~logger=1.0", "~logger=1.0: Hydra cannot use this"),
        ("=1", "=1: must be key=value"),
        ("init=null", "init=null: a group cannot be null, choose one of its options (constant, critical"),
        ("lr", "lr: must be key=value"),
        ("--foo", "--foo: no such flag"),
        ("--experimental-rerun=x", "it would run code from a file"),
        ("--config-dir=no/such", "there is no such folder"),
        ("--package=x", "--package=x: goes with --cfg"),
        ("--resolve", "--resolve: goes with --cfg"),
        ("lr=${lr}", "lr=${lr}: Recursive interpolation detected"),
        ("hydra.run.dir=[a]", "hydra.run.dir=[a]: must be the path of a folder"),
        ("hydra.run.dir=~/runs", "home is $HOME, not ~"),
        ("hydra.run.dir=null", "hydra.run.dir=null: must be the path of a folder"),
        ("hydra.sweep.dir=x", "hydra.sweep.dir=x: goes with -m, which runs a sweep"),
        ("hydra.sweep.subdir=x", "hydra.sweep.subdir=x: goes with -m, which runs a sweep"),
        ("hydra/launcher=joblib", "hydra/launcher=joblib: goes with -m, which runs a sweep"),
        ("+hydra.sweeper.params.lr=1", "+hydra.sweeper.params.lr=1: goes with -m, which runs a sweep"),
        ("data.w=[1e308,1e308]", "data.w=[1e+308, 1e+308]: must be a list of numbers up to 1e+15"),
        ("data.noise=1e16", "as float32 cannot hold the squared error of larger ones"),
        ("data.b=-1e308", "as float32 cannot hold the squared error of larger ones"),
    ],
)
def test_the_sentence_names_the_key(there: Path, word: str, says: str) -> None:
    before = here()
    said = answer("train", [*BASES[0], *SHORT, word])
    assert says in said.err, said
    assert_one_sentence_and_nothing_left([word], said, before)


@pytest.mark.parametrize("mode", ["-m", "--multirun", "hydra.mode=MULTIRUN"])
def test_a_sweep_takes_no_folder_of_a_run(there: Path, mode: str) -> None:
    before = here()
    said = answer("train", [mode, *BASES[0], "seed=0,1", "hydra.run.dir=x"])
    assert "a sweep (-m) is chosen with hydra.sweep.dir" in said.err
    assert_one_sentence_and_nothing_left([mode], said, before)


def test_flags_may_stand_between_overrides(there: Path) -> None:
    words = [*BASES[0][:1], "--cfg", "job", *BASES[0][1:], "--resolve", "lr=0.25"]
    said = answer("train", words)
    assert (said.status, said.err) == (0, "")
    assert OmegaConf.create(said.out).lr == 0.25
    assert flags_first(words) == ["--cfg", "job", "--resolve", *BASES[0], "lr=0.25"]


def test_a_folder_that_is_no_folder_of_configs_is_not_searched(there: Path) -> None:
    for i in range(50):
        (there / "large" / str(i)).mkdir(parents=True)
        for j in range(50):
            (there / "large" / str(i) / f"{j}.txt").touch()
    said = answer("train", [*BASES[0], "--config-dir", "large"])
    assert "large: holds more than 2,000 files" in said.err


def test_the_largest_data_train(there: Path) -> None:
    words = ["data.w=[1e15,-1e15]", "data.b=1e15", "data.noise=1e15", "trainer.max_epochs=1", "data.num_train=64"]
    cfg = compose(*BASES[0], *SHORT, *words, run_dir=there / "run")
    assert math.isfinite(train(cfg).score)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("forecast", ["model=mlp", "init=nope"]),
        ("forecast", ["forecast.measure=-1"]),
        ("forecast", ["forecast.rank=[]"]),
        ("forecast", ["data=csv", "model=mlp_regression", "data.path=fifo", "data.target=y"]),
        ("forecast", ["model.depth=100000"]),
        ("forecast", ["-m"]),
        ("evaluate", ["run=fifo"]),
        ("evaluate", ["checkpoint=/dev/zero"]),
        ("evaluate", ["weights=nope"]),
        ("explain", ["run=fifo"]),
        ("explain", ["steps=nope"]),
        ("explain", ["run=latest", "step=20"]),
        ("report", ["fifo"]),
        ("pictures", ["fifo"]),
        ("pages", ["nope"]),
        ("train", ["data=csv", "model=mlp_regression", "data.path=/dev/zero", "data.target=y"]),
        ("train", ["resume=fifo"]),
    ],
)
def test_the_other_scripts_answer_so_too(there: Path, script: str, words: list[str]) -> None:
    before = here()
    assert_one_sentence_and_nothing_left(words, answer(script, words), before)


@pytest.mark.parametrize(
    ("words", "without", "default"),
    [
        (("model=mlp",), "~model.activation", "model.activation=relu"),
        (("model=mlp", "model.depth=1"), "~model.depth", "model.depth=1"),
        (("model=softmax", "model._target_=initlab.models.MLP"), "lr=0.1", "+model.width=256"),
        (("model=mlp", "optimizer=adam"), "~optimizer.lr", "lr=0.001"),
        (("model=linear", "data=synthetic_regression"), "~data.w", "data.w=[2,-3.4]"),
        (("model=linear", "data=synthetic_regression"), "~data.batch_size", "data.batch_size=32"),
    ],
)
def test_a_key_left_out_is_what_its_class_takes(
    there: Path, words: tuple[str, ...], without: str, default: str
) -> None:
    said = answer("forecast", [*words, without])
    assert (said.status, said.err) == (0, "")
    assert said.out == answer("forecast", [*words, default]).out


@pytest.mark.parametrize("more", [("~model.depth",), ("model=softmax", "model._target_=initlab.models.MLP")])
def test_a_run_without_a_key_trains(there: Path, more: tuple[str, ...]) -> None:
    assert answer("train", [*BASES[3], *SHORT, *more]).began


def test_benchmark_answers_by_its_own_usage(there: Path) -> None:
    for words in (["--rounds", "0"], ["--threads", "-1"], ["--seconds", "nan"], ["--steps", "x"]):
        said = answer("benchmark", ["scaling", *words])
        assert said.status == 2
        assert words[0] in said.err.splitlines()[-1]


def test_a_config_that_is_a_pipe_or_a_bomb_is_refused(there: Path) -> None:
    (there / "bomb.yaml").write_text("a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 10)}]\n" for i in range(9)
    ))  # fmt: skip
    (there / "itself.yaml").write_text("a: &a [*a]\n")
    (there / "large.yaml").write_text("a: 1\n" * 2**18)
    os.mkfifo(there / "pipe.yaml")
    for name, says in (
        ("bomb", "stand for more than"),
        ("itself", "within itself"),
        ("large", "at most"),
        ("pipe", "regular file"),
    ):
        with pytest.raises(UserError, match=says):
            check_yaml(there / f"{name}.yaml")
    for path in CONFIGS.rglob("*.yaml"):
        check_yaml(path)
    said = answer("train", [*BASES[0], "--config-dir", "."])
    assert "bomb.yaml: its aliases" in said.err


@pytest.mark.parametrize(
    ("value", "hint", "fitting"),
    [
        (1, int, True), (1, float, True), (1.5, int, False), (True, int, False), (True, float, False), (1, bool, False),
        ("a", str, True), (None, int, False), (None, int | None, True), ("a/b", Path, True), (1, Path, False),
        ([1, 2], tuple[float, float], True), ([1], tuple[float, float], False), (["a"], list[int], False),
        ({"a": 1}, dict[str, int], True), ({"_target_": "x"}, Counter, True), ("x", Counter, False), ([], int, False),
    ],
)  # fmt: skip
def test_what_fits_an_annotation(value: object, hint: object, fitting: bool) -> None:
    assert fits(value, hint) is fitting
    assert words_of(hint)


def test_interpolations_that_stand_for_too_much(there: Path) -> None:
    before = here()
    levels = [f"+init.l{i}=[{','.join([f'${{init.l{i - 1}}}'] * 10)}]" for i in range(1, 9)]
    said = answer("train", [*BASES[0], "+init.l0=[1,1,1,1,1,1,1,1,1,1]", *levels])
    assert "stands for more than 200,000 values" in said.err
    assert_one_sentence_and_nothing_left(levels, said, before)


def test_interpolations_are_followed_as_omegaconf_does(there: Path) -> None:
    from initlab.config import _resolved

    cfg = OmegaConf.create({"a": [1, "${b.c}", {"d": None}], "b": {"c": 2.5, "e": "${a}"}, 3: {}})
    assert isinstance(cfg, DictConfig)
    assert _resolved(cfg) == OmegaConf.to_container(cfg, resolve=True)
