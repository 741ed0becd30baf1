"""The forecast of any module: its verdict, where the signal is lost, and a change that was tried."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import initlab
from initlab.batch import batch_for
from initlab.callbacks import SignalMonitor
from initlab.errors import UserError
from initlab.forecasting.measured.branches import last_of_branches, scale
from initlab.forecasting.measured.network import NetworkForecast
from initlab.forecasting.measured.rule import Features, features_of, judge_network
from initlab.forecasting.rule import NOT, TRAINS, UNKNOWN
from initlab.init import Kaiming, Xavier
from initlab.limits import LOST
from initlab.measurement import measure_module
from initlab.nn import Activation, Linear


class Block(nn.Module):
    def __init__(self, channels: int, norm: bool, residual: bool) -> None:
        super().__init__()
        self.conv, self.residual = nn.Conv2d(channels, channels, 3, padding=1), residual
        self.norm = nn.BatchNorm2d(channels) if norm else nn.Identity()

    def forward(self, X: Tensor) -> Tensor:
        return X + self.norm(self.conv(X.relu())) if self.residual else self.norm(self.conv(X)).relu()


def cnn(depth: int, *, norm: bool = False, residual: bool = False, std: float | None = None) -> nn.Sequential:
    """std: of the weights over He's; None: as torch draws them."""
    torch.manual_seed(0)
    blocks = [Block(8, norm, residual) for _ in range(depth)]
    net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    for part in net.modules():
        if std is not None and isinstance(part, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            part.weight.data *= std
            nn.init.zeros_(part.bias)
    return net


def normalised_rows(gain: float) -> nn.Sequential:
    torch.manual_seed(0)
    parts = [part for _ in range(3) for part in (nn.Linear(36, 36), nn.LayerNorm(36), nn.ReLU())]
    net = nn.Sequential(nn.Flatten(), *parts, nn.Linear(36, 4))
    nn.init.constant_(parts[1].weight, gain)
    return net


def batch(rows: int = 16, size: int = 6) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(1)
    return torch.randn(rows, 1, size, size, generator=rng), torch.randint(4, (rows,), generator=rng)


# the rule's features, against the definition


def test_features_are_what_they_say() -> None:
    net = cnn(3, std=0.5)
    found = features_of(measure_module(net, batch(), draws=1))
    X, y = batch()
    outputs: list[Tensor] = []
    gradients: list[float] = []
    layers = [net[0], net[1].conv, net[2].conv, net[3].conv, net[6]]
    for layer in layers:
        layer.register_forward_hook(lambda _m, _i, out: (out.retain_grad(), outputs.append(out))[1])  # type: ignore[func-returns-value]
    F.cross_entropy(net(X), y).backward()
    gradients = [float(out.grad.std()) for out in outputs if out.grad is not None]
    stds = [float(out.detach().std()) for out in outputs]
    assert found.forward == pytest.approx(math.log10(stds[3] / stds[0]), abs=1e-4)
    assert found.backward == pytest.approx(math.log10(gradients[0] / gradients[3]), abs=1e-4)
    rates = [
        math.log10(float(p.grad.norm()) / float(p.detach().norm()))
        for p in net.parameters()
        if p.dim() > 1 and p.grad is not None
    ]
    assert found.pull == pytest.approx(float(np.mean(rates)), abs=1e-4)
    assert found.amplified == pytest.approx(math.log10(gradients[0] / gradients[4]), abs=1e-4)
    assert found.reached == 1
    assert (found.hidden, found.normalised, found.finite) == (4, False, True)
    assert features_of(measure_module(cnn(2, norm=True), batch(), draws=1)).normalised


def features(**more: Any) -> Features:
    healthy = {
        "pull": -1.0, "amplified": 0.0, "reached": 1.0, "at_zero": "", "finite": True, "forward": 0.0, "backward": 0.0,
        "normalised": False, "layer_norm": False, "hidden": 4,
    }  # fmt: skip
    return Features(**(healthy | more))


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({}, TRAINS),
        ({"finite": False}, NOT),
        ({"reached": 0.2}, NOT),
        ({"pull": -9.0}, NOT),
        ({"pull": 9.0}, NOT),
        ({"amplified": 4.0}, NOT),
        ({"pull": math.nan}, UNKNOWN),
    ],
)
def test_what_no_optimizer_copes_with(more: dict[str, Any], word: str) -> None:
    for kind in ("sgd", "adam"):
        assert judge_network(features(**more), kind).word == word


