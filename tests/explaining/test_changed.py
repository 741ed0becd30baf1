"""A change of a resolved config is what Hydra makes of the words with the change among them."""

import re
from typing import Any

import pytest
from omegaconf import OmegaConf

from initlab.composition import compose
from initlab.explaining.changed import changed
from initlab.explaining.hypotheses import Case, pairs, single_changes
from initlab.proof.fork import Change


def plain(*words: str) -> Any:
    return OmegaConf.to_container(compose(*words, run_dir="x"), resolve=True)


def kind_of(change: Change) -> tuple[str, ...]:
    """Its words; of those with another number only one is composed."""
    return tuple(re.sub(r"=[\d.]+(e-?\d+)?$", "=number", word) for word in change.words)


@pytest.mark.parametrize(
    "words",
    [
        ("init=kaiming", "seed=5"),
        ("init=normal", "init.sigma=1", "model.depth=4", "model.activation=tanh", "lr=3"),
        ("model.num_hiddens=[8,8,8,8]", "optimizer=adam", "optimizer.weight_decay=1", "scheduler=cosine"),
        ("model=softmax", "init=zeros", "optimizer.momentum=0.9", "trainer.gradient_clip_val=1"),
        ("model=conv", "model.residual=true", "model.depth=6", "lr=0.02"),
    ],
)
def test_every_change_is_the_one_that_its_words_make(words: tuple[str, ...]) -> None:
    config = plain(*words)
    case = Case(config, 1000)
    found = single_changes(case)
    assert {change.group for change in found} >= {"init", "lr", "optimizer", "batch"}
    kinds = {kind_of(change): change for change in [*found, *pairs(case)]}
    for change in kinds.values():
        if (
            any(word == "optimizer=sgd" or word == "scheduler=none" for word in change.words)
            and "model=softmax" in words
        ):
            continue
        without = [w for w in words if not any(w.startswith(f"{c.partition('=')[0]}.") for c in change.words)]
        if "optimizer=adam" in change.words or "optimizer=sgd" in change.words:
            without = [w for w in without if not w.startswith("lr=")]
        assert changed(config, change.words) == plain(*without, *change.words), change.words


def test_one_thing_differs() -> None:
    config = plain("init=normal", "model.depth=3")
    for change in single_changes(Case(config, 1000)):
        now = changed(config, change.words)
        differ = {key for key in config if config[key] != now[key]}
        group = change.words[0].partition("=")[0].partition(".")[0]
        assert differ <= {group, *(("optimizer", "lr") if group in ("lr", "optimizer") else ())}, change.words
    assert config == plain("init=normal", "model.depth=3")  # and the run's own is as it was


def test_residual_branches_are_made_so_small_that_their_sum_is_of_the_size_of_one() -> None:
    """1 / sqrt(16 branches), as of 17 convolutions all but the first have one."""
    words = ["model=conv", "model.depth=17", "model.residual=true"]
    for more, scales in ((words, [0.25]), (words[:2], []), ([*words, "model.branch_scale=0.1"], [])):
        found = [change for change in single_changes(Case(plain(*more), 1000)) if change.group == "branches"]
        assert [changed(plain(*more), change.words)["model"]["branch_scale"] for change in found] == scales


def test_another_seed_moves_what_follows_it() -> None:
    config = plain("seed=3", "init_seed=7")
    now = changed(config, ("seed=5",))
    assert (now["seed"], now["init_seed"], now["data"]["seed"]) == (5, 9, 5)


def test_pairs_repeat_no_single_change() -> None:
    config = plain("init=normal", "model.depth=4")
    case = Case(config, 1000)
    singles = [changed(config, change.words) for change in single_changes(case)]
    made = [changed(config, change.words) for change in pairs(case)]
    assert all(config not in singles for config in made)
    assert all(a != b for i, a in enumerate(made) for b in made[:i])
