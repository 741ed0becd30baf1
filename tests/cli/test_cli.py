"""A wrong word is answered by one clear line, before anything heavy is imported."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import command_lines
import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import OmegaConf

from initlab import footprint, resolvers
from initlab.checks.other_names import KEYS, OPTIONS
from initlab.checks.rules import RULES
from initlab.cli import hydra_words
from initlab.composition import compose
from initlab.config import check_config
from initlab.error_sentence import sentence_for
from initlab.errors import UserError
from initlab.resolvers import run_name
from initlab.run import train
from initlab.shipped import CONFIGS, known_keys

TRAIN = str(CONFIGS.parent / "scripts" / "train.py")


def answer(*overrides: str) -> str | None:
    """What the command line says to these overrides; None: nothing wrong."""
    try:
        with initialize_config_dir(str(CONFIGS), version_base="1.3"):
            check_config(hydra_compose("train", overrides=[*overrides, "run_dir=x"]))
    except Exception as error:
        return sentence_for(error)
    return None


@pytest.mark.parametrize(
    ("overrides", "value", "allowed", "key"),
    [
        (["init=kaimng"], "kaimng", "did you mean kaiming?", "init="),
        (["lr=abc"], "abc", "a number of at least 0", "lr="),
        (["model.num_hidens=3"], "num_hidens", "did you mean model.num_hiddens?", "model.num_hidens"),
        (["model.depht=3"], "depht", "did you mean model.depth?", "model.depht"),
        (["optimizer.lr=-1"], "-1", "a number of at least 0", "optimizer.lr"),
        (["lr=nan"], "nan", "a number of at least 0", "lr"),
        (["model=softmax", "data=synthetic_regression"], "regression", "model=linear", "data="),
        (["model=linear"], "classification", "data=synthetic_regression", "model="),
        (["model.num_hiddens=[]"], "[]", "a list of at least one whole number", "model.num_hiddens"),
        (
            ["model=mlp_regression", "data=synthetic_regression", "model.num_hiddens=[]"],
            "[]",
            "=linear",
            "model.num_hiddens",
        ),
        (["model.num_hiddens=[3,0]"], "[3, 0]", "a list of at least one whole number", "model.num_hiddens"),
        (["data.batch_size=0"], "0", "a whole number of at least 1", "data.batch_size"),
        (["data.batch_size=1.5"], "1.5", "a whole number of at least 1", "data.batch_size"),
        (["model.activation=rleu"], "rleu", "did you mean relu?", "model.activation"),
        (["data.resize=[28]"], "[28]", "two whole numbers", "data.resize"),
        (["init_seed=-1"], "-1", "at least 0", "init_seed"),
        (["depth=20"], "depth", "did you mean model.depth?", "depth"),
        (["optimzer=adam"], "optimzer", "did you mean optimizer?", "optimzer"),
        (["threads=0"], "0", "at least 1", "threads"),
        (["matmul_precision=tf32"], "tf32", "high (TF32 on a GPU that has it)", "matmul_precision"),
        (["matmul_precision=hihg"], "hihg", "did you mean high?", "matmul_precision"),
        (["trainer.max_epochs=0"], "0", "at least 1", "trainer.max_epochs"),
        (["lr=0,1"], "0,1", "a decimal number a point", "lr"),
        (["+trainer.precision=bf16"], "trainer.precision", "leave out the +", "trainer.precision"),
        (["optimizer=adam", "optimizer.momentum=0.9"], "momentum", "optimizer=sgd", "optimizer.momentum"),
        (["init=he"], "he", "did you mean kaiming?", "init"),
        (["init=glorot"], "glorot", "did you mean xavier?", "init"),
        (["epochs=3"], "epochs", "did you mean trainer.max_epochs?", "epochs"),
        (["learning_rate=0.1"], "learning_rate", "did you mean lr?", "learning_rate"),
        (["~model"], "model", "model=mlp", "model"),
        (["~logger"], "logger", "logger=none", "logger"),
        (["init=null"], "null", "one of its options", "group"),
        (["+colour=red"], "colour", "seed", "colour"),
        (["modle=mlp"], "modle", "did you mean model?", "modle"),
        (["seed=4294967296"], "4294967296", "to 4294967295", "seed"),
        (["trainer.limit_train_batches=0"], "0", "above 0", "limit_train_batches"),
        (["lr=["], "lr=[", "key=value", "lr"),
        (["scheduler=step", "scheduler.gamma=0"], "0", "above 0", "scheduler.gamma"),
    ],
)
def test_a_wrong_word_gets_one_line_with_value_allowed_and_key(
    overrides: list[str], value: str, allowed: str, key: str
) -> None:
    said = answer(*overrides)
    assert said is not None
    assert value in said
    assert allowed in said
    assert key in said
    assert "\n" not in said


@pytest.mark.parametrize("group", sorted(path.name for path in CONFIGS.iterdir() if path.is_dir()))
def test_every_shipped_option_passes_the_check(group: str) -> None:
    for path in (CONFIGS / group).glob("*.yaml"):
        houses = ["data.path=${shipped:docs/data/house_prices.csv}", "data.target=Price"]
        fits = {  # by group, where two have an option of one name
            "linear": ["data=synthetic_regression"],
            "mlp_regression": ["data=synthetic_regression"],
            "neuron": ["data=truth_table"],
            "synthetic_regression": ["model=linear"],
            "truth_table": ["model=mlp_regression"],
            "data/csv": houses,
            "given": ["init.weights=[[[1.0]]]"],
        }
        assert answer(f"{group}={path.stem}", *fits.get(path.stem, fits.get(f"{group}/{path.stem}", []))) is None, path


def test_every_rule_is_about_a_key_that_exists() -> None:
    assert set(RULES) <= set(known_keys())


def test_every_default_number_has_a_rule() -> None:
    free = ("trainer.num_sanity_val_steps", "callbacks.", "logger.", "hydra.")
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        for model, data in [
            ("mlp", "fashion_mnist"),
            ("linear", "synthetic_regression"),
            ("mlp_regression", "csv"),
            ("neuron", "truth_table"),
        ]:
            cfg = hydra_compose("train", overrides=[f"model={model}", f"data={data}", "run_dir=x"])
            for group in ("data", "model", "init", "optimizer", "trainer"):
                for name, value in cfg[group].items():
                    key = f"{group}.{name}"
                    if isinstance(value, int | float) and not isinstance(value, bool) and not key.startswith(free):
                        assert key in RULES, key


def test_the_command_says_one_line_and_leaves_no_folder(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    words = ["optimizer.lr=-1", f"hydra.run.dir={run_dir}"]
    said = subprocess.run([sys.executable, TRAIN, *words], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert said.returncode == 2
    assert said.stdout == ""
    assert said.stderr == "error: optimizer.lr=-1: must be a number of at least 0\n"
    assert not run_dir.exists()


def test_help_and_wrong_words_import_nothing_heavy() -> None:
    # Seconds are a matter of the machine; that torch, lightning and numpy are not imported is not.
    probe = (
        "import sys, initlab.cli.main; print(sorted({'torch', 'lightning', 'numpy', 'torchvision'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


@pytest.mark.parametrize("script", ["train", "forecast", "evaluate", "report", "pages"])
def test_help_fits_into_a_screen(script: str) -> None:
    path = Path(TRAIN).with_name(f"{script}.py")
    environment = os.environ | {"COLUMNS": "80"}
    said = subprocess.run([sys.executable, path, "--help"], capture_output=True, text=True, check=True, env=environment)
    lines = said.stdout.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert f"{script}.py" in said.stdout
    assert "_target_" not in said.stdout
    if script in ("train", "forecast"):
        for word in ("model.depth", "trainer.max_epochs", "kaiming", "lr"):
            assert word in said.stdout


def test_other_names_lead_to_what_there_is() -> None:
    for group, names in OPTIONS.items():
        options = {path.stem for path in (CONFIGS / group).glob("*.yaml")}
        assert set(names.values()) <= options
        assert not set(names) & options
    groups = {path.name for path in CONFIGS.iterdir()}
    assert {key for key in KEYS.values() if not key.startswith("hydra.")} <= {*known_keys(), *groups, "optimizer.lr"}
    assert not set(KEYS) & {*known_keys(), *groups}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["init.sigma=0.1"], "init.sigma: init=kaiming has no sigma; init=normal init.sigma=0.1 has "),
        (["init=lsuv", "init.sigma=0.1"], "init.sigma: init=lsuv has no sigma; init=normal init.sigma=0.1 has "),
        (
            ["seed=range(3)"],
            "seed=range(3): several values need -m (a sweep): python scripts/train.py -m 'seed=range(3)'",
        ),
        (["-m", "init=kaiming,xavier", "--cfg", "job"], "-m and --cfg: not both, "),
        (["--info", "all", "--cfg=job"], "--info and --cfg=job: not both, "),
    ],
)
def test_the_sentence_names_what_works(words: list[str], says: str) -> None:
    said = subprocess.run([sys.executable, TRAIN, *words], capture_output=True, text=True, check=False)
    assert said.returncode == 2
    assert said.stderr.startswith(f"error: {says}")
    assert said.stderr.count("\n") == 1


def test_a_folder_that_cannot_be_written_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    words = ["model=linear", "data=synthetic_regression", f"hydra.run.dir={tmp_path}/file/run"]
    said = subprocess.run([sys.executable, TRAIN, *words], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert said.returncode == 2
    assert said.stderr.startswith(f"error: {tmp_path}/file/run: Not a directory")
    assert "hydra.run.dir" in said.stderr
    assert said.stderr.count("\n") == 1


def test_compose_checks_too() -> None:
    with pytest.raises(UserError, match=r"data\.batch_size=0"):
        compose("data.batch_size=0", run_dir="x")


LINEAR = ("model=linear", "data=synthetic_regression")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("model=mpl",), "model=mpl: no such model; did you mean mlp?"),
        (
            ("logger=[csv,tensorbord]",),
            "logger=tensorbord: no such logger; did you mean tensorboard? (comet, csv, default",
        ),
        (("model.depthh=3",), "model.depthh: no such key; did you mean model.depth?"),
        (("lr",), "lr: must be key=value"),
        (("lr=${nope}",), "Interpolation key 'nope' not found"),
        (("lr=0.1,0.2",), "lr=0.1,0.2: several values need -m"),
        ((["model=mlp"],), "['model=mlp']: compose takes texts, each an override, as in compose('model=mlp', "),
    ],
)
def test_compose_says_what_the_command_line_says(words: tuple[Any, ...], says: str) -> None:
    with pytest.raises(UserError) as caught:
        compose(*words, run_dir="x")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    if isinstance(words[0], str):
        assert str(caught.value) == answer(*words)
        assert caught.value.__cause__ is not None


@pytest.mark.parametrize("name", ["it's", "a,b = [c] {d}", '"q"', "back\\slash\\", "it\\'s", "$x", "null", "7", " a "])
def test_compose_takes_any_folder(name: str) -> None:
    cfg = compose(*LINEAR, run_dir=Path("runs") / name)
    assert cfg.run_dir == f"runs/{name}"
    assert cfg.callbacks.monitor.folder == cfg.run_dir
    assert compose(*LINEAR, run_dir=name).run_dir == name


@pytest.mark.parametrize("name", ["~/x", "", "runs/${x}", "s3://bucket/x"])
def test_a_folder_that_is_none_of_this_machine_is_refused(name: str) -> None:
    with pytest.raises(UserError) as caught:
        compose(*LINEAR, run_dir=name)
    assert str(caught.value).startswith(f"run_dir={name}: must be the path of a folder on this machine")


@pytest.mark.parametrize("given", ["model=mlp", None, {}, OmegaConf.create({"lr": 0.1})])
def test_train_says_what_it_takes(given: Any) -> None:
    with pytest.raises(UserError, match=r"train takes a config, as in train\(compose\('model=mlp', run_dir=") as caught:
        train(given)
    assert "\n" not in str(caught.value)


def test_train_checks_what_was_changed_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cfg = compose(*LINEAR, run_dir=tmp_path / "run")
    cfg.lr = -1
    with pytest.raises(UserError, match=r"^lr=-1: must be a number of at least 0$"):
        train(cfg)
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "run").exists()


def test_run_name_is_safe_to_paste() -> None:
    assert run_name("") == ""
    assert run_name("init=xavier,model.num_hiddens=[512,256]") == "_init-xavier_model.num_hiddens-512_256"
    assert len(run_name("x=" + "y" * 500)) <= 120


@pytest.mark.parametrize(
    ("module", "name", "wrong", "error"),
    [
        (footprint, "latest_of", None, TypeError),  # in a resolver, in Hydra's run
        (footprint, "itertools", ..., NameError),
        (resolvers, "re", ..., NameError),
        (hydra_words, "WITH_A_VALUE", None, TypeError),  # before Hydra
        (hydra_words, "re", ..., NameError),
    ],
)
def test_a_bug_of_ours_shows_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, wrong: object, error: type[Exception]
) -> None:
    monkeypatch.chdir(tmp_path)
    if wrong is ...:
        monkeypatch.delattr(module, name)
    else:
        monkeypatch.setattr(module, name, wrong)
    with pytest.raises(Exception, match=rf"{error.__name__}|name .{name}. is not defined|not iterable"):
        command_lines.answer("train", ["model=linear", "data=synthetic_regression", "lr=0.1"])


@pytest.mark.parametrize(
    "value", ["${shipped:[1]}", "${mode_of:1}", "${run_name:[1]}", "${new_folder:1}", "${repeat:a,b}"]
)
def test_a_resolver_given_a_wrong_value_is_no_bug_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.chdir(tmp_path)
    said = command_lines.answer("train", ["model=linear", "data=synthetic_regression", f"lr={value}"])
    assert (said.status, len(said.err.splitlines())) == (2, 1)
