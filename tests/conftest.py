"""What the tests of several packages share."""

import gc
import os
import subprocess
import sys
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import jaxtyping
import pytest
import read_once
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

DATA = Path(__file__).parents[1] / "data"
JANITOR = pytest.StashKey[subprocess.Popen[bytes]]()
hypothesis.settings.register_profile(  # the same examples every time, however slow the machine is
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("repeatable")


def pytest_configure(config: pytest.Config) -> None:
    """However the tests end, by SIGTERM or a kill: no worker, fork server or child of theirs stays."""
    if not hasattr(config, "workerinput") and sys.platform == "linux":
        os.environ["INITLAB_TESTS"] = mark = uuid.uuid4().hex
        janitor = [sys.executable, str(Path(__file__).with_name("janitor.py")), mark]
        config.stash[JANITOR] = subprocess.Popen(janitor, stdin=subprocess.PIPE, start_new_session=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    if JANITOR in config.stash:
        config.stash[JANITOR].communicate()


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those of slow.txt are marked. The longest first, so that no worker is left alone with one: `slow(seconds=60)`."""
    tests = Path(__file__).parent
    listed = set((tests / "slow.txt").read_text().splitlines())
    for item in items:
        if item.path.is_relative_to(tests):
            name = f"{item.path.relative_to(tests).as_posix()}::{getattr(item, 'originalname', item.name)}"
            if name in listed:
                item.add_marker(pytest.mark.slow)
    marks = {item: item.get_closest_marker("slow") for item in items}
    items.sort(key=lambda item: -(mark.kwargs.get("seconds", 0) if (mark := marks[item]) else 0))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("no GPU")


@pytest.fixture(scope="package", autouse=True)
def _nothing_left_open_by_a_folder() -> Iterator[None]:
    """Of what the fixtures of its modules held; a second is too much for each module."""
    yield
    gc.unfreeze()
    gc.collect()


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    """A file, folder or process that a test leaves for the garbage collector to close fails that very test.

    What outlives the test is frozen, so that the collector looks at it only once."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Warnings are errors here, but for those of libraries about themselves."""
    with warnings.catch_warnings():
        for words in (
            "isinstance.treespec, LeafSpec",
            "The number of training",
            "does not have many",
            "You defined a `val",
            "Guards may run slower on Python",  # of torch's compiler, on Python 3.13.0
            "`torch.jit.script",  # of an older torch, which its compiler calls too
            "It looks like `register_random`",  # an older Hypothesis, which does not find what is frozen
        ):
            warnings.filterwarnings("ignore", f".*{words}")
        yield


@pytest.fixture(scope="session", autouse=True)
def _configs_read_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OmegaConf, "load", read_once.load)
        yield


@pytest.fixture(autouse=True)
def _shapes_checked(request: pytest.FixtureRequest) -> None:
    """Not in the slow ones, which run the same lines as the others thousands of times: a tenth of their time."""
    jaxtyping.config.update("jaxtyping_disable", request.node.get_closest_marker("slow") is not None)


@pytest.fixture(autouse=True)
def no_command() -> Iterator[None]:
    """A command that a test ran in this process is over: its words are not those of the next one."""
    yield
    HydraConfig.instance().cfg = None


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """One thread a test: the same bits on every machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def fit(tmp_path: Path) -> Callable[..., Any]:
    """`fit(model, data, **trainer)`: train with nothing around it; gives the trainer."""
    import lightning as L

    def run(model: Any, data: Any, **more: Any) -> L.Trainer:
        bare = {
            "accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False,
            "enable_model_summary": False, "num_sanity_val_steps": 0, "max_epochs": 1, "default_root_dir": tmp_path,
        }  # fmt: skip
        trainer = L.Trainer(**(bare | more))
        trainer.fit(model, datamodule=data)
        return trainer

    return run
