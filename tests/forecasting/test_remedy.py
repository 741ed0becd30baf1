"""The one command: it can be pasted, keeps what was typed, and trains by the forecast of the command itself."""

import random
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import OmegaConf

from initlab.forecasting.from_config import forecast_run
from initlab.forecasting.remedy import remedy
from initlab.forecasting.rule import TRAINS
from initlab.override import replaced
from initlab.shipped import CONFIGS

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def hydra() -> Iterator[None]:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        yield


def config(words: list[str]) -> Any:
    return hydra_compose("train", overrides=[*words, "run_dir=x"])


def some_words(rng: random.Random) -> list[str]:
    """A run as a person might type it, in any order."""
    init = rng.choice(
        ["kaiming", "xavier", "torch_default", "orthogonal", "zeros", "normal init.sigma=0.01", "normal init.sigma=1.5"]
    )
    layers = [
        f"model.depth={rng.choice([1, 2, 3, 8, 20])}",
        f"model.num_hiddens=[{','.join(['64'] * rng.randint(2, 9))}]",
    ]
    optimizer = rng.choice(["", "optimizer=adam", "optimizer=torch_sgd optimizer.momentum=0.9", "scheduler=cosine"])
    lr = rng.choice(["", "lr=100", "lr=1e-7", "lr=0.01"])
    words = [*f"init={init} {optimizer} {lr}".split(), rng.choice(layers), "trainer.max_epochs=2", "seed=3"]
    words.append(f"model.activation={rng.choice(['relu', 'tanh', 'sigmoid', 'gelu'])}")
    rng.shuffle(words)
    return words


SEEDS = (0, 3, 7, 9, 10, 13, 14, 16, 19)  # among them every word that `some_words` has, as the test below counts


def test_every_word_is_among_the_seeds() -> None:
    every, chosen = (
        {word for seed in seeds for word in some_words(random.Random(seed))} for seeds in (range(20), SEEDS)
    )
    layers = {word for word in every if word.startswith("model.num_hiddens")}
    assert every - layers <= chosen
    assert layers & chosen


@pytest.mark.parametrize("seed", SEEDS)
def test_a_remedy_trains_and_is_followed_once(seed: int) -> None:
    """From run to run by what each advises: no config twice, the end is one that trains or that has no advice."""
    words, met = some_words(random.Random(seed)), []
    for _ in range(3):
        cfg = config(words)
        plain = OmegaConf.to_container(cfg, resolve=True)
        assert plain not in met
        met.append(plain)
        found = forecast_run(cfg)
        fix = remedy(cfg, found, words)
        assert (fix is None) or found.verdict.word != TRAINS
        if fix is None:
            break
        subprocess.run(["bash", "-n", "-c", fix.command], check=True)
        said = subprocess.run(
            ["bash", "-c", f"printf '%s\\n' {fix.command}"], capture_output=True, text=True, check=True
        )
        python, script, *after = said.stdout.splitlines()
        assert (python, script) == ("python", "scripts/train.py")
        changed = {word.partition("=")[0].split(".")[0] for word in set(after) - set(words)}
        kept = [word for word in words if word.split("=")[0].split(".")[0] not in changed]
        assert [word for word in after if word in kept] == kept
        assert "trainer.max_epochs=2" in after
        assert forecast_run(config(after)).verdict.word == TRAINS
        words = after
    else:
        pytest.fail("advice upon advice")
    assert fix is None


def test_the_scheme_comes_before_the_learning_rate_where_the_signal_is_at_fault() -> None:
    """N(0, 0.01), two layers of sigmoid: no rate mends what the draw lost; Xavier's does at the same one."""
    words = ["init=normal", "init.sigma=0.01", "model.activation=sigmoid", "model.depth=2", "trainer.max_epochs=1"]
    for more in ([], ["lr=0.00094"], ["lr=0.58"], ["lr=5"]):
        cfg = config([*words, *more])
        found = forecast_run(cfg)
        fix = remedy(cfg, found, [*words, *more])
        assert found.verdict.word != TRAINS
        assert fix is not None
        assert "init=xavier model.activation=sigmoid" in fix.command
    assert remedy(config(words), forecast_run(config(words)), words).command == (  # type: ignore[union-attr]
        "python scripts/train.py init=xavier model.activation=sigmoid model.depth=2 trainer.max_epochs=1"
    )


def test_a_rate_that_alone_is_at_fault_is_all_that_changes() -> None:
    linear = ["model=linear", "data=synthetic_regression", "lr=0"]
    for words in (
        ["model.depth=5", "lr=30"], ["lr=1e-6", "init=orthogonal"], ["lr=0"], ["model=softmax", "lr=1e-5"],
        ["model=softmax", "lr=0"], linear, [*linear, "optimizer=adam"],
    ):  # fmt: skip
        fix = remedy(config(words), forecast_run(config(words)), words)
        assert fix is not None
        rest = [word for word in shlex.split(fix.command)[2:] if not word.startswith("lr=")]
        assert rest == [word for word in words if not word.startswith("lr=")]


@pytest.mark.parametrize(
    ("words", "overrides", "after"),
    [
        ("init=normal init.sigma=1 seed=1", "init=xavier", "init=xavier seed=1"),
        ("+init.q=1 optimizer.lr=1 lr=2", "lr=0.1", "+init.q=1 lr=0.1"),
        ("optimizer=torch_sgd optimizer.momentum=0.9 lr=3", "optimizer=adam", "optimizer=adam"),
        ("seed=1", "init=xavier lr=0.1", "seed=1 init=xavier lr=0.1"),
        ("lr=1 seed=1", "lr=1 seed=2", "lr=1 seed=2"),
    ],
)
def test_what_is_replaced(words: str, overrides: str, after: str) -> None:
    assert replaced(words.split(), overrides.split()) == after.split()
