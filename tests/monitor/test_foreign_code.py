"""What people's code does around a monitor, and what may go wrong in it: the training stays as it is."""

import copy
import csv
import dataclasses
import gc
import io
import pickle
import sys
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from children import answered
from lightning.pytorch.callbacks import BackboneFinetuning, BatchSizeFinder, LearningRateFinder
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.tuner import Tuner
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional
from torch.nn.modules import module as all_modules
from torch.nn.utils import parametrizations, prune, rnn
from torch.optim import optimizer as all_optimizers
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

from initlab.callbacks import SignalMonitor
from initlab.errors import UserError
from initlab.monitor import Observer, kernels, layer_probe, rows_out
from initlab.monitor.outputs import is_signal, unreadable
from initlab.monitor.watched_fit import WatchedFit

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*lr_scheduler|.*does not have a `|.*CSVLogger|.*Experiment logs directory|.*`weights_only` was not set",
    "ignore:.*batch_size|.*Checkpoint directory|.*nested tensors is in prototype|.*torch.jit",
)


def data(batch_size: int = 16, num: int = 64) -> DataLoader[Any]:
    g = torch.Generator().manual_seed(3)
    X, y = torch.randn(num, 12, generator=g), torch.randint(4, (num,), generator=g)
    return DataLoader(TensorDataset(X, y), batch_size=batch_size)


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 4))


class Model(L.LightningModule):
    def __init__(self, net: nn.Module | None = None) -> None:
        super().__init__()
        self.net, self.lr = net or mlp(), 0.05

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        X, y = batch
        return functional.cross_entropy(self.net(X), y)

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD([p for p in self.parameters() if p.requires_grad], self.lr, momentum=0.9)

    def train_dataloader(self) -> Any:
        return data()


def monitor(**more: Any) -> SignalMonitor:
    return SignalMonitor(**({"every_n_steps": 1, "max_overhead": None} | more))


def trainer(folder: Path, *callbacks: L.Callback, **more: Any) -> L.Trainer:
    bare = {
        "accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False,
        "enable_model_summary": False, "max_epochs": 2, "default_root_dir": folder,
    }  # fmt: skip
    return L.Trainer(callbacks=list(callbacks), **(bare | more))


def rows(path: Path) -> dict[tuple[int, str, str], float]:
    with open(path, newline="") as lines:
        return {(int(r["step"]), r["layer"], r["quantity"]): float(r["value"]) for r in csv.DictReader(lines)}


def trained(make: Callable[[], L.LightningModule], folder: Path, *callbacks: L.Callback, **more: Any) -> Any:
    torch.manual_seed(0)
    model = make()
    trainer(folder, *callbacks, **more).fit(model)
    return model


def same_bits(a: nn.Module, b: nn.Module) -> bool:
    ours, its = a.state_dict(), b.state_dict()
    return set(ours) == set(its) and all(
        torch.equal(ours[name], its[name]) for name in ours if isinstance(ours[name], torch.Tensor)
    )


# networks of all kinds: trained to the same bits, watched or not


class Packed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.LSTM(3, 16, batch_first=True), nn.Linear(16, 4)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        steps = rnn.pack_padded_sequence(X.view(-1, 4, 3), torch.full((len(X),), 3), batch_first=True)
        return self.head(self.rnn(steps)[1][0][-1])


@dataclasses.dataclass
class Output:
    name: str
    hidden: dict[str, Any]


class Wrapped(nn.Module):
    """Its layer's output is a dataclass with a dict with a tuple."""

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(32, 12) * 0.3)

        def forward(self, X: torch.Tensor) -> Output:
            return Output("h", {"step": torch.tensor(3), "state": (None, X @ self.weight.T)})

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = Wrapped.Layer(), nn.Linear(32, 4)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(X).hidden["state"][1])


class Complex(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.head = nn.Linear(12, 16, dtype=torch.cfloat), nn.Linear(16, 4)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.head(self.a(X.to(torch.cfloat)).abs())


class Jagged(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.head = nn.Linear(3, 8), nn.Linear(8, 4)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        sizes = [1 + i % 4 for i in range(len(X))]
        rows = [x.view(4, 3)[:n] for x, n in zip(X, sizes, strict=True)]
        parts = self.a(torch.nested.as_nested_tensor(rows, layout=torch.jagged)).unbind()
        return self.head(torch.stack([part.mean(0) for part in parts]))


class EightBits(nn.Module):
    class Round(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.to(torch.float8_e4m3fn)

    def __init__(self) -> None:
        super().__init__()
        self.a, self.round, self.head = nn.Linear(12, 16), EightBits.Round(), nn.Linear(16, 4)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        h = self.a(X)
        return self.head(h + (self.round(h.detach()).float() - h.detach()))


class PerSample(Model):
    """Norms of each example's gradient, by torch.func, before the usual pass."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        p = {name: value.detach() for name, value in self.net.named_parameters()}
        loss = lambda p, x, y: functional.cross_entropy(functional_call(self.net, p, (x[None],)), y[None])  # noqa: E731
        grads = vmap(grad(loss), (None, 0, 0))(p, *batch)
        norms = sum(g.flatten(1).square().sum(1) for g in grads.values()).sqrt()
        return (functional.cross_entropy(self.net(batch[0]), batch[1], reduction="none") / (1 + norms)).mean()


class Lbfgs(Model):
    def configure_optimizers(self) -> Any:
        return torch.optim.LBFGS(self.parameters(), lr=0.1, max_iter=4)


class Sam(torch.optim.Optimizer):
    """Sharpness-aware minimisation (Foret et al. 2021), which steps by way of another optimiser."""

    def __init__(self, params: Any, rho: float = 0.05) -> None:
        super().__init__(params, {"rho": rho})
        self.base = torch.optim.SGD(self.param_groups, lr=0.05)

    def moves(self) -> list[nn.Parameter]:
        return [p for group in self.param_groups for p in group["params"] if p.grad is not None]

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        closure = torch.enable_grad()(closure)
        loss = closure()
        norm = torch.stack([p.grad.norm() for p in self.moves()]).norm()
        old = [(p, p.detach().clone()) for p in self.moves()]
        for p, _ in old:
            p.add_(p.grad * (0.05 / norm))
        closure()
        for p, before in old:
            p.copy_(before)
        self.base.step()
        return loss


class SharpnessAware(Model):
    def configure_optimizers(self) -> Any:
        return Sam(self.parameters())


class ByHand(Model):
    """Stepped without Lightning's wrapper, which counts steps."""

    def __init__(self, net: nn.Module | None = None) -> None:
        super().__init__(net)
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        optimizer = self.optimizers(use_pl_optimizer=False)
        optimizer.zero_grad()
        loss = super().training_step(batch, batch_idx)
        loss.backward()
        optimizer.step()
        return loss


class Adversaries(Model):
    """A GAN's two optimisers; the maker's backward pass leaves gradients in the judge, as often in such code."""

    def __init__(self) -> None:
        super().__init__(nn.Identity())
        self.automatic_optimization = False
        self.maker = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 12))
        self.judge = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 1))

    def training_step(self, batch: Any, batch_idx: int) -> None:
        maker, judge = self.optimizers()
        maker.zero_grad()
        self.manual_backward(-self.judge(self.maker(batch[0])).mean())
        maker.step()
        judge.zero_grad()
        self.manual_backward((self.judge(self.maker(batch[0]).detach()) - self.judge(batch[0])).mean())
        judge.step()

    def configure_optimizers(self) -> Any:
        return [torch.optim.Adam(net.parameters(), lr=0.01) for net in (self.maker, self.judge)]


def pruned() -> nn.Module:
    net = mlp()
    prune.random_unstructured(net[2], "weight", 0.5)
    return net


def parametrized(how: Callable[[nn.Module], nn.Module]) -> nn.Module:
    net = mlp()
    how(net[2])
    return net


class Equal(nn.Linear):
    """Equal to any other of its shape, and has no hash."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equal) and self.weight.shape == other.weight.shape

    __hash__ = None  # type: ignore[assignment]


class WithTwin(Model):
    """A target network of equal modules, which gets other inputs first."""

    def __init__(self) -> None:
        super().__init__(nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 4)))
        self.__dict__["mine"], self.__dict__["twin"] = Equal(4, 4), Equal(4, 4)

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        y = self.net(batch[0])
        with torch.no_grad():
            self.twin(100 * y)
        return functional.cross_entropy(y + 0 * self.mine(y), batch[1])


class Observing(nn.ReLU):
    """Keeps the range of its inputs, as in quantisation-aware training, and adds noise."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("high", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.high = torch.maximum(self.high, x.detach().max())
        return functional.relu(x + 0.1 * torch.randn_like(x)) + 0 * self.high


class HasHooks(Model):
    """Has lists of hooks of its own, under names that others use as well."""

    def __init__(self) -> None:
        super().__init__()
        self.gradient_hooks: list[Any] = []
        self.hooks_of_backward_by_hand = True

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        for hook in self.gradient_hooks:
            hook.remove()
        y = self.net(batch[0])
        self.gradient_hooks = [y.register_hook(lambda g: None)]
        return functional.cross_entropy(y, batch[1])


class ShapesOnMeta(Model):
    def training_step(self, batch: Any, batch_idx: int) -> Any:
        shapes = {name: torch.empty_like(p, device="meta") for name, p in self.net.named_parameters()}
        functional_call(self.net, shapes, (batch[0].to("meta"),))
        return super().training_step(batch, batch_idx)


KINDS: dict[str, Callable[[], L.LightningModule]] = {
    "packed sequences": lambda: Model(Packed()),
    "dataclass, dict and tuple": lambda: Model(Wrapped()),
    "complex numbers": lambda: Model(Complex()),
    "jagged tensors": lambda: Model(Jagged()),
    "8-bit numbers": lambda: Model(EightBits()),
    "a scripted layer": lambda: Model(nn.Sequential(torch.jit.script(nn.Linear(12, 32)), nn.ReLU(), nn.Linear(32, 4))),
    "a scripted network": lambda: Model(torch.jit.script(mlp())),
    "per-sample gradients": PerSample,
    "weight norm": lambda: Model(parametrized(parametrizations.weight_norm)),
    "spectral norm": lambda: Model(parametrized(parametrizations.spectral_norm)),  # computing a weight moves its state
    "orthogonal": lambda: Model(parametrized(parametrizations.orthogonal)),
    "pruned": lambda: Model(pruned()),
    "LBFGS": Lbfgs,
    "SAM": SharpnessAware,
    "a plain optimiser": ByHand,
    "a GAN": Adversaries,
    "equal modules without a hash": WithTwin,
    "a stateful subclass of an activation": lambda: Model(
        nn.Sequential(nn.Linear(12, 32), Observing(), nn.Linear(32, 4))
    ),
    "names of its own": HasHooks,
    "shapes on the meta device": ShapesOnMeta,
}


@pytest.mark.parametrize("kind", KINDS)
def test_watched_to_the_same_bits(kind: str, tmp_path: Path) -> None:
    watch = monitor()
    with torch.jit.optimized_execution(False):  # which rounds otherwise after some calls, watched or not
        watched = trained(KINDS[kind], tmp_path / "watched", watch)
        alone = trained(KINDS[kind], tmp_path / "alone")
    assert same_bits(watched, alone)
    assert watch.history.layers("std")
    assert watch.history.layers("update_ratio")
    numbers = rows(tmp_path / "watched" / "signal.csv")
    assert {layer for _, layer, what in numbers if what == "update_ratio"} >= {
        name for name, p in watched.named_parameters() if p.ndim >= 2 and "parametrizations" not in name
    }
    assert not [layer for _, layer, _ in numbers if "#" in layer and kind not in ("a GAN", "SAM")]


def test_what_is_seen_of_uncommon_outputs(tmp_path: Path, notes: list[str]) -> None:
    X = next(iter(data()))[0]
    got = {}
    nets: dict[str, nn.Module] = {}
    for kind in ("packed sequences", "dataclass, dict and tuple", "complex numbers", "8-bit numbers", "weight norm"):
        torch.manual_seed(0)
        nets[kind] = KINDS[kind]().net  # type: ignore[assignment]
        trained(KINDS[kind], tmp_path / kind, monitor())
        got[kind] = rows(tmp_path / kind / "signal.csv")
    packed = rnn.pack_padded_sequence(X.view(-1, 4, 3), torch.full((16,), 3), batch_first=True)
    with torch.no_grad():
        z = nets["complex numbers"].a(X.to(torch.cfloat))
        expected = {
            ("packed sequences", "net.rnn"): nets["packed sequences"].rnn(packed)[0].data.std(),
            ("dataclass, dict and tuple", "net.layer"): (X @ nets["dataclass, dict and tuple"].layer.weight.T).std(),
            ("complex numbers", "net.a"): z.abs().std(),
            ("8-bit numbers", "net.round"): nets["8-bit numbers"].a(X).to(torch.float8_e4m3fn).float().std(),
            ("weight norm", "net.2"): nets["weight norm"][:3](X).std(),  # type: ignore[index]
        }
        norm = torch.linalg.vector_norm(nets["complex numbers"].a.weight)
    for (kind, layer), value in expected.items():
        assert got[kind][0, layer, "std"] == pytest.approx(value.item(), rel=1e-5), kind
    assert got["complex numbers"][0, "net.a.weight", "weight_norm"] == pytest.approx(norm.item(), rel=1e-5)
    assert not any("parametrizations" in layer for _, layer, what in got["weight norm"] if what == "std")
    assert not notes


def test_what_cannot_be_watched_is_named_once(tmp_path: Path, notes: list[str]) -> None:
    class Forward(Model):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            x = batch[0]
            for layer in self.net:
                x = layer.forward(x)
            return functional.cross_entropy(x, batch[1])

    trained(Forward, tmp_path / "forward", monitor())
    assert notes == [
        "not watched: net.0, net.2, net.4 "
        "(no call of it in step 0: a later layer(x) will be seen, layer.forward(x) never is)",
        "no layer was seen in this run",
    ]
    notes.clear()
    trained(KINDS["jagged tensors"], tmp_path / "jagged", monitor())
    assert notes == ["not watched: net.a (its output is a NestedTensor)"]


def test_a_layer_that_is_called_later_is_said_to_be_missing_so_far_and_has_all_its_rows(
    tmp_path: Path, notes: list[str]
) -> None:
    class Later(Model):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            x = self.net[:4](batch[0])
            return functional.cross_entropy(self.net[4](x) if self.global_step >= 3 else x[:, :2], batch[1] % 2)

    trained(Later, tmp_path, monitor())
    missing = "net.4 (no call of it in step 0: a later layer(x) will be seen, layer.forward(x) never is)"
    assert notes == [f"not watched: {missing}"]
    steps = {step for step, layer, quantity in rows(tmp_path / "signal.csv") if (layer, quantity) == ("net.4", "std")}
    assert steps == set(range(3, 8))


@pytest.mark.parametrize(
    ("output", "says"),
    [
        (torch.zeros(3, 0), "its output is empty"),
        (torch.zeros(1, 1), "its output is a single number"),
        (torch.zeros(3, dtype=torch.long), "its output is of torch.int64"),
    ],
)
def test_why_an_output_cannot_be_watched(output: torch.Tensor, says: str) -> None:
    assert not is_signal(output)
    assert unreadable(output) == says


# people's code may copy, save and script a model anywhere


class CopiesEverywhere(L.Callback):
    """An EMA copy, a pickle and a script of the network at every place where a user's code may run."""

    def __init__(self) -> None:
        self.copies: list[nn.Module] = []

    def take(self, model: Any) -> None:
        twin = copy.deepcopy(model.net)
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in twin.modules())
        torch.save(model.net, io.BytesIO())
        torch.jit.script(model.net)
        self.copies = [twin]
        with torch.no_grad():
            twin(torch.full((16, 12), 100.0))  # as a target network that gets other inputs


for _name in (
    "on_fit_start", "on_train_start", "on_train_epoch_start", "on_train_batch_start", "on_before_zero_grad",
    "on_before_backward", "on_after_backward", "on_before_optimizer_step", "on_train_batch_end", "on_train_epoch_end",
    "on_train_end", "on_fit_end",
):  # fmt: skip
    setattr(CopiesEverywhere, _name, lambda self, trainer, model, *rest: self.take(model))


class CopiesWithin(Model):
    def training_step(self, batch: Any, batch_idx: int) -> Any:
        CopiesEverywhere().take(self)
        return super().training_step(batch, batch_idx)


@pytest.mark.parametrize("before", [False, True])
def test_copies_are_not_watched_and_carry_no_hook(before: bool, tmp_path: Path) -> None:
    copies = CopiesEverywhere()
    callbacks = [copies, monitor()] if before else [monitor(), copies]
    trained(CopiesWithin, tmp_path / "copied", *callbacks)
    trained(Model, tmp_path / "plain", monitor())
    assert (tmp_path / "copied" / "signal.csv").read_bytes() == (tmp_path / "plain" / "signal.csv").read_bytes()


def test_the_callback_can_be_pickled_and_does_not_keep_the_model(tmp_path: Path) -> None:
    class Pickles(L.Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *rest: Any) -> None:
            pickle.dumps(watch)

    watch = monitor()
    model = trained(Model, tmp_path, watch, Pickles())
    read = pickle.loads(pickle.dumps(watch))
    assert read.history.series("net.0", "std") == watch.history.series("net.0", "std")
    alive = weakref.ref(model.net[0])
    del model
    gc.collect()
    assert alive() is None


# which calls of a layer are the training's


class Segment(nn.Sequential):
    reentrant = False

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        hidden = checkpoint(super().forward, X, use_reentrant=self.reentrant)
        assert isinstance(hidden, torch.Tensor)
        return hidden


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("by_hand", [False, True])
def test_activation_checkpointing(by_hand: bool, reentrant: bool, tmp_path: Path) -> None:
    """Each layer is seen once, with its gradient."""

    class Needs(ByHand if by_hand else Model):  # type: ignore[misc]
        def __init__(self, segment: type[nn.Sequential]) -> None:
            net = mlp()
            super().__init__(nn.Sequential(segment(*net[:3]), segment(*net[3:])))

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return super().training_step([batch[0].clone().requires_grad_(), batch[1]], batch_idx)

    kind = type("Segment", (Segment,), {"reentrant": reentrant})
    trained(lambda: Needs(kind), tmp_path / "checkpointed", monitor())
    trained(lambda: Needs(nn.Sequential), tmp_path / "plain", monitor())
    expected = rows(tmp_path / "plain" / "signal.csv")
    assert (0, "net.0.0", "grad_std") in expected
    assert rows(tmp_path / "checkpointed" / "signal.csv") == expected


class CallsElsewhere(Model):
    """Looks at its outputs in hooks of its own, before and after the pass that it trains on."""

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        self.net(100 * batch[0])

    def on_before_zero_grad(self, optimizer: Any) -> None:
        self.net(torch.full((16, 12), 100.0))

    def on_before_backward(self, loss: Any) -> None:
        self.net(torch.full((16, 12), 100.0))


class Traces(Model):
    def training_step(self, batch: Any, batch_idx: int) -> Any:
        make_fx(self.net)(batch[0])
        torch.export.export(self.net, (batch[0],), strict=False)
        torch.jit.trace(self.net, batch[0], check_trace=False)  # whose check is a plain call
        return super().training_step(batch, batch_idx)


@pytest.mark.parametrize("kind", [CallsElsewhere, Traces])
def test_calls_beside_the_training_have_no_rows(kind: type[Model], tmp_path: Path) -> None:
    trained(kind, tmp_path / "more", monitor())
    trained(Model, tmp_path / "plain", monitor())
    assert rows(tmp_path / "more" / "signal.csv") == rows(tmp_path / "plain" / "signal.csv")


@pytest.mark.parametrize("first", [False, True])
def test_no_hook_is_left_when_another_callback_fails_as_well(first: bool, tmp_path: Path) -> None:
    class Raises(L.Callback):
        def on_exception(self, *args: Any) -> None:
            raise ValueError("as well")

    class Fails(ByHand):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            super().training_step(batch, batch_idx)
            raise RuntimeError("boom")

    callbacks = [Raises(), monitor()] if first else [monitor(), Raises()]
    model = Fails()
    with pytest.raises(ValueError, match="as well"):
        trained(lambda: model, tmp_path, *callbacks)
    model.net(next(iter(data()))[0])  # the first call, or step, after it takes them away
    torch.optim.SGD(model.parameters(), 0.1).step()
    assert not all_modules._global_forward_hooks
    assert not all_modules._global_forward_pre_hooks
    assert not all_optimizers._global_optimizer_pre_hooks
    assert not all_optimizers._global_optimizer_post_hooks


# whatever fails inside


def boom(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("boom\nand more")


def test_a_layer_in_which_something_fails_is_left_out_and_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: list[str]
) -> None:
    alone = trained(Model, tmp_path / "alone")
    sums, calls = kernels.sums, iter(range(10**6))
    monkeypatch.setattr(layer_probe.kernels, "sums", lambda x: boom() if next(calls) == 1 else sums(x))
    assert same_bits(trained(Model, tmp_path / "watched", monitor()), alone)
    assert notes == ["net.1 is no longer watched (RuntimeError: boom)"]
    got = {layer for _, layer, what in rows(tmp_path / "watched" / "signal.csv") if what == "std"}
    assert got == {"net.0", "net.2", "net.3", "net.4"}


@pytest.mark.parametrize(
    "method",
    ["_begin_step", "begin_batch", "before_backward", "before_optimizer_step", "end_batch", "_forward_done", "_tell",
     "finish_step", "collect", "state_dict", "_choose", "__init__"],
)  # fmt: skip
def test_an_error_anywhere_in_the_monitor_costs_numbers_only(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: list[str]
) -> None:
    alone = trained(Model, tmp_path / "alone")
    monkeypatch.setattr(WatchedFit, method, boom)
    model = trained(Model, tmp_path / "watched", monitor(), enable_checkpointing=True)
    assert same_bits(model, alone)
    assert any("RuntimeError: boom" in text for text in notes)
    assert not all_modules._global_forward_hooks


def test_an_observer_in_which_something_fails_is_asked_no_more(tmp_path: Path, notes: list[str]) -> None:
    class Failing(Observer):
        def __init__(self, error: type[Exception]) -> None:
            self.error, self.asked = error, 0

        def on_rows(self, monitor: Any, trainer: Any, rows: Any) -> None:
            self.asked += 1
            raise self.error("on purpose")

        def wants(self, monitor: Any, step: int) -> bool:
            return True

        def on_end(self, monitor: Any, trainer: Any) -> None: ...

    observer = Failing(ValueError)
    alone = trained(Model, tmp_path / "alone")
    assert same_bits(trained(Model, tmp_path / "watched", monitor(observers=[observer])), alone)
    assert observer.asked == 1
    assert notes == ["Failing failed (ValueError: on purpose); the training continues without it"]
    with pytest.raises(UserError, match="on purpose"):  # a run may be stopped so
        trained(Model, tmp_path / "stopped", monitor(observers=[Failing(UserError)]))


def test_files_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: list[str]) -> None:
    alone = trained(Model, tmp_path / "alone")
    (tmp_path / "a file").write_text("mine")
    watch = monitor(folder=tmp_path / "a file" / "below")
    assert same_bits(trained(Model, tmp_path / "1", watch), alone)
    assert watch.history.series("net.0", "std")[0] == list(range(8))
    assert "writing signal.csv failed (NotADirectoryError" in notes[0]
    notes.clear()
    full = lambda *args: (_ for _ in ()).throw(OSError(28, "No space left on device"))  # noqa: E731
    monkeypatch.setattr(rows_out.RowsOut, "_write_rows", full)
    assert same_bits(trained(Model, tmp_path / "2", monitor()), alone)
    assert notes == [
        "writing signal.csv failed (OSError: [Errno 28] No space left on device); the training continues without it"
    ]


# files


def test_no_file_is_touched_that_is_not_of_this_run(tmp_path: Path, notes: list[str]) -> None:
    mine = {"signal.csv": "t,volts\n0,1.5\n1,1.7", "histograms.csv": "", "findings.json": '{"patient": 7}'}
    for taken in mine:
        folder = tmp_path / taken
        folder.mkdir()
        (folder / taken).write_text(mine[taken])
        trained(Model, folder, monitor())
        assert (folder / taken).read_text() == mine[taken]
        assert sorted(path.name for path in folder.iterdir()) == sorted(
            [taken, "findings-2.json", "histograms-2.csv", "signal-2.csv"]
        )
    assert len(notes) == 3


def test_a_second_run_does_not_erase_the_first(tmp_path: Path) -> None:
    trained(Model, tmp_path, monitor(), max_epochs=3)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    trained(Model, tmp_path, monitor(), SignalMonitor(layers="net.0"), max_epochs=1)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name in first} == first
    assert {step for step, _, _ in rows(tmp_path / "signal-2.csv")} == set(range(4))
    assert {layer for _, layer, what in rows(tmp_path / "signal-3.csv") if what == "std"} == {"net.0"}


def test_a_fit_that_continues_continues_its_file(tmp_path: Path) -> None:
    """Called again with more epochs; and from a checkpoint, two monitors each with its own part of it."""
    torch.manual_seed(0)
    model, run = Model(), trainer(tmp_path / "one", monitor())
    run.fit(model)
    run.fit_loop.max_epochs = 4
    run.fit(model)
    assert {step for step, _, _ in rows(tmp_path / "one" / "signal.csv")} == set(range(16))
    assert not (tmp_path / "one" / "signal-2.csv").exists()

    trained(Model, tmp_path / "whole", monitor(), max_epochs=4)
    first = trainer(tmp_path / "two", monitor(), monitor(layers="net.2"))
    torch.manual_seed(0)
    first.fit(Model())
    first.save_checkpoint(tmp_path / "two.ckpt")
    again = trainer(tmp_path / "two", monitor(), monitor(layers="net.2"), max_epochs=4)
    again.fit(Model(), ckpt_path=tmp_path / "two.ckpt")
    whole = rows(tmp_path / "whole" / "signal.csv")
    assert rows(tmp_path / "two" / "signal.csv") == whole
    assert rows(tmp_path / "two" / "signal-2.csv") == {
        key: value for key, value in whole.items() if key[1].startswith(("net.2", "loss"))
    }


def test_a_file_that_comes_during_the_fit_is_left_as_it_is(tmp_path: Path, notes: list[str]) -> None:
    """Under a name that the monitor has claimed; and so is a table of its own that somebody has written to."""
    mine = {"histograms.csv": "low,high\n1,2\n", "findings.json": '[{"patient": 7}]'}

    class Writes(L.Callback):
        def on_train_batch_end(self, trainer: Any, *rest: Any) -> None:
            if trainer.global_step == 3:
                watch.path("signal.csv")
                for name, text in mine.items():
                    (tmp_path / name).write_text(text)
            if trainer.global_step == 6:
                trainer.save_checkpoint(tmp_path / "some.ckpt")  # with all rows so far
                with open(tmp_path / "signal.csv", "a") as file:
                    file.write("mine\n")

    watch = monitor()
    alone = trained(Model, tmp_path / "alone")
    assert same_bits(trained(Model, tmp_path, watch, Writes()), alone)
    assert {name: (tmp_path / name).read_text() for name in mine} == mine
    assert (tmp_path / "signal.csv").read_text().endswith("mine\n")
    assert [note.split(" failed (")[0] for note in notes] == [
        "writing histograms.csv",
        "writing signal.csv",
        "FindingsReport",
    ]


def test_another_runs_checkpoint_does_not_take_a_file_over(tmp_path: Path) -> None:
    run = trainer(tmp_path / "a", monitor())
    torch.manual_seed(5)
    run.fit(Model())
    run.save_checkpoint(tmp_path / "a.ckpt")
    trained(Model, tmp_path / "b", monitor(), max_epochs=4)
    before = {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}
    trainer(tmp_path / "b", monitor(), max_epochs=4).fit(Model(), ckpt_path=tmp_path / "a.ckpt")
    assert {name: (tmp_path / "b" / name).read_bytes() for name in before} == before
    assert {step for step, _, _ in rows(tmp_path / "b" / "signal-2.csv")} == set(range(8, 16))


def test_a_checkpoint_between_two_parts_of_a_step(tmp_path: Path) -> None:
    more: dict[str, Any] = {"accumulate_grad_batches": 4, "max_epochs": 2}

    class Saves(L.Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *rest: Any) -> None:
            if trainer.fit_loop.total_batch_idx == 1:
                trainer.save_checkpoint(tmp_path / "mid.ckpt")

    trained(Model, tmp_path / "whole", monitor(), Saves(), **more)
    trainer(tmp_path / "rest", monitor(), **more).fit(Model(), ckpt_path=tmp_path / "mid.ckpt")
    got = rows(tmp_path / "rest" / "signal.csv")
    assert (0, "net.0", "dead") in got


OUTPUTS = {
    "PYTHONIOENCODING=ascii": "sys.stdout = open(1, 'w', encoding='ascii', closefd=False)",
    ">/dev/full": "os.dup2(os.open('/dev/full', os.O_WRONLY), 1)",
    "| true": "read, write = os.pipe(); os.close(read); os.dup2(write, 1)",
}


@pytest.mark.parametrize("how", OUTPUTS)
def test_output_that_cannot_be_printed_does_not_end_a_training(how: str, tmp_path: Path) -> None:
    code = PRINTS.format(output=OUTPUTS[how], path=[str(Path(__file__).parent), *sys.path])
    answered("-c", code, cwd=tmp_path)
    assert (tmp_path / "done").exists()


PRINTS = """
import os, sys
{output}
sys.path[:0] = {path!r}
from test_foreign_code import *
torch.set_num_threads(1)
class Odd(Model):
    def __init__(self):
        super().__init__()
        self.nieümmer = nn.Linear(4, 4)  # never called, so it is named
trained(Odd, Path("run"), SignalMonitor(table=True))
Path("done").touch()
"""


def test_rows_go_to_the_loggers_folder(tmp_path: Path, notes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for logger in (CSVLogger("logs", name="csv"), TensorBoardLogger("logs", name="tb")):
        for version in range(2):
            again = type(logger)(logger.save_dir, name=logger.name)
            trained(Model, tmp_path, monitor(), logger=again)
            assert (tmp_path / "logs" / str(logger.name) / f"version_{version}" / "signal.csv").exists()
    assert not list(tmp_path.glob("*.csv"))
    trained(Model, tmp_path, monitor(), fast_dev_run=True)
    assert not list(tmp_path.glob("*.csv"))
    assert not notes
    trained(Model, "memory://run", monitor())  # type: ignore[arg-type]
    assert notes == [
        "memory://run is no folder on this machine, so no files are kept; SignalMonitor(folder=...) names one"
    ]
    assert not list(tmp_path.glob("memory*"))
    with pytest.raises(UserError, match=r"callbacks.monitor.folder=s3://x: must be a folder on this machine"):
        SignalMonitor(folder="s3://x")


def test_tensorboard_of_the_other_package(tmp_path: Path) -> None:
    import pytorch_lightning
    from pytorch_lightning.loggers import TensorBoardLogger as Theirs
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    class Net(pytorch_lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(12, 4)

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return functional.cross_entropy(self.fc(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    logger = Theirs(tmp_path, name="tb", version="")
    callbacks: Any = [monitor(observers=())]
    pytorch_lightning.Trainer(
        callbacks=callbacks, max_epochs=1, accelerator="cpu", logger=logger, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    ).fit(Net(), data())  # fmt: skip
    logger.experiment.flush()
    events = EventAccumulator(str(tmp_path / "tb"))
    events.Reload()
    read = {event.step: event.value for event in events.Scalars("watched/activations/fc/log10 std")}
    read = {step: 10**value for step, value in read.items()}
    ours = {
        step: v
        for (step, layer, what), v in rows(tmp_path / "tb" / "signal.csv").items()
        if (layer, what) == ("fc", "std")
    }
    assert read == pytest.approx(ours, rel=1e-6)


# optimisers


class Oracle(L.Callback):
    """By batch and parameter, of its optimiser's step: norm of the gradient before, and |change| / |weight|."""

    def __init__(self) -> None:
        self.got: dict[tuple[int, str], tuple[float, float]] = {}

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        names = {id(p): name for name, p in pl_module.named_parameters()}
        for optimizer in trainer.optimizers:
            optimizer.register_step_pre_hook(lambda o, *rest: self.before(o, names))
            optimizer.register_step_post_hook(lambda o, *rest: self.after(o, names, trainer))

    def before(self, optimizer: Any, names: Any) -> None:
        self.old = [
            (p, p.detach().clone(), None if p.grad is None else p.grad.norm().item())
            for group in optimizer.param_groups
            for p in group["params"]
        ]

    def after(self, optimizer: Any, names: Any, trainer: Any) -> None:
        for p, old, norm in self.old:
            ratio = float((p.detach() - old).norm() / old.norm()) if old.any() else 0.0
            self.got.setdefault((self.step(trainer), names[id(p)]), (norm or 0.0, ratio))

    def step(self, trainer: Any) -> int:
        return trainer.fit_loop.total_batch_idx


@pytest.mark.parametrize("kind", ["LBFGS", "SAM", "a plain optimiser", "a GAN"])
def test_updates_are_those_of_the_step_that_was_made(kind: str, tmp_path: Path, notes: list[str]) -> None:
    oracle = Oracle()
    trained(KINDS[kind], tmp_path, monitor(), oracle)
    got = rows(tmp_path / "signal.csv")
    steps = sorted({step for step, _, what in got if what == "update_ratio"})
    assert len(steps) == 8 if kind != "LBFGS" else len(steps) > 1
    for batch, step in enumerate(steps):
        for name in {name for _, name in oracle.got}:
            norm, ratio = oracle.got[batch, name]
            assert got[step, name, "update_ratio"] == pytest.approx(ratio, rel=1e-5), (step, name)
            if kind in ("a plain optimiser", "a GAN"):  # the others compute gradients within the step
                assert got[step, name, "grad_norm"] == pytest.approx(norm, rel=1e-5), (step, name)
    if kind == "a plain optimiser":
        assert steps == list(range(8))
        assert len(notes) == 1
        assert "a step is a batch here" in notes[0]
        assert not any("#" in layer for _, layer, _ in got)


def test_gradients_of_lbfgs_are_those_at_the_weights_before_its_step(tmp_path: Path) -> None:
    model = trained(Lbfgs, tmp_path, monitor(), max_steps=1)
    torch.manual_seed(0)
    net, (X, y) = Lbfgs().net, next(iter(data()))
    functional.cross_entropy(net(X), y).backward()
    got = rows(tmp_path / "signal.csv")
    assert got[0, "net.0.weight", "grad_norm"] == pytest.approx(net[0].weight.grad.norm().item(), rel=1e-5)  # type: ignore[index, union-attr]
    assert got[0, "net.0", "std"] == pytest.approx(net[0](X).std().item(), rel=1e-5)  # type: ignore[index]
    assert not any("#" in layer for _, layer, _ in got)  # its further evaluations are of other weights
    assert model is not None


def test_a_gradient_asked_for_beside_the_training_does_not_count(tmp_path: Path) -> None:
    class Asks(Model):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            self.y = self.net(batch[0])
            return functional.cross_entropy(self.y, batch[1])

        def backward(self, loss: torch.Tensor, *args: Any, **kwargs: Any) -> None:
            loss.backward(retain_graph=True)

        def on_before_zero_grad(self, optimizer: Any) -> None:
            if hasattr(self, "y"):
                torch.autograd.grad(1e4 * self.y.sum(), self.net[0].weight, retain_graph=True)  # type: ignore[index]

        def on_after_backward(self) -> None:
            torch.autograd.grad(1e4 * self.y.sum(), self.net[0].weight)  # type: ignore[index]

    trained(Asks, tmp_path / "asks", monitor())
    trained(Model, tmp_path / "plain", monitor())
    assert rows(tmp_path / "asks" / "signal.csv") == rows(tmp_path / "plain" / "signal.csv")


def test_a_batch_that_the_model_leaves_out_is_not_the_sample(tmp_path: Path) -> None:
    class LeavesOut(Model):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            loss = super().training_step([batch[0] * (100 if batch_idx % 2 == 0 else 1), batch[1]], batch_idx)
            return None if batch_idx % 2 == 0 else loss

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*returned `None`")
        trained(LeavesOut, tmp_path, monitor(), max_epochs=1, accumulate_grad_batches=2)
    torch.manual_seed(0)
    net, (_, (X, _), *_) = mlp(), data()
    got = rows(tmp_path / "signal.csv")
    assert got[0, "net.0", "std"] == pytest.approx(net[0](X).std().item(), rel=1e-5)
    assert (0, "net.0", "grad_std") in got
    assert {step for step, _, _ in got} == {0, 1}


def test_an_update_made_without_an_optimiser_is_named(tmp_path: Path, notes: list[str]) -> None:
    class Alone(Model):
        automatic_optimization = False

        def training_step(self, batch: Any, batch_idx: int) -> None:
            loss = super().training_step(batch, batch_idx)
            for p, g in zip(self.parameters(), torch.autograd.grad(loss, list(self.parameters())), strict=True):
                p.data.sub_(0.1 * g)

        def configure_optimizers(self) -> None:
            return None

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*returned `None`")
        trained(Alone, tmp_path, monitor())
    assert {step for step, _, _ in rows(tmp_path / "signal.csv")} == set(range(8))
    assert notes == ["no step of an optimiser of torch was seen, so no update of a parameter is known"]


def test_a_step_that_failed_and_was_tried_again(tmp_path: Path) -> None:
    class Retries(ByHand):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            optimizer = self.optimizers(use_pl_optimizer=False)
            with pytest.raises(ZeroDivisionError):
                optimizer.step(lambda: 1 / 0)
            return super().training_step(batch, batch_idx)

    trained(Retries, tmp_path / "retries", monitor())
    trained(ByHand, tmp_path / "plain", monitor())
    assert rows(tmp_path / "retries" / "signal.csv") == rows(tmp_path / "plain" / "signal.csv")


def test_a_compiled_function_is_compiled_three_times_at_most(tmp_path: Path) -> None:
    """Without hooks, with those for mean and std, with all of them."""
    made = []

    def backend(graph: Any, inputs: Any) -> Any:
        made.append(graph)
        return graph.forward

    class Compiled(Model):
        def __init__(self) -> None:
            super().__init__()
            loss = lambda X, y: functional.cross_entropy(self.net(X), y)  # noqa: E731
            self.whole = torch.compile(loss, backend=backend, fullgraph=True)

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return self.whole(*batch)

    torch._dynamo.reset()
    watch = SignalMonitor(every_n_steps=20, dense_steps=30)
    trained(Compiled, tmp_path, watch, max_epochs=15)
    assert len(made) <= 3
    torch._dynamo.reset()


def test_a_plain_optimiser_resumes_where_it_was(tmp_path: Path) -> None:
    run = trainer(tmp_path / "whole", monitor(), max_epochs=4)
    torch.manual_seed(0)
    run.fit(ByHand())
    part = trainer(tmp_path / "parts", monitor(), max_epochs=2)
    torch.manual_seed(0)
    part.fit(ByHand())
    part.save_checkpoint(tmp_path / "c.ckpt")
    trainer(tmp_path / "parts", monitor(), max_epochs=4).fit(ByHand(), ckpt_path=tmp_path / "c.ckpt")
    assert rows(tmp_path / "parts" / "signal.csv") == rows(tmp_path / "whole" / "signal.csv")


def test_hooks_of_the_users_on_a_step_at_any_time(tmp_path: Path) -> None:
    class Hooks(Model):
        def on_before_optimizer_step(self, optimizer: Any) -> None:
            optimizer.register_step_post_hook(lambda *a: optimizer.register_step_pre_hook(lambda *a: None).remove())

    trained(Hooks, tmp_path, monitor(), SignalMonitor(layers="net.0"))


# what changes during a fit


def test_parameters_unfrozen_and_layers_added_later_have_rows(tmp_path: Path) -> None:
    class Grows(Model):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = nn.Linear(12, 12)

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return super().training_step([self.backbone(batch[0]), batch[1]], batch_idx)

        def on_train_epoch_start(self) -> None:
            if self.current_epoch == 1:
                self.net.append(nn.Linear(4, 4))

    unfreeze = BackboneFinetuning(unfreeze_backbone_at_epoch=1)
    trained(Grows, tmp_path, monitor(), unfreeze, max_epochs=2)
    got = rows(tmp_path / "signal.csv")
    ratios = {step for step, layer, what in got if (layer, what) == ("backbone.weight", "update_ratio")}
    assert ratios == {4, 5, 6, 7}
    assert {step for step, layer, what in got if (layer, what) == ("net.5", "std")} == {4, 5, 6, 7}


# Lightning's tuners


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("finder", [LearningRateFinder, BatchSizeFinder])
def test_tuning_callbacks(finder: type[L.Callback], first: bool, tmp_path: Path) -> None:
    class Sized(L.LightningDataModule):
        batch_size = 8

        def train_dataloader(self) -> Any:
            return data(self.batch_size)

    more = {"num_training_steps": 5} if finder is LearningRateFinder else {"max_trials": 2, "steps_per_trial": 1}
    tune = finder(**more)
    watch = monitor()
    run = trainer(tmp_path, *([watch, tune] if first else [tune, watch]))
    torch.manual_seed(0)
    run.fit(Model(), datamodule=Sized())
    steps = {step for step, _, _ in rows(tmp_path / "signal.csv")}
    assert steps == set(range(run.global_step))


def test_the_tuner(tmp_path: Path) -> None:
    watch = monitor()
    run = trainer(tmp_path, watch)
    tuner = Tuner(run)
    model = Model()
    tuner.lr_find(model, num_training=5)
    assert not list(tmp_path.glob("*.csv"))
    run.fit(model)
    assert {step for step, _, _ in rows(tmp_path / "signal.csv")} == set(range(8))


# units


def conv_then(*more: nn.Module, length: int) -> nn.Module:
    torch.manual_seed(0)
    conv = nn.Conv1d(1, 16, 3, padding="same" if length == 12 else 0)
    nn.init.zeros_(conv.weight[:12])
    nn.init.constant_(conv.bias[:12], -1.0)
    nn.init.constant_(conv.bias[12:], 1.0)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.relu, self.head = conv, nn.ReLU(inplace=bool(more)), nn.Linear(16, 4)

        def forward(self, X: torch.Tensor) -> torch.Tensor:
            h = self.conv(X[:, None]).transpose(1, 2)
            for change in more:
                h = change(h)
            return self.head(self.relu(h).mean(1))

    return Net()


class Contiguous(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.contiguous()


@pytest.mark.parametrize("width", [12, 18])
@pytest.mark.parametrize("change", [(), (Contiguous(),)])
def test_units_are_followed_through_a_transpose(width: int, change: tuple[nn.Module, ...], tmp_path: Path) -> None:
    """12 of 16 channels are dead, whatever the length of the sequence: 16 of 18 inputs with the kernel of 3, too."""

    class Wide(Model):
        def __init__(self) -> None:
            super().__init__(conv_then(*change, length=width))

        def train_dataloader(self) -> Any:
            g = torch.Generator().manual_seed(0)
            X, y = torch.randn(64, width, generator=g), torch.randint(4, (64,), generator=g)
            return DataLoader(TensorDataset(X, y), batch_size=16)

    trained(Wide, tmp_path, monitor(), max_steps=1)
    assert rows(tmp_path / "signal.csv")[0, "net.relu", "dead"] == 0.75


def test_units_are_followed_through_a_layer_that_turns_a_square(tmp_path: Path) -> None:
    """As many channels as positions: 3 of 8 channels are dead, and no position is."""

    class Turned(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.transpose(1, 2)

    class Square(Model):
        def __init__(self) -> None:
            torch.manual_seed(0)
            dense = nn.Linear(1, 8)
            dense.bias.data = torch.tensor([-10.0] * 3 + [10.0] * 5)
            super().__init__(
                nn.Sequential(nn.Unflatten(1, (8, 1)), dense, Turned(), nn.ReLU(), nn.Conv1d(8, 4, 8), nn.Flatten())
            )

        def train_dataloader(self) -> Any:
            g = torch.Generator().manual_seed(0)
            X, y = torch.randn(64, 8, generator=g), torch.randint(4, (64,), generator=g)
            return DataLoader(TensorDataset(X, y), batch_size=16)

    trained(Square, tmp_path, monitor(), max_steps=1)
    assert rows(tmp_path / "signal.csv")[0, "net.3", "dead"] == 3 / 8
