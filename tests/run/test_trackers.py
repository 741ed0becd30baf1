"""`logger=...`: what can be typed, and that a run at Weights & Biases, MLflow or Comet is this run and no other."""

import zipfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.loggers.logger import Logger
from omegaconf import OmegaConf

from initlab import compose, open_run, train
from initlab.callbacks import trackers
from initlab.callbacks.trackers import TRACKERS, Tracker
from initlab.errors import UserError
from initlab.runs.allowed import allowed_names, check_allowed

WORDS = ("model=linear", "data=synthetic_regression", "trainer=cpu", "trainer.max_epochs=2", "threads=1")
FILES = {
    "csv": {"_target_": "initlab.callbacks.CsvLogger", "save_dir": "there"},
    "terminal": {"_target_": "initlab.callbacks.EpochLines"},
}
TENSORBOARD = {
    "_target_": "initlab.callbacks.LossFirst", "save_dir": "there", "name": "tensorboard", "version": "",
    "max_queue": 1000, "default_hp_metric": False,
}  # fmt: skip


def loggers(*words: str) -> dict[str, Any]:
    found: Any = OmegaConf.to_container(compose(*WORDS, *words, run_dir="there").logger, resolve=True)
    return found  # type: ignore[no-any-return]


def test_every_choice_keeps_the_record_of_the_run() -> None:
    """What the page and a sweep's table read; the default is what it was, in its order."""
    assert list(loggers().items()) == [("tensorboard", TENSORBOARD), *FILES.items()]
    assert loggers("logger=tensorboard") == loggers()
    assert loggers("logger=csv") == FILES
    assert loggers("logger=none") == {}
    for name in ("wandb", "mlflow", "comet"):
        one = loggers(f"logger={name}")
        assert set(one) == {name, "csv", "terminal"}
        assert {key: one[key] for key in FILES} == FILES
        assert loggers(f"logger=[csv,{name}]") == one
    assert set(loggers("logger=[wandb,tensorboard,mlflow]")) == {"wandb", "tensorboard", "mlflow", "csv", "terminal"}
    with pytest.raises(Exception, match="wandbb"):
        loggers("logger=[csv,wandbb]")


@pytest.mark.parametrize("tracker", TRACKERS, ids=lambda tracker: tracker.extra)
def test_a_missing_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tracker: Tracker) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: None if name == tracker.package else find_spec(name))
    with pytest.raises(UserError) as error:
        train(compose(*WORDS, f"logger={tracker.extra}", run_dir=tmp_path / "run"))
    assert str(error.value) == (
        f"logger.{tracker.extra}: needs {tracker.package}, which is not installed; "
        f"pip install -e '.[{tracker.extra}]' in the project's folder installs it"
    )
    assert not (tmp_path / "run").exists()


class Server(Logger):
    """A tracker with its runs in a dictionary."""

    runs: dict[str, dict[str, Any]] = {}  # noqa: RUF012
    down = False

    def __init__(self, title: str | None = None, key: str | None = None, place: str = "") -> None:
        super().__init__()
        self.key = key or f"run{len(self.runs)}"
        run = self.runs.setdefault(self.key, {"name": title, "metrics": {}, "hparams": [], "closed": [], "at": place})
        self.run = run

    name = property(lambda self: "server")
    version = property(lambda self: self.key)

    @property
    def experiment(self) -> dict[str, Any]:
        if self.down:
            raise ConnectionError("No API key configured.")
        return self.run

    def log_hyperparams(self, params: Any, *args: Any, **more: Any) -> None:
        if isinstance(params, Mapping) and "init" in params:  # Lightning sends the model's own too
            self.run["hparams"].append(params)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        for name, value in metrics.items():
            self.run["metrics"].setdefault(name, {})[step] = float(value)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> type[Server]:
    monkeypatch.setattr(Server, "runs", {})
    monkeypatch.setattr(Server, "down", False)
    close: Any = lambda logger, well: logger.run["closed"].append(well)  # noqa: E731
    place: Any = lambda folder: {"place": str(folder)}  # noqa: E731
    row = Tracker(Server, "torch", "server", "title", "key", close, place, offline="server.offline=true")
    monkeypatch.setattr(trackers, "TRACKERS", (*TRACKERS, row))
    return Server


def config(folder: Path, *words: str) -> Any:
    cfg = compose(*WORDS, *words, run_dir=folder)
    own = {"_target_": f"{Server.__module__}.Server"}
    cfg.logger = {"server": own, **OmegaConf.to_container(cfg.logger)}  # type: ignore[dict-item]
    return cfg