# the verdict


def test_a_healthy_network_trains_and_a_deep_plain_one_does_not() -> None:
    assert initlab.forecast(cnn(4, std=1.0), batch()).trains
    assert initlab.forecast(cnn(8, norm=True), batch()).trains
    found = initlab.forecast(cnn(12, std=0.1), batch(), fix=False)
    assert not found.trains
    assert "the gradient on its way back is down to 1/" in found.dies
    first_lost = found.dies.split(" at ")[-1]
    ratios = {layer.name: layer.gradient[0] for layer in found.measurement.weight_layers}
    behind = [name for name in ratios if list(ratios).index(name) > list(ratios).index(first_lost)][:-1]
    assert ratios[first_lost] < LOST["sgd"] < min(ratios[name] for name in behind)


def test_it_says_what_it_measured_in_every_form(tmp_path: Path) -> None:
    found = initlab.forecast(cnn(3), batch(), draws=3)
    assert isinstance(found, NetworkForecast)
    assert [layer.name for layer in found.layers] == ["0", "1.conv", "2.conv", "3.conv", "6"]
    table = found.table()
    assert all(layer.name in table for layer in found.layers)
    assert max(map(len, table.splitlines())) <= 100
    assert found.verdict.says in str(found)
    html = found._repr_html_()
    assert html.count("<tr") == 6
    assert "&lt;" not in html
    record = json.loads(json.dumps(found.record()))
    assert record["verdict"] == found.verdict.word
    assert record["draws"] == 3
    figure = found.plot()
    figure.savefig(tmp_path / "plot.png")
    assert len(figure.axes) == 2


def test_dollars_in_names_of_layers_are_drawn_as_they_are(tmp_path: Path) -> None:
    names = ["$10_$20", r"$\foo{$", "out"]
    layers = (nn.Linear(4, 16), nn.Linear(16, 16), nn.Linear(16, 2))
    net = nn.Sequential(OrderedDict(zip(names, layers, strict=True)))
    figure = initlab.forecast(net, torch.randn(32, 4)).plot()
    figure.savefig(tmp_path / "plot.png")
    assert [label.get_text() for label in figure.axes[1].get_xticklabels()] == names


def test_a_head_that_begins_at_zero_is_no_dead_network() -> None:
    net = cnn(3, norm=True)
    nn.init.zeros_(net[6].weight)
    found = initlab.forecast(net, batch())
    assert found.trains
    assert any("6 begins at 0" in note for note in found.notes)
    assert not net[6].weight.any()


def test_branches_that_begin_at_zero_are_no_reason_to_say_no() -> None:
    net = cnn(6, norm=True, residual=True)
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.zeros_(part.weight)
    found = initlab.forecast(net, batch(), fix=False)
    assert found.verdict.word == UNKNOWN
    assert "1.norm.weight begins at 0" in found.verdict.why
    assert not found.trains


def test_the_learning_rate_is_judged_by_the_first_step() -> None:
    net = cnn(3, norm=True)
    found = initlab.forecast(net, batch(), lr=0.01)
    assert found.trains
    assert found.verdict.rate == "at lr 0.01"
    X, y = batch()
    F.cross_entropy(net(X), y).backward()
    shares = {n: float(p.grad.norm() / p.detach().norm()) for n, p in net.named_parameters() if p.dim() > 1}
    most = max(shares, key=lambda name: shares[name])
    large = initlab.forecast(net, batch(), lr=2 / shares[most], redraw=False, draws=1, fix=False)
    assert large.verdict.word == NOT
    assert f"the first step changes {most} by 2 of its size" in large.verdict.why
    for lr in (1e-9, 100.0):
        other = initlab.forecast(net, batch(), lr=lr)
        assert other.verdict.word == NOT
        assert other.fix is not None
        assert initlab.forecast(net, batch(), lr=float(other.fix.says.removeprefix("lr="))).trains
    with pytest.raises(UserError, match="lr=-1"):
        initlab.forecast(net, batch(), lr=-1)


# a chain of dense layers has the theory's verdict


