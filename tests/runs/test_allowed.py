"""A run's folder that came from anywhere: no function of it is called, nothing outside of it is written."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from initlab.composition import compose
from initlab.errors import UserError
from initlab.evaluation import evaluate
from initlab.forecasting.from_config import forecast_run
from initlab.report import write_report
from initlab.run import train
from initlab.runs import open_checkpoint, open_run
from initlab.runs.allowed import allowed_names
from initlab.shipped import CONFIGS

LINEAR = [
    "model=linear",
    "data=synthetic_regression",
    "init=normal",
    "trainer=cpu",
    "threads=1",
    "trainer.max_epochs=1",
]

# those of C are ten times as fast, where they are
LOADER, DUMPER = (getattr(yaml, f"C{name}", getattr(yaml, name)) for name in ("SafeLoader", "SafeDumper"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(compose(*LINEAR, run_dir=tmp_path_factory.mktemp("runs") / "a")).run_dir


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy, as it is sent round."""
    import shutil

    return shutil.copytree(finished, tmp_path / "received")


def change(folder: Path, key: str, value: Any) -> None:
    config = yaml.load((folder / "config.yaml").read_text(), LOADER)
    *groups, last = key.split(".")
    node = config
    for name in groups:
        node = node.setdefault(name, {})
    node[last] = value
    (folder / "config.yaml").write_text(yaml.dump(config, Dumper=DUMPER))


