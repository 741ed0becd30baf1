"""A mistake in a module is seen in its first step, and undone it is the module without it: torch on the right code is
the oracle."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import lightning as L
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from initlab.proof.bugs import InMode, Look, _Mode, bug_pairs
from initlab.proof.losses import Losses

DRAW = torch.Generator().manual_seed(0)
Z, Y = torch.randn(16, 5, generator=DRAW), torch.randint(5, (16,), generator=DRAW)
RIGHT = partial(F.cross_entropy, target=Y)
B = (torch.rand(16, generator=DRAW) > 0.5).float()
SHAPE = "targets in the shape of the predictions"


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("the cross-entropy of log(p)", lambda z: F.cross_entropy(z.softmax(1), Y), RIGHT),
        ("the cross-entropy of log(p)", lambda z: nn.CrossEntropyLoss()(nn.Softmax(-1)(z), Y), RIGHT),
        ("the cross-entropy of log(p)", lambda z: F.nll_loss(z.softmax(1), Y), RIGHT),
        ("the softmax over the classes", lambda z: F.nll_loss(F.log_softmax(z, dim=0), Y), RIGHT),
        ("the softmax over the classes", lambda z: F.nll_loss(z.softmax(0).log(), Y), RIGHT),
        ("the softmax over the classes", lambda z: F.nll_loss(torch.log_softmax(z, -2), Y), RIGHT),
        ("logits before the loss", lambda z: F.binary_cross_entropy_with_logits(z[:, 0].sigmoid(), B),
         lambda z: F.binary_cross_entropy_with_logits(z[:, 0], B)),
        ("logits before the loss", lambda z: nn.BCEWithLogitsLoss()(torch.sigmoid(z[:, 0]), B),
         lambda z: F.binary_cross_entropy_with_logits(z[:, 0], B)),
        ("logits before the loss", lambda z: F.cross_entropy(nn.Sigmoid()(z), Y), RIGHT),
        (SHAPE, lambda z: F.mse_loss(z[:, :1], B), lambda z: F.mse_loss(z[:, 0], B)),
        (SHAPE, lambda z: nn.SmoothL1Loss()(z[:, 0], B[:, None]), lambda z: F.smooth_l1_loss(z[:, 0], B)),
        (SHAPE, lambda z: ((z[:, :1] - B) ** 2).mean(), lambda z: F.mse_loss(z[:, 0], B)),
        (SHAPE, lambda z: ((B - z[:, :1]) ** 2).mean(), lambda z: F.mse_loss(z[:, 0], B)),
        (SHAPE, lambda z: torch.sub(B, z[:, :1]).abs().mean(), lambda z: F.l1_loss(z[:, 0], B)),
    ],
)  # fmt: skip
def test_undone_it_is_the_right_loss_with_its_gradient(
    name: str, wrong: Callable[[Tensor], Tensor], right: Callable[[Tensor], Tensor]
) -> None:
    z, again = Z.clone().requires_grad_(), Z.clone().requires_grad_()
    with _Mode([name], only_look=False) as mode:
        undone = wrong(z)
    assert mode.seen == {name: 1}
    expected = right(again)
    undone.backward()
    expected.backward()
    assert undone.item() == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(z.grad, again.grad, rtol=1e-3, atol=1e-6)
    with _Mode([name], only_look=True) as looking:
        assert wrong(z).item() == wrong(z).item()
    assert looking.seen == {name: 2}  # and changed nothing
    with _Mode([name], only_look=True) as looking:
        right(Z)
        F.cross_entropy(Z.abs(), Y)
        F.mse_loss(Z.softmax(1), Z)
        F.cross_entropy(Z.relu() / 9, Y)
        z = Z.clone().requires_grad_()
        _ = z - z.mean(1, keepdim=True), z - z[0], B[:, None] - B, F.mse_loss(z[:, :1], z[:, 1:2]), z - 1.0
    assert looking.seen == {}


class Net(L.LightningModule):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.first, self.last = nn.Linear(5, 8), nn.Linear(8, 5)
        if how == "frozen":
            self.first.requires_grad_(False)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        with torch.set_grad_enabled(self.how != "no grad"):
            hidden = self.first(batch[0]).relu()
        return F.cross_entropy(self.last(hidden.detach() if self.how == "detached" else hidden), batch[1])

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.last.parameters() if self.how == "forgotten" else self.parameters(), 0.1)


def fitted(net: Net, *callbacks: L.Callback) -> Net:
    trainer = L.Trainer(
        max_steps=3, callbacks=list(callbacks), accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(net, train_dataloaders=DataLoader(TensorDataset(Z, Y), batch_size=16))
    return net


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("how", "accuses"),
    [
        ("right", ()),
        ("frozen", ("frozen parameters: first.weight, first.bias",)),
        ("forgotten", ("parameters that the optimiser was not given: first.weight, first.bias",)),
        ("no grad", ("a no_grad() that cuts off first.weight, first.bias, which gets no gradient",)),
        ("detached", ("a detach() that cuts off first.weight, first.bias, which gets no gradient",)),
    ],
)
def test_parameters_that_do_not_train_are_named_and_made_to(how: str, accuses: tuple[str, ...]) -> None:
    look = Look()
    fitted(Net(how), look)
    changes = look.changes()
    assert tuple(change.accuses for change in changes) == accuses
    for change in changes:
        torch.manual_seed(0)
        net = Net(how)
        before = net.first.weight.clone()
        (callback,) = change.callbacks()
        assert not torch.equal(fitted(net, callback).first.weight, before)


@pytest.mark.filterwarnings("ignore")
def test_two_mistakes_are_undone_at_once_and_one_that_the_first_hides_is_among_them() -> None:
    class Hidden(Net):
        def training_step(self, batch: Any, batch_idx: int) -> Tensor:
            return F.cross_entropy(self.last(self.first(batch[0])).softmax(0), batch[1])

    torch.manual_seed(0)
    look, net = Look(), Hidden("right")
    expected = F.cross_entropy(net.last(net.first(Z)), Y)
    fitted(Hidden("right"), look)
    (pair,) = bug_pairs(look.changes())
    assert pair.words == ("the softmax over the classes", "the cross-entropy of log(p)")
    losses = Losses()
    fitted(net, *pair.callbacks(), losses)
    assert losses.values[0] == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_an_error_in_the_step_leaves_no_mode_behind() -> None:
    class Fails(Net):
        def training_step(self, batch: Any, batch_idx: int) -> Tensor:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fitted(Fails("right"), InMode("no detach()"))
    x = torch.ones(2, requires_grad=True)
    assert not x.detach().requires_grad