def test_the_run_there_is_this_run_and_goes_on_when_it_resumes(tmp_path: Path, server: type[Server]) -> None:
    folder = tmp_path / "mine"
    result = train(config(folder))
    (run,) = server.runs.values()
    assert run["name"] == "mine"
    assert run["at"] == str(folder)
    assert run["hparams"][0]["lr"] == 0.1
    assert run["closed"] == [True]
    assert run["metrics"]["val/loss"][64] == result.metrics["val/loss"]
    assert run["metrics"]["test/loss"] == {64: result.metrics["test/loss"]}
    rows = open_run(folder).signal.query("layer == 'net' and quantity == 'std'").set_index("step")["value"].to_dict()
    assert run["metrics"]["activations/net/std"] == rows

    package = __name__.partition(".")[0]
    train(compose(f"resume={folder}", f"allow={package}", "trainer.max_epochs=3"))
    assert list(server.runs.values()) == [run]
    assert len(run["hparams"]) == 1
    assert run["closed"] == [True, True]
    assert list(run["metrics"]["val/loss"]) == [32, 64, 96]


def test_each_run_of_a_process_has_its_own(tmp_path: Path, server: type[Server]) -> None:
    for name in ("a", "b"):
        train(config(tmp_path / name))
    assert [run["name"] for run in server.runs.values()] == ["a", "b"]


def test_no_run_to_be_had_is_one_sentence_before_it_trains(
    tmp_path: Path, server: type[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "down", True)
    sentence = "logger.server: No API key configured; without a server: server.offline=true"
    with pytest.raises(UserError, match=f"^{sentence}$"):
        train(config(tmp_path / "run"))


def test_a_server_of_ones_choice_is_for_who_resumes_to_allow(tmp_path: Path) -> None:
    """A config from anywhere must not send a run's numbers to anybody; as shipped it is taken without a word."""
    for name, package in (("wandb", "wandb"), ("mlflow", "mlflow"), ("comet", "comet_ml")):
        plain = {"logger": loggers(f"logger={name}")}
        check_allowed(plain, (), Path("there"))
        plain["logger"][name] |= {"tracking_uri": "http://mlflow.example:5000", "workspace": "mine"}
        with pytest.raises(UserError, match=f"logger.{name}.tracking_uri: .*; if you trust it: allow={package}$"):
            check_allowed(plain, (), tmp_path)
        check_allowed(plain, allowed_names(package), Path("there"))


# the real ones, without a network


@pytest.mark.slow(seconds=6)
@pytest.mark.filterwarnings("default")
def test_wandb_offline(tmp_path: Path) -> None:
    """Two runs in a process, as a sweep's are: a file each, which holds the rows' names."""
    wandb = pytest.importorskip("wandb", reason="wandb is not installed")

    def file_of(name: str) -> Path:
        wandb.teardown()  # what is written then is all
        (file, *_) = (tmp_path / name / "wandb").glob("offline-run-*/*.wandb")
        return file

    for name in ("a", "b"):
        words = ("logger=[csv,wandb]", "logger.wandb.offline=true")
        train(compose(*WORDS, *words, run_dir=tmp_path / name))
        content = file_of(name).read_bytes()
        assert b"activations/net/std" in content  # many times, as a block may end within one
        assert b"batch/loss" in content
    (tmp_path / "b" / "wandb" / "latest").symlink_to("there")  # as some versions leave them
    train(compose(f"resume={tmp_path / 'b'}", "trainer.max_epochs=3"))  # the same run there
    (name,) = {file.name for file in (tmp_path / "b" / "wandb").glob("offline-run-*/*.wandb")}
    assert name != file_of("a").name
    assert wandb.run is None


@pytest.mark.slow(seconds=10)
@pytest.mark.filterwarnings("default")
def test_mlflow_in_the_folder_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed, which MLflow's own store needs")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mine"
    train(compose(*WORDS, "logger=mlflow", run_dir=folder))
    train(compose(f"resume={folder}", "trainer.max_epochs=3"))
    store = mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    (run,) = store.search_runs([one.experiment_id for one in store.search_experiments()])
    assert (run.info.run_name, run.info.status, run.data.params["lr"]) == ("mine", "FINISHED", "0.1")
    opened = open_run(folder)
    rows = opened.signal.query("layer == 'net' and quantity == 'std'").set_index("step")["value"].to_dict()
    there = {one.step: one.value for one in store.get_metric_history(run.info.run_id, "activations/net/std")}
    assert there == pytest.approx({step: v for step, v in rows.items() if step in there})
    assert len(there) == len(rows)
    losses = [one.value for one in store.get_metric_history(run.info.run_id, "val/loss")]
    assert losses == pytest.approx(opened.epochs["val/loss"])
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.slow(seconds=6)
@pytest.mark.filterwarnings("default")
def test_comet_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("comet_ml", reason="comet_ml is not installed")
    monkeypatch.setenv("COMET_START_ONLINE", "0")
    monkeypatch.delenv("COMET_API_KEY", raising=False)
    train(compose(*WORDS, "logger=comet", run_dir=tmp_path / "mine"))
    (archive,) = (tmp_path / "mine" / "comet").glob("*.zip")
    with zipfile.ZipFile(archive) as files:
        messages = files.read("messages.json")
    assert all(word in messages for word in (b"activations/net/std", b"val/loss", b"test/loss"))