def chain(depth: int, phi: Callable[[], nn.Module], width: int = 60, scratch: bool = False) -> nn.Sequential:
    torch.manual_seed(0)
    dense: Any = Linear if scratch else nn.Linear
    sizes = [36, *[width] * depth, 4]
    layers = [one for i in range(depth + 1) for one in (dense(sizes[i], sizes[i + 1]), phi())]
    return nn.Sequential(nn.Flatten(), *layers[:-1])


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf])
def test_inputs_without_a_size_have_no_theory(value: float) -> None:
    X, y = batch()
    found = initlab.forecast(chain(3, nn.ReLU), (torch.full((len(X), 36), value), y), fix=False)
    assert found.theory is None
    assert found.verdict.word != TRAINS or value == 0
    assert not [note for note in found.notes if "theory" in note]


@pytest.mark.parametrize("scratch", [False, True])
@pytest.mark.parametrize(("phi", "name"), [(nn.Tanh, "tanh"), (nn.ReLU, "relu"), (nn.GELU, "gelu")])
def test_a_dense_chain_has_the_verdict_of_theory(phi: Any, name: str, scratch: bool) -> None:
    if scratch:
        made: Callable[[], nn.Module] = lambda: Activation(name)  # noqa: E731
    else:
        made = phi
    for depth in (2, 12):
        net = chain(depth, made, scratch=scratch)
        found = initlab.forecast(net, batch(), fix=False)
        assert found.theory is not None, (depth, found.notes)
        assert found.verdict == found.theory.verdict
        assert found.theory.widths == (36, *[60] * depth, 4)
        decades = found.theory.decades
        assert found.features.backward == pytest.approx(decades, abs=0.15 + 0.05 * depth)
    assert found.verdict.word == NOT


def test_what_only_looks_like_a_chain_is_judged_by_what_was_measured() -> None:
    class Scaled(nn.Module):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.layers, self.factor = nn.ModuleList(chain(5, nn.ReLU)[1:]), factor

        def forward(self, X: Tensor) -> Tensor:
            X = X.flatten(1)
            for layer in self.layers:
                X = self.factor * layer(X)
            return X

    assert initlab.forecast(Scaled(1.0), batch(), fix=False).theory is not None
    for factor in (0.5, 2.0):
        found = initlab.forecast(Scaled(factor), batch(), fix=False)
        assert found.theory is None
        assert any("no theory fits: layers.2 has a std of" in note for note in found.notes), found.notes
    frozen = chain(2, nn.ReLU)
    frozen[1].requires_grad_(False)
    assert initlab.forecast(frozen, batch(), fix=False).theory is None
    dropped = nn.Sequential(chain(2, nn.ReLU), nn.Dropout(0.5))
    assert initlab.forecast(dropped, batch(), fix=False).theory is None


def test_the_estimate_of_a_spectral_norm_stays() -> None:
    """A look at the weight in training mode improves it."""
    net = chain(2, nn.ReLU)
    for layer in net[1::2]:
        nn.utils.parametrizations.spectral_norm(layer)
    before = {name: buffer.clone() for name, buffer in net.named_buffers()}
    found = initlab.forecast(net, batch(), fix=False)
    assert found.theory is None
    assert before
    assert all(torch.equal(buffer, before[name]) for name, buffer in net.named_buffers())


# the fix


def test_a_fix_is_proposed_only_if_it_helps_when_tried() -> None:
    net = cnn(6, std=0.2)
    before = [p.detach().clone() for p in net.parameters()]
    found = initlab.forecast(net, batch())
    assert not found.trains
    assert found.fix is not None
    assert found.fix.verdict.word == TRAINS
    assert all(torch.equal(p, q) for p, q in zip(net.parameters(), before, strict=True))
    assert str(found.fix) in found.sentences()[2]
    assert initlab.forecast(cnn(4, std=1.0), batch()).fix is None  # it trains

    def fails(output: Tensor, y: Tensor) -> Tensor:
        return output.sum() * math.nan

    assert initlab.forecast(net, batch(), fails).fix is None  # nothing helps


