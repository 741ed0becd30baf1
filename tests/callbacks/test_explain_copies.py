"""Of a module whose copy still uses the module itself nothing is explained, and in either case it is left as it was."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import lightning as L
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from initlab.callbacks import Explain
from initlab.proof import module_changes

pytestmark = pytest.mark.filterwarnings("ignore")
DRAW = torch.Generator().manual_seed(0)
Y = torch.randint(3, (400,), generator=DRAW)
X = 2 * torch.randn(3, 6, generator=DRAW)[Y] + 0.5 * torch.randn(400, 6, generator=DRAW)
NO_COPY = "this module cannot be copied"


class Slow(L.LightningModule):
    """At a rate at which nothing is learned, with a norm and momentum."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))

    def loss(self, batch: Any) -> Tensor:
        return F.cross_entropy(self.net(batch[0]), batch[1])

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return self.loss(batch)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), 1e-6, momentum=0.5)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]


class Stepping(Slow):
    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return self.step(batch)


class OnceItIsLate(Stepping):
    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return self.step(batch) if batch_idx > 10 else self.loss(batch)


class Eval(Stepping):
    """Nothing of it is changed in a step but by its gradient."""

    def on_train_batch_start(self, *args: Any) -> None:
        self.net.eval()


class WithFeatures(Eval):
    def loss(self, batch: Any) -> Tensor:
        return F.cross_entropy(self.net[3](self.features(batch[0])), batch[1])

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return self.loss(batch)


class Shared(Slow):
    def __deepcopy__(self, memo: Any) -> Any:
        return copy.copy(self)


def compiled_whole() -> Any:
    return torch.compile(Slow(), backend="eager")


def with_method(kind: type[Stepping], make: Callable[[Any], Any]) -> Any:
    net = kind()
    net.step = make(net.loss)
    return net


def own_optimizer() -> Any:
    net = Slow()
    optimizers = Slow.configure_optimizers(net)
    net.configure_optimizers = lambda: optimizers  # type: ignore[method-assign]
    return net


def held_frozen() -> Any:
    """The layers that a lambda holds are frozen: no step leaves a gradient there."""
    net = WithFeatures()
    held = net.net[:3].requires_grad_(False)
    net.features = lambda x: held(x)
    return net


def as_lambda(method: Any) -> Any:
    return lambda batch: method(batch)


CASES: dict[str, tuple[Callable[[], Any], bool]] = {  # whether it can be copied
    "plain": (Slow, True),
    "compiled": (compiled_whole, True),
    "partial": (partial(with_method, Stepping, partial), True),
    "lambda": (partial(with_method, Stepping, as_lambda), False),
    "late lambda": (partial(with_method, OnceItIsLate, as_lambda), False),
    "lambda, no buffer": (partial(with_method, Eval, as_lambda), False),
    "compiled method": (partial(with_method, Stepping, partial(torch.compile, backend="eager")), False),
    "optimiser": (own_optimizer, False),
    "frozen": (held_frozen, False),
    "shared": (Shared, False),
}


@pytest.fixture(autouse=True)
def _few_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module_changes, "RATES", (0.3,))
    monkeypatch.setattr(module_changes, "SCHEMES", ("kaiming",))


def state(make: Callable[[], Any], *callbacks: L.Callback) -> tuple[dict[str, Any], list[str]]:
    """Of everything a fit leaves, and the methods of the module's own."""
    torch.manual_seed(0)
    net = make()
    trainer = L.Trainer(
        max_epochs=2, callbacks=list(callbacks), accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    torch.manual_seed(1)
    trainer.fit(net, DataLoader(TensorDataset(X, Y), batch_size=16, shuffle=True))
    module = trainer.lightning_module
    assert module.trainer is trainer
    return {
        "weights and buffers": {name: value.clone() for name, value in module.state_dict().items()},
        "gradients": [None if p.grad is None else p.grad.clone() for p in module.parameters()],
        "trains": [p.requires_grad for p in module.parameters()],
        "optimisers": [copy.deepcopy(optimizer.state_dict()) for optimizer in trainer.optimizers],
        "random": torch.get_rng_state(),
    }, sorted(name for name, value in vars(module).items() if callable(value))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if real else []) for name, (_, real) in CASES.items()]
)
def test_the_module_is_left_as_it_was_and_explained_only_from_a_real_copy(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, real = CASES[name]
    explain = Explain(20)
    (without, methods), (watched, same_methods) = state(make), state(make, explain)
    torch.testing.assert_close(watched, without, rtol=0, atol=0)
    assert same_methods == methods
    said = " ".join(capsys.readouterr().out.split())
    assert said.count(NO_COPY) == (not real)
    if real:
        assert explain.explanation is not None
        assert explain.explanation.cause == "lr", str(explain.explanation)
        assert explain.explanation.evidence.repeats == "to the bit"
        assert ("In these steps the module is not compiled." in said) == (name == "compiled")
    else:
        assert explain.explanation is None
