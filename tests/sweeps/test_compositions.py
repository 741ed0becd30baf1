"""A job's config from a shared composition is the one that Hydra composes."""

import copy
import pickle
from collections.abc import Iterator

import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf

from initlab.shipped import CONFIGS
from initlab.sweeps.compositions import SharedCompositions

NAMES = "hydra.job.config.override_dirname.exclude_keys=[trainer.max_epochs]"
VALUES = {
    "seed": ["0", "7"],
    "init_seed": ["3", "${seed}", "null"],
    "lr": ["0.1", "1e-3", "'${optimizer.lr}'", "inf"],
    "model.depth": ["1", "20", "word"],
    "model.activation": ["tanh", "relu", "'a b=c'"],
    "data.resize": ["[8,8]", "null"],
    "trainer.max_epochs": ["1", "2"],
    "hydra.sweep.subdir": ["a", "b_${hydra.job.num}"],
    "init": ["xavier", "normal", "kaiming"],
    "init.std": ["0.01", "1"],
    "+note": ["1", "two"],
    "++lr": ["5"],
    "~callbacks.monitor": [""],
    "data": ["fashion_mnist", "synthetic_regression"],
    "nonsense": ["1"],
}
words = st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=4, unique=True).flatmap(
    lambda keys: st.lists(
        st.tuples(*(st.sampled_from(VALUES[key]).map(lambda v, k=key: f"{k}={v}" if v else k) for key in keys)),
        min_size=2,
        max_size=4,
    )
)


@pytest.fixture
def hydra() -> Iterator[tuple[ConfigLoader, DictConfig]]:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        yield (
            loader,
            loader.load_configuration("train", [NAMES, "hydra.sweep.dir=x_${hydra.job.num}"], RunMode.MULTIRUN),
        )


def plain(loader: object, sweep: DictConfig, overrides: list[str]) -> object:
    try:
        return OmegaConf.to_container(loader.load_sweep_config(sweep, overrides))  # type: ignore[attr-defined]
    except HydraException as error:
        return type(error), str(error)


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(jobs=words)
def test_the_config_is_hydras_own(hydra: tuple[ConfigLoader, DictConfig], jobs: list[tuple[str, ...]]) -> None:
    loader, sweep = hydra
    shared = SharedCompositions(loader)
    for overrides in jobs:
        assert plain(shared, sweep, list(overrides)) == plain(loader, sweep, list(overrides))


def test_a_config_that_is_changed_afterwards_changes_no_other(hydra: tuple[ConfigLoader, DictConfig]) -> None:
    loader, sweep = hydra
    shared = SharedCompositions(loader)
    for seed in range(3):
        config = shared.load_sweep_config(sweep, [f"seed={seed}"])
        assert config.seed == seed
        assert config.lr == 0.1
        config.lr = 7


def test_many_jobs_are_composed_once(hydra: tuple[ConfigLoader, DictConfig], monkeypatch: pytest.MonkeyPatch) -> None:
    loader, sweep = hydra
    calls: list[list[str]] = []
    compose = loader.load_sweep_config
    monkeypatch.setattr(loader, "load_sweep_config", lambda *a: calls.append(a[1]) or compose(*a))
    shared = SharedCompositions(loader)
    for seed in range(5):
        for init in ("xavier", "kaiming"):
            shared.load_sweep_config(sweep, [f"init={init}", f"seed={seed}"])
    assert len(calls) == 2


def test_it_is_copied_and_pickled_without_its_configs(hydra: tuple[ConfigLoader, DictConfig]) -> None:
    loader, sweep = hydra
    shared = SharedCompositions(loader)
    shared.load_sweep_config(sweep, ["seed=1"])
    for again in (copy.deepcopy(shared), pickle.loads(pickle.dumps(shared))):
        assert plain(again, sweep, ["seed=1"]) == plain(loader, sweep, ["seed=1"])
        assert len(pickle.dumps(again)) < 3 * len(pickle.dumps(loader))