WAYS: list[Callable[[Path], Any]] = [
    lambda folder: evaluate(open_run(folder)),
    lambda folder: open_run(folder).model,
    lambda folder: open_run(folder).data,
    lambda folder: open_checkpoint(folder / "checkpoints" / "last.ckpt").model,
    lambda folder: compose(f"resume={folder}", "trainer.max_epochs=2"),
    lambda folder: forecast_run(open_run(folder).config),
    lambda folder: train(open_run(folder).config),
]
CALLS = [  # (target, arguments), each of which makes the file `boom` if it is called
    ("pathlib.Path.touch", {"self": "BOOM"}),
    ("pathlib.Path", {}),
    ("logging.FileHandler", {"filename": "BOOM"}),
    ("os.mkdir", {"path": "BOOM"}),
    ("builtins.open", {"file": "BOOM", "mode": "w"}),
    ("subprocess.run", {"args": ["touch", "BOOM"]}),
    ("subprocess.Popen", {"args": ["touch", "BOOM"]}),
    ("pandas.read_pickle", {"filepath_or_buffer": "PICKLE"}),
    ("torch.load", {"f": "PICKLE", "weights_only": False}),
    ("joblib.load", {"filename": "PICKLE"}),
    ("numpy.load", {"file": "PICKLE", "allow_pickle": True}),
    ("functools.partial", {"_args_": ["os.mkdir", "BOOM"]}),
    ("hydra.utils.call", {"config": {"_target_": "os.mkdir", "path": "BOOM"}}),
    ("hydra.utils.get_method", {"path": "os.mkdir"}),
    ("lightning.pytorch.loggers.WandbLogger", {"entity": "somebody"}),
    ("lightning.pytorch.loggers.WandbLogger", {"settings": "{api_key: of_somebody}"}),
    ("lightning.pytorch.loggers.CometLogger", {"api_key": "of_somebody"}),
    ("lightning.pytorch.loggers.MLFlowLogger", {"tracking_uri": "http://somewhere"}),
    ("lightning.pytorch.utilities.migration.utils.migrate_checkpoint", {}),
    ("initlab.runs.run_dir._git", {}),
    ("initlab.runs.run_dir.subprocess.Popen", {"args": ["touch", "BOOM"]}),
    ("initlab.runs.atomic.whole_file", {"path": "BOOM"}),
    ("initlab.runs.RunDir", {"path": "BOOM"}),
    ("initlab.runs.run_dir.RunDir.create", {"self": "BOOM", "config_yaml": ""}),
    ("initlab.models.MLP.load_from_checkpoint", {"checkpoint_path": "PICKLE"}),
    ("initlab.run.train", {"cfg": {}}),
    ("initlab.no_such.Class", {}),
    ("torch.optim.swa_utils.torch.load", {"f": "PICKLE"}),
    ("evil.Class", {}),  # a module of that name lies in the folder
    ("", {}),
    (["os.mkdir"], {}),
    (None, {}),
]


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    "place", ["data", "model", "init", "callbacks.best", "logger.csv", "trainer", "data.w", "lr", "model.x"]
)
def test_no_function_that_a_config_names_is_called(folder: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    boom, bomb = folder.parent / "boom", folder / "bomb.pkl"
    bomb.write_bytes(pickle.dumps(Bomb(boom)))
    (folder / "evil.py").write_text(f"import os\nos.mkdir({str(boom)!r})\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(folder)
    config = (folder / "config.yaml").read_text()
    for target, arguments in CALLS:
        text = {
            key: str(value).replace("BOOM", str(boom)).replace("PICKLE", str(bomb)) for key, value in arguments.items()
        }
        node = {"_target_": target} | {k: (yaml.safe_load(v) if v[:1] in ("[", "{") else v) for k, v in text.items()}
        (folder / "config.yaml").write_text(config)
        change(folder, place, node)
        with pytest.raises(UserError, match=r": a run is rebuilt from|_args_") as caught:
            evaluate(open_run(folder))
        assert "\n" not in str(caught.value)
        assert not boom.exists(), target
    write_report(folder)
    assert not boom.exists()


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_opening_it_refuses(folder: Path, way: Callable[[Path], Any]) -> None:
    change(folder, "callbacks.mine", {"_target_": "my_package.Callback"})
    with pytest.raises(UserError, match=r"callbacks\.mine\._target_=my_package\.Callback: .* allow=my_package$"):
        way(folder)


def test_a_class_in_the_wrong_place_is_refused(folder: Path) -> None:
    for place, target in (
        ("model", "initlab.data.SyntheticRegression"),
        ("init", "torch.optim.SGD"),
        ("logger.csv", "initlab.callbacks.StepCurve"),
        ("callbacks.best", "lightning.pytorch.loggers.CSVLogger"),
        ("trainer", "initlab.models.MLP"),
        ("scheduler", "initlab.nn.SGD"),
    ):
        config = (folder / "config.yaml").read_text()
        change(folder, place, {"_target_": target})
        with pytest.raises(UserError, match=f"{place}._target_={target}"):
            _ = open_run(folder).config
        (folder / "config.yaml").write_text(config)


def test_what_libraries_offer_is_taken(folder: Path) -> None:
    for place, target in (
        ("callbacks.early", "lightning.pytorch.callbacks.EarlyStopping"),
        ("logger.lightning", "lightning.pytorch.loggers.CSVLogger"),
        ("optimizer", "torch.optim.RMSprop"),
        ("scheduler", "torch.optim.lr_scheduler.StepLR"),
        ("trainer.strategy", "lightning.pytorch.strategies.DDPStrategy"),
        ("model.transform", "torchvision.transforms.v2.ToDtype"),
    ):
        change(folder, place, {"_target_": target})
    assert open_run(folder).config.optimizer._target_ == "torch.optim.RMSprop"


def test_every_class_that_the_configs_name_is_taken() -> None:
    from initlab.runs.allowed import check_allowed

    for file in CONFIGS.glob("*/*.yaml"):
        if file.parent.name in ("experiment", "debug", "hydra"):
            continue
        node = yaml.safe_load(file.read_text().replace("${", "")) or {}
        check_allowed({file.parent.name: node}, (), Path("run_dir}"))


def test_what_the_caller_names_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = folder.parent / "my_package"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from initlab.models import LinearRegression\nclass Mine(LinearRegression):\n    pass\n"
    )
    monkeypatch.syspath_prepend(str(folder.parent))
    change(folder, "model._target_", "my_package.Mine")
    with pytest.raises(UserError, match="allow=my_package"):
        _ = open_run(folder).model
    assert type(open_run(folder, allow=["my_package"]).model).__name__ == "Mine"
    assert compose(f"resume={folder}", "trainer.max_epochs=2", "allow=my_package").model._target_ == "my_package.Mine"
    with pytest.raises(UserError, match="allow=my_package"):
        open_run(folder, allow=["my_pack"]).config  # noqa: B018
    with pytest.raises(UserError, match="allow=my_package: goes with resume="):
        compose("allow=my_package", run_dir="x")


def test_how_it_is_typed() -> None:
    assert allowed_names("a") == ("a",)
    assert allowed_names("[a.b, c]") == ("a.b", "c")
    assert allowed_names("a,/data/logs") == ("a", "/data/logs")
    for typed in ("", "a b", "*", "a.", "[]", "os", "[a,builtins]", "initlab.run", "torch", "pandas.io"):
        with pytest.raises(UserError, match="allow="):
            allowed_names(typed)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("callbacks.best.dirpath", "/home/precious"),
        ("callbacks.best.dirpath", "precious"),
        ("callbacks.best.dirpath", "FOLDER/../precious"),
        ("callbacks.best.dirpath", "FOLDER/checkpoints/../../precious"),
        ("callbacks.last.dirpath", "~/precious"),
        ("callbacks.monitor.folder", "s3://bucket"),
        ("logger.csv.save_dir", "/"),
        ("logger.tensorboard.name", "../../precious"),
        ("logger.tensorboard.version", "/precious"),
        ("logger.tensorboard.sub_dir", "a/../../../precious"),
        ("trainer.default_root_dir", "elsewhere"),
        ("trainer.profiler", {"_target_": "lightning.pytorch.profilers.AdvancedProfiler", "dirpath": "/precious"}),
    ],
)
def test_nothing_is_written_outside_of_it(folder: Path, key: str, value: Any) -> None:
    if isinstance(value, str):
        value = value.replace("FOLDER", yaml.safe_load((folder / "config.yaml").read_text())["run_dir"])
    change(folder, key, value)
    with pytest.raises(UserError, match="a run writes to its own folder only"):
        _ = open_run(folder).config
    if str(value).startswith("/home"):
        assert open_run(folder, allow=["/home/precious"]).config.callbacks.best.dirpath == value


