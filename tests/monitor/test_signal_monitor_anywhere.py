"""The monitor on other people's models, and on all the ways a Trainer has of running them."""

import csv
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from children import on_two_devices
from torch import nn
from torch.nn import functional
from torchvision.models import resnet18

from initlab.callbacks import SignalMonitor
from initlab.data.batches import Batches


class Classifier(L.LightningModule):
    """Any network with a loss, as in anybody's project."""

    def __init__(self, net: nn.Module, optimizer: Callable[..., torch.optim.Optimizer]) -> None:
        super().__init__()
        self.net, self.make_optimizer = net, optimizer

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        X, y = batch
        return functional.cross_entropy(self.net(X), y)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.make_optimizer(self.parameters())


class Data(L.LightningDataModule):
    def __init__(self, *shape: int, batch_size: int, num: int = 64) -> None:
        super().__init__()
        self.shape, self.batch_size, self.num = shape, batch_size, num

    def train_dataloader(self) -> Batches:
        g = torch.Generator().manual_seed(3)
        X, y = torch.randn(self.num, *self.shape, generator=g), torch.randint(4, (self.num,), generator=g)
        return Batches(X, y, self.batch_size)  # in order


SGD = partial(torch.optim.SGD, lr=0.05, momentum=0.9)
ADAM = partial(torch.optim.Adam, lr=0.001)


def dense(*extra: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 32), nn.Tanh(), *extra, nn.Linear(32, 4))


def figures(folder: Path) -> dict[tuple[int, str, str], float]:
    with open(folder / "signal.csv", newline="") as lines:
        return {(int(r["step"]), r["layer"], r["quantity"]): float(r["value"]) for r in csv.DictReader(lines)}


def monitor(**more: Any) -> SignalMonitor:
    return SignalMonitor(**({"every_n_steps": 1, "max_overhead": None, "observers": ()} | more))


@pytest.mark.parametrize("optimizer", [SGD, ADAM], ids=["sgd", "adam"])
def test_resnet18_trains_to_the_same_bits_watched_or_not(
    fit: Callable[..., Any], tmp_path: Path, optimizer: Callable[..., torch.optim.Optimizer]
) -> None:
    ends = []
    for callbacks in ([monitor()], []):
        torch.manual_seed(0)
        model = Classifier(resnet18(num_classes=4), optimizer)
        fit(model, Data(3, 32, 32, batch_size=16), callbacks=callbacks, max_steps=3, max_epochs=-1)
        ends.append(model.state_dict())  # with the running means of batch norm
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])

    got = figures(tmp_path)
    torch.manual_seed(0)
    net, (X, _) = resnet18(num_classes=4), next(iter(Data(3, 32, 32, batch_size=16).train_dataloader()))
    x = net.bn1(net.conv1(X)).detach()
    assert got[0, "net.bn1", "std"] == pytest.approx(x.std().item(), rel=1e-5)
    z = x.relu()  # overwrites x in the network
    assert got[0, "net.relu", "dead"] == pytest.approx((z.amax((0, 2, 3)) == 0).float().mean().item())
    assert got[0, "net.relu", "saturated"] == pytest.approx((x <= 0).float().mean().item(), rel=1e-6)
    assert got[0, "net.relu", "active"] == pytest.approx((x > 0).float().mean().item(), rel=1e-6)
    # a block calls its one ReLU twice, the second time on the sum with the skip connection
    assert (0, "net.layer1.0.relu#2", "std") in got
    assert got[0, "net.layer1.0.relu", "std"] != got[0, "net.layer1.0.relu#2", "std"]
    assert {"net.conv1.weight", "net.fc.bias"} <= {layer for _, layer, what in got if what == "update_ratio"}


def test_gradients_behind_an_in_place_activation_are_autograds(fit: Callable[..., Any], tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(12, 32), nn.SiLU(inplace=True), nn.Linear(32, 4))
    weights = [p.detach().clone() for p in net.parameters()]
    fit(Classifier(net, SGD), Data(12, batch_size=16), callbacks=[monitor()], max_steps=1, max_epochs=-1)
    X, y = next(iter(Data(12, batch_size=16).train_dataloader()))
    z = functional.linear(X, weights[0], weights[1]).requires_grad_()
    h = functional.silu(z)
    h.retain_grad()
    functional.cross_entropy(functional.linear(h, weights[2], weights[3]), y).backward()
    got = figures(tmp_path)
    assert z.grad is not None
    assert h.grad is not None
    assert got[0, "net.0", "grad_std"] == pytest.approx(z.grad.std().item(), rel=1e-5)
    assert got[0, "net.1", "grad_std"] == pytest.approx(h.grad.std().item(), rel=1e-5)
    assert got[0, "net.0", "std"] == pytest.approx(z.detach().std().item(), rel=1e-5)


