"""A key that nothing takes is refused in one sentence, before anything is written; what a constructor takes is not."""

import importlib
import inspect
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
import torch

from initlab.checks.arguments import signature_of
from initlab.checks.rules import RULES
from initlab.composition import compose
from initlab.errors import UserError
from initlab.forecasting import forecast
from initlab.init import Kaiming, initialize, step_size_factors
from initlab.run import train

LINEAR = ["model=linear", "data=synthetic_regression", "init=normal", "debug=fast", "threads=1"]


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("+model.baise=1", "model.baise: initlab.models.LinearRegression takes no such value; did you mean bias?"),
        ("+init.sigmaa=1", "init.sigmaa: initlab.init.Normal takes no such value; did you mean sigma?"),
        ("+data.xyz=1", "data.xyz: initlab.data.SyntheticRegression takes no such value"),
        ("+optimizer.momentun=1", "did you mean momentum?"),
        ("+trainer.max_epoch=1", "did you mean max_epochs?"),
        ("+callbacks.monitor.every_n_step=1", "did you mean every_n_steps?"),
        ("+logger.csv.folder=1", "logger.csv.folder: initlab.callbacks.CsvLogger takes no such value"),
    ],
)
def test_an_unknown_key(tmp_path: Path, word: str, says: str) -> None:
    with pytest.raises(UserError) as caught:
        train(compose(*LINEAR, word, run_dir=tmp_path / "run"))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_an_unknown_key_of_a_scheduler(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"scheduler.gama: .* did you mean gamma\?"):
        train(compose(*LINEAR, "scheduler=step", "+scheduler.gama=1", run_dir=tmp_path / "run"))


def test_what_a_constructor_takes_may_be_added(tmp_path: Path) -> None:
    words = ["+trainer.log_every_n_steps=7", "optimizer=torch_sgd", "+optimizer.nesterov=false",
             "+callbacks.mine._target_=lightning.pytorch.callbacks.LearningRateMonitor",
             "+callbacks.mine.logging_interval=epoch", "+logger.tensorboard.comment=x"]  # fmt: skip
    train(compose(*LINEAR, *words, run_dir=tmp_path / "run"))


def test_initialize_names_what_it_leaves_alone() -> None:
    with pytest.raises(UserError, match=r"no layer to initialise, but weight \(BatchNorm1d, a norm"):
        initialize(torch.nn.BatchNorm1d(3), Kaiming())


@pytest.mark.parametrize("given", ["kaiming", {"model": 1}, None])
def test_forecast_says_what_it_takes(given: object) -> None:
    with pytest.raises(UserError, match="it takes an initialisation and the widths of a chain of dense layers"):
        forecast(given)  # type: ignore[arg-type]


def test_forecast_of_a_module_needs_a_batch() -> None:
    with pytest.raises(UserError, match=r"forecast\(a Conv2d\): a batch is needed"):
        forecast(torch.nn.Conv2d(1, 2, 3))


def closed_sets() -> list[tuple[str, str, str]]:
    """Group, class and argument of every constructor from Python that takes one of a few words."""
    found = []
    for group in ("data", "init", "model", "callbacks"):
        package = importlib.import_module(f"initlab.{'models' if group == 'model' else group}")
        for name in package.__all__:
            made = getattr(package, name)
            known = signature_of(made) if inspect.isclass(made) else None
            for argument, hint in known.hints.items() if known else ():
                words = any(get_origin(part) is Literal for part in (hint, *get_args(hint)))
                if words or getattr(RULES.get(f"{group}.{argument}"), "choices", ()):
                    found.append((package.__name__, name, argument))
    assert ("initlab.data", "CSVTable", "task") in found
    assert ("initlab.init", "Kaiming", "mode") in found
    return found


@pytest.mark.parametrize(("package", "name", "argument"), closed_sets())
def test_an_unknown_word_is_refused_from_python(tmp_path: Path, package: str, name: str, argument: str) -> None:
    made = getattr(importlib.import_module(package), name)
    (tmp_path / "t.csv").write_text("a,y\n1,1\n2,2\n3,3\n")
    needed = {"path": tmp_path / "t.csv", "target": "y", "task": "regression", "sigma_b": 0.1,
              "num_inputs": 2, "num_outputs": 1, "inputs": [[0]], "outputs": [0], "weights": [[[1.0]]]}  # fmt: skip
    parameters = inspect.signature(made).parameters.values()
    given = {one.name: needed[one.name] for one in parameters if one.default is one.empty and one.name in needed}
    with pytest.raises(UserError, match=rf"{argument}=foo: must be "):
        made(**(given | {argument: "foo"}))


def test_an_unknown_word_is_refused_by_functions_too() -> None:
    for wrong in ({"kind": "foo"}, {"loss": "foo"}):
        with pytest.raises(UserError, match=rf"{next(iter(wrong))}=foo: must be one of "):
            forecast(Kaiming(), "relu", [4, 3, 2], **wrong)
    with pytest.raises(UserError, match=r"kind=adma: must be one of sgd, adam; did you mean adam\?"):
        step_size_factors(torch.nn.Linear(2, 1), Kaiming(), "adma")