def test_its_own_paths_follow_the_folder(folder: Path) -> None:
    config = open_run(folder).config
    assert config.run_dir == str(folder)
    assert config.callbacks.best.dirpath == f"{folder}/checkpoints"
    with pytest.raises(UserError, match="already holds a run"):
        train(config)


def test_a_folder_named_like_a_metric_is_no_part_of_it(folder: Path) -> None:
    text = (folder / "config.yaml").read_text()
    old = yaml.safe_load(text)["run_dir"]
    (folder / "config.yaml").write_text(text.replace(old, "val"))
    config = open_run(folder).config
    assert config.monitor == "val/loss"
    assert config.callbacks.last.dirpath == f"{folder}/checkpoints"


@pytest.mark.parametrize("value", ["${oc.env:HOME}", "${repeat:0.1,300000000}", "a ${run_dir} b", "${", "???"])
def test_nothing_in_it_is_looked_up(folder: Path, value: str) -> None:
    change(folder, "model.activation", value)
    for way in (lambda: open_run(folder).config, lambda: compose(f"resume={folder}", "trainer.max_epochs=2")):
        with pytest.raises(UserError, match=r"config\.yaml: .*model\.activation"):
            way()


@pytest.mark.parametrize("key", ["hydra", "defaults"])
def test_it_says_nothing_to_hydra(folder: Path, key: str) -> None:
    change(folder, key, {"job_logging": {"handlers": {"file": {"()": "os.mkdir"}}}})
    with pytest.raises(UserError, match=f"has no key {key}"):
        compose(f"resume={folder}", "trainer.max_epochs=2")