def test_a_transformer_block(fit: Callable[..., Any], tmp_path: Path) -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
            self.head = nn.Linear(16, 4)

        def forward(self, X: torch.Tensor) -> torch.Tensor:
            return self.head(self.block(X).mean(1))

    torch.manual_seed(0)
    net = Tokens()
    X, _ = next(iter(Data(5, 16, batch_size=8).train_dataloader()))
    with torch.no_grad():
        attended = net.block.self_attn(X, X, X)[0]
        hidden = net.block.linear1(net.block.norm1(X + attended))
    fit(Classifier(net, SGD), Data(5, 16, batch_size=8), callbacks=[monitor()], max_steps=2, max_epochs=-1)
    got = figures(tmp_path)
    assert got[0, "net.block.self_attn", "std"] == pytest.approx(attended.std().item(), rel=1e-5)
    assert got[0, "net.block.linear1", "std"] == pytest.approx(hidden.std().item(), rel=1e-5)
    assert {"net.block.norm1", "net.block.linear2", "net.head"} <= {layer for _, layer, _ in got}


def test_under_accumulation_layers_are_of_the_first_part_and_parameters_of_the_whole(
    fit: Callable[..., Any], tmp_path: Path
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder, size, accumulate in ((whole, 32, 1), (parts, 8, 4)):
        more = {"accumulate_grad_batches": accumulate, "default_root_dir": folder, "max_epochs": 3}
        fit(Classifier(dense(), ADAM), Data(12, batch_size=size), callbacks=[monitor()], **more)
    a, b = figures(whole), figures(parts)
    assert set(a) == set(b)
    for (step, layer, what), value in a.items():
        if what in ("grad_norm", "weight_norm", "update_ratio"):
            # the same mean gradient, summed in another order: 1e-6; Adam divides by its root, so the update too
            assert b[step, layer, what] == pytest.approx(value, rel=1e-3), (step, layer, what)
    X, _ = next(iter(Data(12, batch_size=8).train_dataloader()))
    assert b[0, "net.0", "std"] == pytest.approx(dense()[0](X).std().item(), rel=1e-5)  # type: ignore[index]


class Adversaries(L.LightningModule):
    """Two optimisers in turn, stepped by hand: each Lightning step counts both."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.maker, self.judge = nn.Linear(12, 12), nn.Linear(12, 1)

    def training_step(self, batch: Any, batch_idx: int) -> None:
        for optimizer, sign in zip(self.optimizers(), (1.0, -1.0), strict=True):
            loss = sign * self.judge(self.maker(batch[0])).mean()
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()

    def configure_optimizers(self) -> Any:
        return [torch.optim.SGD(net.parameters(), lr=0.1) for net in (self.maker, self.judge)]


def test_optimisers_stepped_by_hand(fit: Callable[..., Any], tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Adversaries()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    fit(model, Data(12, batch_size=16), callbacks=[monitor()], limit_train_batches=1)
    got = figures(tmp_path)
    for name, old in before.items():
        ratio = float((dict(model.named_parameters())[name].detach() - old).norm() / old.norm())
        assert got[0, name, "update_ratio"] == pytest.approx(ratio, rel=1e-5)
    assert {layer for _, layer, what in got if what == "std"} == {"maker", "judge", "maker#2", "judge#2"}
    assert not model.maker._forward_hooks


def test_bf16_autocast(fit: Callable[..., Any], tmp_path: Path) -> None:
    fit(Classifier(dense(), SGD), Data(12, batch_size=16), callbacks=[monitor()], precision="bf16-mixed", max_steps=2,
        max_epochs=-1)  # fmt: skip
    X, _ = next(iter(Data(12, batch_size=16).train_dataloader()))
    with torch.autocast("cpu", torch.bfloat16):
        z = dense()[0](X)  # type: ignore[index]
    assert z.dtype == torch.bfloat16
    got = figures(tmp_path)
    assert got[0, "net.0", "std"] == pytest.approx(z.double().std().item(), rel=1e-5)
    assert got[0, "net.0", "grad_std"] > 0
    assert got[0, "net.0.weight", "update_ratio"] > 0


def test_activation_checkpointing_is_counted_once(fit: Callable[..., Any], tmp_path: Path) -> None:
    from torch.utils.checkpoint import checkpoint

    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = dense()

        def forward(self, X: torch.Tensor) -> Any:
            return checkpoint(self.inner, X, use_reentrant=False)

    fit(Classifier(Checkpointed(), SGD), Data(12, batch_size=16), callbacks=[monitor()], max_steps=1, max_epochs=-1)
    assert {layer for _, layer, what in figures(tmp_path) if what == "std"} == {f"net.inner.{i}" for i in range(3)}


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    yield
    torch._dynamo.reset()


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch 2.11's compiler looks at it while it traces
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("how", ["module", "in place", "lightning module"])
@pytest.mark.usefixtures("fresh_compiler")
def test_compiled_layers_keep_one_graph_and_say_the_same(fit: Callable[..., Any], tmp_path: Path, how: str) -> None:
    plain, compiled = tmp_path / "plain", tmp_path / "compiled"
    fit(Classifier(dense(), SGD), Data(12, batch_size=16), callbacks=[monitor()], default_root_dir=plain, max_epochs=2)
    model: Any = Classifier(dense(), SGD)
    # mean and std are in the one graph of the forward: fullgraph raises at a break
    if how == "module":
        model.net = torch.compile(model.net, backend="aot_eager", fullgraph=True)
    elif how == "in place":
        model.net.compile(backend="aot_eager", fullgraph=True)
    else:
        model = torch.compile(model, backend="aot_eager")
    fit(model, Data(12, batch_size=16), callbacks=[monitor()], default_root_dir=compiled, max_epochs=2)
    assert sum(torch._dynamo.utils.counters["graph_break"].values()) == 0
    a, b = figures(plain), figures(compiled)
    for step in range(8):
        for layer in ("net.0", "net.1", "net.2"):
            for what in ("mean", "std"):
                assert b[step, layer, what] == pytest.approx(a[step, layer, what], rel=1e-5, abs=1e-7)
        assert b[step, "net.0.weight", "update_ratio"] == pytest.approx(
            a[step, "net.0.weight", "update_ratio"], rel=1e-4
        )
    assert not any(what == "dead" for _, _, what in b)


@pytest.mark.filterwarnings("ignore:The .grad attribute")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("fresh_compiler")
def test_a_compiled_layer_has_rows_of_the_steps_that_call_it(fit: Callable[..., Any], tmp_path: Path) -> None:
    """Under its own name, as its parameters."""

    class Sometimes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.some, self.calls = nn.Linear(12, 4), torch.compile(nn.Linear(4, 4), backend="eager"), 0

        def forward(self, X: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return self.some(self.first(X)) if self.calls <= 2 else self.first(X)

    fit(Classifier(Sometimes(), SGD), Data(12, batch_size=16), callbacks=[monitor()], default_root_dir=tmp_path)
    found = figures(tmp_path)
    assert {step for step, layer, what in found if (layer, what) == ("net.some", "std")} == {0, 1}
    assert {step for step, layer, what in found if (layer, what) == ("net.first", "std")} == {0, 1, 2, 3}
    assert (0, "net.some.weight", "update_ratio") in found
    assert not any("_orig_mod" in layer for _, layer, _ in found)


TWO = """
import sys
sys.path[:0] = {path!r}
from test_signal_monitor_anywhere import *
from initlab.errors import UserError
quiet = dict(logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
class Shared(Data):
    def train_dataloader(self):
        batches = list(super().train_dataloader())
        mine = batches[self.trainer.global_rank :: 2]  # every second one of 16
        return torch.utils.data.DataLoader(mine, batch_size=None)
torch.set_num_threads(1)
trainer = L.Trainer(accelerator='cpu', strategy='ddp', devices=2, use_distributed_sampler=False, max_epochs=2,
    default_root_dir={folder!r}, callbacks=[monitor()], **quiet)
trainer.fit(Classifier(dense(nn.ReLU()), SGD), datamodule=Shared(12, batch_size=16))

class Broken(Data):
    def train_dataloader(self):
        batches = list(super().train_dataloader())
        if self.trainer.global_rank == 1:
            batches[2][0][3, 4] = float("nan")
        return torch.utils.data.DataLoader(batches, batch_size=None)
trainer = L.Trainer(accelerator='cpu', strategy='ddp', devices=2, use_distributed_sampler=False,
    default_root_dir={folder!r} + '_broken', callbacks=[monitor(stop_on_nonfinite=True)], **quiet)
try:
    trainer.fit(Classifier(dense(nn.ReLU()), SGD), datamodule=Broken(12, batch_size=16))
except UserError as error:
    print(f"process {{trainer.global_rank}}: {{error}}", flush=True)
"""


def test_two_processes_write_the_figures_of_the_global_batch_once_and_stop_together(
    fit: Callable[..., Any], tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    fit(
        Classifier(dense(nn.ReLU()), SGD),
        Data(12, batch_size=32),
        callbacks=[monitor()],
        default_root_dir=one,
        max_epochs=2,
    )
    script = tmp_path / "two.py"
    script.write_text(TWO.format(path=[str(Path(__file__).parent), *sys.path], folder=str(two)))
    for process, done in enumerate(on_two_devices(script, cwd=tmp_path)):
        assert done.returncode == 0, done.stderr[-3000:]  # the nan is in the batch of process 1 alone
        assert f"process {process}: layer net.0 first non-finite at step 2" in done.stdout
    lines = (two / "signal.csv").read_text().splitlines()
    assert len(lines) == len({line.rsplit(",", 1)[0] for line in lines})
    a, b = figures(one), figures(two)
    assert set(a) == set(b)
    for key, value in a.items():
        # the same sums in another order, then four steps of momentum
        assert b[key] == pytest.approx(value, rel=1e-3, abs=1e-6), key
