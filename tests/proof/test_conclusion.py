"""The one rule, and the sentences that follow from forks that were made up."""

import json
import math
from pathlib import Path

import pytest

from initlab.proof.conclusion import Evidence, conclude
from initlab.proof.fork import AS_IT_WAS, SIZES, Change, Fork
from initlab.proof.labels import Labels
from initlab.runs.atomic import write_json

FLAT, GOOD = [2.3] * 100, [2.3, *[0.5] * 99]
KAIMING = Change("init", ("init=kaiming",), SIZES["init"])
RATES = [Change("lr", (f"lr={lr:g}",), SIZES["lr"] + i) for i, lr in enumerate((0.01, 1.0))]
ADAM = Change("optimizer", ("optimizer=adam",), SIZES["optimizer"])


def fork(change: Change, losses: list[float], *further: list[float]) -> Fork:
    return Fork(change, losses, math.log(10), further=[Fork(change, one, math.log(10)) for one in further])


@pytest.mark.parametrize(
    ("losses", "guess", "trains"),
    [
        ([2.3] * 20, math.log(10), False),
        ([2.3, *[1.2] * 19], math.log(10), False),  # more than half of guessing
        ([2.3, *[1.1] * 19], math.log(10), True),
        ([900.0, *[2.3] * 19], math.log(10), False),  # a loss that began too high came down to guessing
        ([900.0, *[400.0] * 19], math.inf, True),
        ([2.3, *[0.1] * 18, math.nan], math.log(10), False),
        ([2.3, *[0.1] * 14, 3, 3, 3, 3, 0.1], math.log(10), True),  # a median
        ([], math.log(10), False),
    ],
)
def test_the_rule(losses: list[float], guess: float, trains: bool) -> None:
    assert Fork(AS_IT_WAS, losses, guess).trains is trains
    assert not Fork(AS_IT_WAS, losses, guess, error="it stopped").trains


def test_the_smallest_change_is_the_cause_and_the_others_are_named() -> None:
    mended = fork(KAIMING, GOOD, GOOD, GOOD, GOOD)
    forks = [fork(RATES[0], FLAT), fork(RATES[1], [2.3, *[math.nan] * 99]), fork(ADAM, GOOD), mended]
    found = conclude(Evidence(100, forks, as_it_was=fork(AS_IT_WAS, FLAT, FLAT, FLAT, FLAT), mended=mended))
    assert (found.verdict, found.cause) == ("explained", "init")
    assert found.says == (
        "It did not train because of the initialisation.",
        "With init=kaiming and nothing else changed the loss is 0.5000 after 100 steps (4 of 4 seeds train), 2.3000 "
        "as it was (0 of 4).",
        "A larger change does it too: optimizer=adam (0.5000).",
        "No learning rate from 0.01 to 1 helps (0 of 2).",
    )


def test_two_changes_are_said_to_be_two() -> None:
    pair = KAIMING + RATES[1]
    mended = fork(pair, GOOD, GOOD, GOOD, GOOD)
    found = conclude(Evidence(100, [fork(KAIMING, FLAT), fork(ADAM, FLAT), mended], as_it_was=fork(AS_IT_WAS, FLAT),
                              mended=mended))  # fmt: skip
    assert found.cause == "init and lr"
    assert found.says[0].startswith(
        "It did not train because of two things, the initialisation and the learning rate: "
    )
    assert found.says[0].endswith("no one of 2 changes is enough.")
    assert found.says[1].startswith("With init=kaiming lr=1 and nothing else changed the loss is 0.5000")


def test_what_did_not_do_with_other_seeds_is_never_said_to_do_it() -> None:
    """Kaiming trains with its own seed and one more: not enough, so it is told with its share, beside a pair and not as
    a change that does it too."""
    partly, pair = fork(KAIMING, GOOD, GOOD, FLAT, FLAT), fork(KAIMING + RATES[1], GOOD, GOOD, GOOD, GOOD)
    for mended in (pair, fork(ADAM, GOOD, GOOD, GOOD, GOOD)):
        forks = [partly, fork(RATES[0], FLAT), mended]
        found = conclude(Evidence(100, forks, as_it_was=fork(AS_IT_WAS, FLAT), mended=mended))
        assert "does it too" not in str(found)
        assert "No other scheme helps" not in str(found)
        assert "init=kaiming with 2 of 4 seeds" in str(found)