def test_residual_branches_that_are_too_large_are_scaled() -> None:
    net = cnn(32, residual=True, std=1.0)
    found = initlab.forecast(net, batch())
    assert found.verdict.word == NOT
    fixes = [found.fix.says if found.fix else ""]
    assert fixes == ["the last layer of each of its 32 residual branches (1.conv, 2.conv, 3.conv, 4.conv and 28 more) "
                     "times 1 / sqrt(32)"]  # fmt: skip
    for part in net.modules():
        if isinstance(part, Block):
            part.conv.weight.data /= 32**0.5
    assert initlab.forecast(net, batch()).trains


def test_branches_are_found_in_networks_of_any_kind() -> None:
    class Projected(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(8, 12, 3, padding=1), nn.Conv2d(12, 12, 3, padding=1)
            self.norm, self.shortcut = nn.BatchNorm2d(12), nn.Conv2d(8, 12, 1)

        def forward(self, X: Tensor) -> Tensor:
            return self.norm(self.second(self.first(X).relu())) + self.shortcut(X)

    body = cnn(2, residual=True)
    net = nn.Sequential(*body[:3], Projected(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 4))
    found = last_of_branches(net, batch_for(net, batch()))
    assert found == [net[1].conv, net[2].conv, net[3].norm]
    plain = cnn(4)
    assert last_of_branches(plain, batch_for(plain, batch())) == []
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2)
    ends = last_of_branches(encoder, batch_for(encoder, torch.randn(4, 5, 8)))
    assert ends == [one for part in encoder.layers for one in (part.self_attn, part.linear2)]


def test_scaling_a_layer_scales_what_it_gives() -> None:
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    nn.init.normal_(attention.out_proj.bias)
    X = torch.randn(2, 5, 8)
    before = attention(X, X, X)[0]
    scale(attention, 0.25)
    torch.testing.assert_close(attention(X, X, X)[0], before * 0.25)


# in somebody's Lightning project


class Lit(L.LightningModule):
    def __init__(self, net: nn.Module, optimizer: Any = torch.optim.SGD) -> None:
        super().__init__()
        self.net, self.optimizer = net, optimizer

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        X, y = batch
        return F.cross_entropy(self.net(X), y)

    def configure_optimizers(self) -> Any:
        return self.optimizer(self.parameters(), lr=1e-6)

    def train_dataloader(self) -> Any:
        return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*batch(64)), batch_size=16)


@pytest.mark.parametrize(
    ("net", "optimizer", "says"),
    [
        (lambda: cnn(12, std=0.1), torch.optim.SGD, "forecast  will not train: the "),
        (lambda: cnn(4, std=1.0), torch.optim.AdamW, "forecast  trains with a suitable learning rate: the "),
        (lambda: normalised_rows(0.1), torch.optim.SGD, "forecast  none: the first step does not tell"),
        (lambda: normalised_rows(math.inf), torch.optim.SGD, "forecast  will not train: nan or inf in its first pass"),
    ],
)
def test_a_watched_network_gets_its_verdict_at_step_0(
    net: Callable[[], nn.Module], optimizer: Any, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = L.Trainer(
        max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu",
        enable_model_summary=False, default_root_dir=tmp_path, callbacks=[SignalMonitor(pictures=False)],
    )  # fmt: skip
    trainer.fit(Lit(net(), optimizer))
    lines = capsys.readouterr().out.splitlines()
    assert next(line for line in lines if line.startswith("forecast")).startswith(says)
    assert sum(line.startswith("forecast") for line in lines) == 1


def test_a_run_with_a_forecast_of_its_own_gets_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "forecast.json").write_text("{}")
    trainer = L.Trainer(
        max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu",
        enable_model_summary=False, default_root_dir=tmp_path, callbacks=[SignalMonitor(pictures=False)],
    )  # fmt: skip
    trainer.fit(Lit(cnn(3)))
    assert "forecast " not in capsys.readouterr().out


# what cannot be


def test_redrawn_by_a_scheme_or_a_function() -> None:
    net = chain(6, nn.ReLU)
    by_scheme = initlab.forecast(net, batch(), redraw=Kaiming(), fix=False)
    assert by_scheme.measurement.draws == 8
    by_function = initlab.forecast(net, batch(), redraw=lambda m: initlab.initialize(m, Xavier()), fix=False)
    assert by_function.measurement.draws == 8
    with pytest.raises(UserError, match='optimizer=adm: must be "sgd" or "adam"; did you mean'):
        initlab.forecast(net, batch(), optimizer="adm")
