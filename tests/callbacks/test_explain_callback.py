"""A flat fit of anybody's module is explained, and is left as it was."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from initlab.callbacks import Explain
from initlab.errors import UserError
from initlab.proof import module_changes

pytestmark = pytest.mark.filterwarnings("ignore")
DRAW = torch.Generator().manual_seed(0)
Y = torch.randint(3, (400,), generator=DRAW)
X = 2 * torch.randn(3, 6, generator=DRAW)[Y] + 0.5 * torch.randn(400, 6, generator=DRAW)


class Net(L.LightningModule):
    """With dropout and a norm, whose numbers and running means a repetition must have again."""

    def __init__(self, how: str = "") -> None:
        super().__init__()
        self.how = how
        self.net = nn.Sequential(
            nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 16), nn.ReLU(),
            nn.Linear(16, 3),
        )  # fmt: skip
        if how == "zeros":
            for parameter in self.net.parameters():
                nn.init.zeros_(parameter)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        z = self.net(batch[0])
        z = z.softmax({"softmax": 1, "axis": 0}[self.how]) if self.how in ("softmax", "axis") else z
        loss = F.cross_entropy(z, batch[1])
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), 1e-5 if self.how == "slow" else 0.2, momentum=0.5)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 2)]


def fit(net: Net, *callbacks: L.Callback, X: Tensor = X, Y: Tensor = Y, epochs: int = 5) -> L.Trainer:
    torch.manual_seed(1)
    trainer = L.Trainer(
        max_epochs=epochs, callbacks=list(callbacks), accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(net, DataLoader(TensorDataset(X, Y), batch_size=16, shuffle=True))
    return trainer


def net_of(how: str) -> Net:
    torch.manual_seed(0)
    return Net(how)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("zeros", "init"), ("softmax", "bug"), ("axis", "bug and bug"), ("slow", "lr"), ("raw", "data"),
        ("column", "column"), ("random", "labels"),
    ],
)  # fmt: skip
def test_the_cause_is_named_and_the_fit_is_as_it_was_without(
    how: str, cause: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = 1000 * (X + 3) if how == "raw" else X
    labels = Y[torch.randperm(400, generator=torch.Generator().manual_seed(5))] if how == "random" else Y
    if how == "column":
        inputs = X.clone()
        inputs[:, 2] = 3e4
    if how in ("raw", "column"):
        net = net_of(how)
        net.net[1] = nn.Identity()  # a norm would put the inputs right
        other = copy.deepcopy(net)
    else:
        net, other = net_of(how), net_of(how)
    plain = fit(other, X=inputs, Y=labels)
    numbers = [torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()]  # type: ignore[index]
    random.seed(3)
    explain = Explain(20, folder=tmp_path)
    watched = fit(net, explain, X=inputs, Y=labels)
    assert explain.explanation is not None
    assert explain.explanation.cause == cause, str(explain.explanation)
    assert explain.explanation.evidence.repeats == "to the bit"
    assert json.loads((tmp_path / "explanation.json").read_text())["cause"] == cause
    assert explain.explanation.says[0] in " ".join(capsys.readouterr().out.replace("why", "").split())
    for name, value in other.state_dict().items():
        assert torch.equal(value, net.state_dict()[name]), name
    one, two = (t.optimizers[0].state_dict() for t in (plain, watched))
    assert one["param_groups"] == two["param_groups"]
    for state, same in zip(one["state"].values(), two["state"].values(), strict=True):
        torch.testing.assert_close(state, same, rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), numbers[0])
    assert np.random.get_state()[1].tolist() == numbers[2]  # type: ignore[index]
    assert net.trainer is watched


@pytest.mark.slow
def test_sorted_rows_are_judged_by_shuffled_ones(capsys: pytest.CaptureFixture[str]) -> None:
    """Its own loss ends near 0, of the last class alone; of rows that are sorted and few it learns all the same."""
    Y = torch.arange(3).repeat_interleave(800)
    X = 2 * torch.randn(3, 6, generator=DRAW)[Y] + 0.5 * torch.randn(len(Y), 6, generator=DRAW)
    for rows, cause in ((slice(None), "order"), (slice(None, None, 40), None)):
        torch.manual_seed(1)
        explain = Explain(20)
        trainer = L.Trainer(
            max_epochs=2 if cause else 20, callbacks=[explain], accelerator="cpu", logger=False,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        net = net_of("")
        net.net[1] = nn.Identity()  # a norm of sorted batches is another mistake
        trainer.fit(net, DataLoader(TensorDataset(X[rows], Y[rows]), batch_size=16))
        assert (explain.explanation.cause if explain.explanation else None) == cause, str(explain.explanation)
    assert "they are sorted, the labels of 16 in a row vary by 0% of what all vary" in " ".join(
        capsys.readouterr().out.replace("why", "").split()
    )


def test_a_fit_that_learned_is_accused_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    explain = Explain(20)
    fit(net_of(""), explain)
    assert explain.explanation is None
    assert "why" not in capsys.readouterr().out


@pytest.mark.parametrize("how", ["frozen", "detached"])
def test_a_first_step_without_any_gradient_is_told_by_what_undoes_it(
    how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    class Cut(Net):
        def training_step(self, batch: Any, batch_idx: int) -> Tensor:
            z = self.net(batch[0])
            return F.cross_entropy(z.detach() if how == "detached" else z, batch[1])

    net = Cut()
    net.requires_grad_(how == "detached")
    with pytest.raises(RuntimeError, match="does not require grad"):
        fit(net, Explain(20))
    said = " ".join(capsys.readouterr().out.replace("why", "").split())
    what = {"frozen": "frozen parameters: net.0.weight", "detached": "a detach() that cuts off net.0.weight"}[how]
    undone = {"frozen": "with all parameters unfrozen it is made.", "detached": "with no detach() it is made."}[how]
    assert f"The first step fails because of {what}" in said
    assert undone in said
    assert all(parameter.requires_grad == (how == "detached") for parameter in net.parameters())


def test_what_cannot_be_copied_or_repeated_is_one_sentence_and_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    class Uncopied(Net):
        def __deepcopy__(self, memo: Any) -> Any:
            raise RuntimeError("only one of me")

    class Once(Net):
        fits = 0

        def on_train_start(self) -> None:
            Once.fits += 1
            if Once.fits > 1:
                raise RuntimeError("only once")

    explain = Explain(20)
    fit(Uncopied("zeros"), explain)
    fit(Once("zeros"), explain)
    said = " ".join(capsys.readouterr().out.split())
    assert "this module cannot be copied, so the fit will not be explained: RuntimeError: only one of me" in said
    assert "the fit cannot be repeated, so it is not explained: RuntimeError: only once" in said
    assert explain.explanation is None


def test_batches_of_any_kind(capsys: pytest.CaptureFixture[str]) -> None:
    """Of dictionaries nothing is known of inputs and labels; a step that returns none has no loss."""

    class Dicts(Net):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return super().training_step((batch["x"], batch["y"]), batch_idx) if self.how else None

    rows: list[dict[str, Tensor]] = [{"x": x, "y": y} for x, y in zip(X, Y, strict=True)]
    for how in ("zeros", ""):
        explain = Explain(20)
        trainer = L.Trainer(
            max_epochs=2, callbacks=[explain], accelerator="cpu", logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(Dicts(how), DataLoader(rows, batch_size=16))  # type: ignore[arg-type]
        if how:
            assert explain.explanation is not None
            assert explain.explanation.cause == "init"
        else:
            assert explain.explanation is None


@pytest.mark.parametrize("steps", [0, 19, 2.5, "100"])
def test_a_wrong_number_of_steps(steps: Any) -> None:
    with pytest.raises(UserError, match="steps"):
        Explain(steps)


@pytest.fixture(autouse=True)
def _few_changes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module_changes, "RATES", (0.001, 0.3))
    monkeypatch.setattr(module_changes, "SCHEMES", ("kaiming", "xavier"))
    yield
    torch.manual_seed(0)