def test_what_nothing_mends_is_not_explained_unless_the_labels_say_nothing_or_other_seeds_train() -> None:
    forks = [fork(KAIMING, FLAT), fork(ADAM, [2.3] * 90 + [2.0] * 10)]
    was = fork(AS_IT_WAS, FLAT, FLAT, FLAT, FLAT)
    found = conclude(Evidence(100, forks, as_it_was=was, labels=Labels(9.0, "")))
    assert (found.verdict, found.cause, found.change) == ("not explained", "", None)
    assert "not explained by these 2 changes" in found.says[0]
    assert "the nearest is optimizer=adam, 2.0000" in found.says[1]
    assert conclude(Evidence(100, forks, as_it_was=was, labels=Labels(0.4, "so many"))).cause == "labels"
    lucky = fork(AS_IT_WAS, FLAT, GOOD, GOOD, FLAT)
    assert conclude(Evidence(100, forks, as_it_was=lucky, labels=Labels(9.0, ""))).cause == "seed"


@pytest.mark.parametrize(
    ("steps", "whole", "further"), [(100, False, 400), (800, False, 2000), (2000, False, 0), (30, True, 0)]
)
def test_more_steps_are_advised_only_where_there_are_more(steps: int, whole: bool, further: int) -> None:
    found = conclude(Evidence(steps, [fork(KAIMING, FLAT)], as_it_was=fork(AS_IT_WAS, FLAT), whole=whole))
    assert found.says[-1].endswith(f"; steps={further} looks further." if further else "makes it train.")


def test_what_trains_with_its_own_seed_only_is_no_cause() -> None:
    once = fork(ADAM, GOOD, FLAT, FLAT, FLAT)
    found = conclude(Evidence(100, [once], as_it_was=fork(AS_IT_WAS, FLAT, FLAT, FLAT, FLAT), labels=Labels(9.0, "")))
    assert (found.verdict, found.change) == ("not explained", None)
    assert "None of 1 changes of optimizer makes it train with three of four seeds" in found.says[2]


def test_a_healthy_run_is_accused_of_nothing() -> None:
    found = conclude(Evidence(100, [], trained=True, end=0.26, metrics={"test/acc": 0.87}))
    assert (found.verdict, found.cause) == ("trains", "")
    assert str(found) == "It trains; nothing to explain: the training loss ended at 0.2600 (test/acc 0.8700)."


def test_the_record_is_plain_values_whatever_the_losses_are(tmp_path: Path) -> None:
    bad = Fork(RATES[0], [2.3, math.inf, math.nan], error="it stopped")
    bad.signal = {"layers.0": {0: 1.0, 1: math.inf}, "layers.1": {1: 2.0}}
    write_json(tmp_path / "explanation.json", conclude(Evidence(100, [bad], as_it_was=bad)).record())
    record = json.loads((tmp_path / "explanation.json").read_text())
    assert record["signal"]["as it was"] == {
        "layers": ["layers.0", "layers.1"], "steps": [0, 1], "std": [[1.0, None], [None, 2.0]],
    }  # fmt: skip
    assert record["forks"][0] == {
        "name": "lr=0.01", "group": "lr", "trains": False, "loss": None, "losses": [2.3, None, None], "seeds": [0, 1],
        "error": "it stopped",
    }  # fmt: skip


def test_what_ended_with_an_error_is_no_answer() -> None:
    """Neither among those that did not help nor the nearest, however low the loss was when it ended."""
    ended = Fork(RATES[0], [2.3, 0.1], math.log(10), error="it ended after 2 of 100 steps")
    was = fork(AS_IT_WAS, FLAT)
    found = conclude(Evidence(100, [fork(RATES[1], FLAT), ended], as_it_was=was))
    assert "by these 1 changes" in found.says[0]
    assert "the nearest is lr=1, 2.3000" in found.says[1]
    mended = fork(KAIMING, GOOD)
    found = conclude(Evidence(100, [fork(RATES[1], FLAT), ended, mended], as_it_was=was, mended=mended))
    assert found.says[-1] == "No learning rate from 1 to 1 helps (0 of 1)."
