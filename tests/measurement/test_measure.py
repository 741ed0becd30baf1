"""What one pass through anybody's module measures, against hooks and formulas of the test's own; and that it leaves no
trace."""

from __future__ import annotations

import math
import random
import warnings
from collections import UserDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import lightning as L
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from initlab.batch import each_tensor
from initlab.errors import UserError
from initlab.init import Kaiming, initialize
from initlab.measurement import measure_module, middle, spread
from initlab.monitor.similarity import similarity


def images(rows: int = 6, channels: int = 1, size: int = 8) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(3)
    X = torch.randn(rows, channels, size, size, generator=rng)
    return X, torch.randint(4, (rows,), generator=rng)


class Residual(nn.Module):
    """One activation called twice, in place, and an addition."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 5, 3, padding=1), nn.Conv2d(5, 5, 3, padding=1)
        self.norm, self.phi, self.head = nn.BatchNorm2d(5), nn.ReLU(inplace=True), nn.Linear(5 * 64, 4)

    def forward(self, X: Tensor) -> Tensor:
        h = self.phi(self.norm(self.first(X)))
        return self.head(self.phi(h + self.second(h)).flatten(1))


class Tagger(nn.Module):
    """[N, T, C] in and out; the recurrent layer is [T, N, C], and positions are the same for all rows."""

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Embedding(7, 6)
        self.body = nn.GRU(6, 5)
        self.block = nn.TransformerEncoderLayer(5, 1, 9, batch_first=True, norm_first=True)
        self.head = nn.Linear(5, 4)

    def forward(self, X: Tensor) -> Tensor:
        X = X + self.places(torch.arange(7))
        h, _ = self.body(X.transpose(0, 1))
        return self.head(self.block(h.transpose(0, 1)).mean(1))


def oracle(net: nn.Module, X: Tensor, y: Tensor, names: dict[str, int]) -> dict[str, tuple[float, float, float]]:
    """(std, similarity, std of the gradient) of the first call of each layer, by plain hooks, `retain_grad` and NumPy;
    names: the dimension of the rows, -1: none."""
    kept: dict[str, list[Tensor]] = {}
    values: dict[str, np.ndarray] = {}
    handles = []
    for name in names:

        def keep(_m: Any, _i: Any, out: Any, name: str = name) -> Any:
            out = out[0] if isinstance(out, tuple) else out
            if name in values:
                return None
            out.retain_grad()
            kept[name], values[name] = [out], out.detach().double().numpy().copy()
            return None

        handles.append(net.get_submodule(name).register_forward_hook(keep))
    F.cross_entropy(net(X), y).backward()
    for handle in handles:
        handle.remove()
    found = {}
    for name, rows in names.items():
        z = values[name]
        alike = math.nan
        if rows >= 0:
            z = np.moveaxis(z, rows, 0).reshape(z.shape[rows], -1)
            products = z @ z.T
            alike = (products.sum() - np.trace(products)) / (len(z) - 1) / np.trace(products)
        gradient = kept[name][0].grad
        found[name] = values[name].std(ddof=1), alike, math.nan if gradient is None else float(gradient.double().std())
    return found


@pytest.mark.parametrize(
    ("net", "batch", "names"),
    [
        (Residual, images(), {"first": 0, "norm": 0, "second": 0, "head": 0}),
        (
            Tagger,
            (torch.randn(3, 7, 6, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 3, 1])),
            {"places": -1, "body": 1, "block.self_attn": 0, "block.linear1": 0, "block.norm2": 0, "head": 0},
        ),
    ],
)
def test_what_is_measured_is_what_hooks_of_the_test_see(
    net: Callable[[], nn.Module], batch: Any, names: dict[str, int]
) -> None:
    torch.manual_seed(0)
    module = net()
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
        if isinstance(part, (nn.MultiheadAttention)):
            part.dropout = 0.0
    found = measure_module(module.eval(), batch, draws=1)
    module.train()
    expected = oracle(module, *batch, names)
    layers = {layer.name: layer for layer in found.layers}
    for name, (std, alike, grad) in expected.items():
        assert middle(layers[name].std) == pytest.approx(std, rel=1e-4), name
        assert middle(layers[name].similarity) == pytest.approx(alike, rel=1e-3, abs=1e-5, nan_ok=True), name
        if name != "norm":  # whose output is overwritten in place: `retain_grad` has the gradient of what came of it
            assert middle(layers[name].grad_std) == pytest.approx(grad, rel=1e-4), name
    *_, last = [layer for layer in found.weight_layers if layer.name != "head"]
    for layer in found.layers:
        ratio = middle(layer.grad_std) / middle(last.grad_std)
        assert middle(layer.gradient) == pytest.approx(math.log10(ratio)), layer.name
    module.zero_grad()
    loss = F.cross_entropy(module(batch[0]), batch[1])
    loss.backward()
    assert found.loss == pytest.approx([float(loss.detach())], rel=1e-5)
    for parameter in found.parameters:
        p = module.get_parameter(parameter.name)
        assert p.grad is not None
        assert middle(parameter.rms) == pytest.approx(float(p.detach().square().mean().sqrt()), rel=1e-4, abs=1e-12)
        if float(p.detach().norm()) > 0:
            assert middle(parameter.gradient) == pytest.approx(
                math.log10(float(p.grad.norm()) / float(p.detach().norm())), abs=1e-3
            )


def test_layers_are_in_order_of_execution_with_their_calls() -> None:
    found = measure_module(Residual(), images(), draws=2)
    assert [layer.name for layer in found.layers] == ["first", "norm", "phi", "second", "phi#2", "head"]
    assert [layer.name for layer in found.weight_layers] == ["first", "second", "head"]
    assert found.output is not None
    assert found.output.std.tolist() == found.layers[-1].std.tolist()
    assert found.draws == 2
    assert found.rows == 6


def test_names_that_end_as_a_second_call_does() -> None:
    class Notes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.of = nn.ModuleDict({name: nn.Linear(3, 3) for name in ("b", "c#", "f#2")})

        def forward(self, X: Tensor) -> Tensor:
            for name in ("b", "c#", "c#", "f#2"):
                X = self.of[name](X)
            return X

    found = measure_module(Notes(), torch.randn(5, 3), draws=1)
    assert [layer.name for layer in found.weight_layers] == ["of.b", "of.c#", "of.c##2", "of.f#2"]


def test_similarity_of_rows_wherever_they_are() -> None:
    z = torch.randn(5, 3, 4)
    assert similarity(torch.ones(5, 3), 5) == pytest.approx(1.0)
    assert math.isnan(similarity(torch.zeros(5, 3), 5))  # type: ignore[arg-type]
    assert similarity(torch.eye(4), 4) == 0.0
    assert similarity(z, 5) == pytest.approx(similarity(z.transpose(0, 1), 5))
    assert similarity(z.flatten(0, 1), 5) == pytest.approx(similarity(z, 5))
    assert similarity(z, 4) is None
    square = torch.randn(4, 4, 2)  # as many positions as rows
    assert similarity(square, 4, time_first=True) == pytest.approx(similarity(square.transpose(0, 1), 4))
    assert similarity(square, 4, time_first=True) != pytest.approx(similarity(square, 4))
    tiny = torch.tensor([[1e-30, 0.0], [1e-30, 1e-30]])
    assert similarity(tiny, 2) == pytest.approx(2 / 3)


# it leaves no trace


def state(module: nn.Module) -> list[Any]:
    """All that can be seen of it, and the random numbers that would come next."""
    tensors = [*module.parameters(), *module.buffers()]
    return [
        [(id(t), t.data_ptr(), t.detach().clone(), t.requires_grad) for t in tensors],
        [(id(p.grad), None if p.grad is None else p.grad.clone()) for p in module.parameters()],
        [(m.training, {k: id(v) for k, v in vars(m).items()}, len(m._forward_hooks)) for m in module.modules()],
        [m.own.get_state() for m in module.modules() if isinstance(m, Counting)],
        torch.get_rng_state(),
        np.random.get_state()[1].tolist(),
        random.getstate(),
    ]


def same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


class Counting(nn.Module):
    """Keeps numbers outside its buffers, replaces a buffer, and draws random numbers of every kind."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.calls, self.seen = 0, []
        self.register_buffer("total", torch.zeros(4))
        self.before: Tensor | None = None
        self.own = torch.Generator().manual_seed(1)

    def forward(self, X: Tensor) -> Tensor:
        self.calls += 1
        self.seen.append(self.calls)
        self.total = self.total + X.detach().sum(0)
        z = self.layer(X) + (0 if self.before is None else self.before)
        self.before = z  # with its graph: a second backward pass through it would fail
        return z + random.random() + np.random.rand() + torch.rand((), generator=self.own) + torch.rand(())


@st.composite
def modules(draw: st.DrawFn) -> tuple[nn.Module, Any]:
    kind = draw(st.sampled_from(["cnn", "lstm", "transformer", "counting"]))
    rows, width = draw(st.integers(2, 5)), draw(st.sampled_from([2, 4]))
    torch.manual_seed(draw(st.integers(0, 9)))
    y = torch.randint(width, (rows,))
    net: nn.Module
    if kind == "cnn":
        norm = draw(st.sampled_from([nn.BatchNorm2d, nn.InstanceNorm2d, nn.Identity]))
        parts = [nn.Conv2d(2, width, 3, padding=1), norm(width), nn.ReLU(inplace=draw(st.booleans())), nn.Dropout(0.5)]
        net, X = nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten()), torch.randn(rows, 2, 5, 5)
    elif kind == "lstm":
        net, X, y = nn.LSTM(3, width, draw(st.integers(1, 2)), batch_first=True), torch.randn(rows, 6, 3), None
    elif kind == "transformer":
        layer = nn.TransformerEncoderLayer(width, 2, 8, batch_first=draw(st.booleans()), norm_first=draw(st.booleans()))
        net, X, y = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), torch.randn(rows, 3, width), None
    else:
        net, X = Counting(), torch.randn(rows, 4)
        y = torch.randint(4, (rows,))
    for part in net.modules():
        part.training = draw(st.booleans())
    for p in net.parameters():
        p.grad = torch.randn_like(p) if draw(st.booleans()) else None
    first = next(net.parameters())
    first.requires_grad_(draw(st.booleans()))
    return net, X if y is None else (X, y)


def fails(output: Tensor, *rest: Tensor) -> Tensor:
    raise RuntimeError("in the loss")


@settings(max_examples=60)
@given(modules(), st.sampled_from([None, False, "kaiming", "halve"]), st.booleans())
def test_the_module_comes_back_as_it_was(made: tuple[nn.Module, Any], redraw: Any, broken: bool) -> None:
    net, batch = made

    def halve(module: nn.Module) -> None:
        for name, p in list(module.named_parameters(recurse=False)):
            setattr(module, name, nn.Parameter(p.data / 2))
        for p in module.parameters():
            p.data = p.data / 2
        for p in list(module.parameters())[1:]:
            p.requires_grad_(not p.requires_grad)
        next(module.parameters()).requires_grad_()
        module.register_forward_hook(lambda *_: None)
        module.extra = nn.Parameter(torch.ones(2))
        module.note = "halved"

    how = halve if redraw == "halve" else redraw
    inputs = batch if isinstance(batch, Tensor) else batch[0]
    before, given_inputs = state(net), inputs.clone()
    if broken:
        with pytest.raises(UserError, match="in the loss"):
            measure_module(net, batch, fails, draws=2, redraw=how)
    else:
        found = measure_module(net, batch, draws=2, redraw=how)
        assert all(math.isfinite(loss) for loss in found.loss)
        again = measure_module(net, batch, draws=2, redraw=how)
        assert again.loss.tolist() == found.loss.tolist()
    assert same(before, state(net))
    assert torch.equal(inputs, given_inputs)


def test_tied_weights_stay_tied() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    net[2].weight = net[0].weight
    found = measure_module(net, torch.randn(5, 4), draws=3)
    assert net[2].weight is net[0].weight
    assert [p.name for p in found.parameters] == ["0.weight", "0.bias", "2.bias"]


# the draws


def test_redrawn_weights_have_a_spread_and_the_first_draw_is_the_module() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(50, 50), nn.Tanh(), nn.Linear(50, 4))
    X = torch.randn(20, 50)
    found = measure_module(net, X, draws=5)
    assert found.layers[0].std[0] == pytest.approx(float(net[0](X).detach().std()), rel=1e-5)
    assert len(set(found.layers[0].std)) == 5
    assert 0 < spread(found.layers[0].std) < 0.1
    as_it_is = measure_module(net, X, draws=3, redraw=False)
    assert len(set(as_it_is.layers[0].std)) == 1
    of_scheme = measure_module(net, X, draws=3, redraw=Kaiming())
    initialize(net, Kaiming(), batch=X.clone)
    for parameter in of_scheme.parameters[::2]:
        expected = float(net.get_parameter(parameter.name).detach().square().mean().sqrt())
        assert middle(parameter.rms) == pytest.approx(expected, rel=0.2)


def test_what_is_constant_stays_so_in_every_draw() -> None:
    net: Any = nn.Sequential(nn.Linear(20, 20), nn.BatchNorm1d(20), nn.ReLU(), nn.Linear(20, 4))
    nn.init.zeros_(net[0].bias)
    nn.init.constant_(net[1].weight, 0.2)
    net.nothing = nn.Parameter(torch.empty(0, 3))
    found = measure_module(net, torch.randn(8, 20), draws=4)
    rms = {p.name: p.rms for p in found.parameters}
    assert rms["0.bias"].tolist() == [0.0] * 4
    assert rms["1.weight"] == pytest.approx([0.2] * 4)
    assert len(set(rms["0.weight"])) == len(set(rms["3.bias"])) == 4


def test_weights_that_reset_parameters_would_not_draw_are_measured_as_they_are() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(50, 50), nn.ReLU(), nn.Linear(50, 4))
    nn.init.normal_(net[0].weight, std=0.01)
    found = measure_module(net, torch.randn(8, 50), draws=4)
    assert found.draws == 1
    assert any("0.weight: std 0.08" in note and "here 0.0" in note for note in found.notes), found.notes
    mine = measure_module(net, torch.randn(8, 50), draws=4, redraw=lambda m: nn.init.normal_(m[0].weight, std=0.01))
    assert mine.draws == 4
    assert middle(mine.parameters[0].rms) == pytest.approx(0.01, rel=0.05)


# batches, losses, modules


class Pair(NamedTuple):
    extra: Tensor
    logits: Tensor


class Siamese(nn.Module):
    def __init__(self, gives: str = "tensor") -> None:
        super().__init__()
        self.layer, self.gives = nn.Linear(4, 3), gives

    def forward(self, a: Tensor, b: Tensor, scale: float = 1.0) -> Any:
        z = self.layer(a) - self.layer(b) * scale
        if self.gives == "tuple":
            return z, {"hidden": a}
        if self.gives == "named":
            return Pair(a, z)
        return {"aux": a, "out": z} if self.gives == "dict" else z


A, B, Y = torch.randn(5, 4), torch.randn(5, 4), torch.tensor([0, 1, 2, 1, 0])


@pytest.mark.parametrize("gives", ["tensor", "tuple", "named", "dict"])
@pytest.mark.parametrize("batch", [(A, B, Y), ((A, B), Y), {"a": A, "b": B, "labels": Y}, ({"a": A, "b": B}, Y)])
def test_several_inputs_and_outputs(gives: str, batch: Any) -> None:
    net = Siamese(gives)
    found = measure_module(net, batch, draws=1)
    expected = F.cross_entropy(net.layer(A) - net.layer(B), Y)
    assert found.loss == pytest.approx([expected.item()], rel=1e-5)
    assert [layer.name for layer in found.layers] == ["layer", "layer#2"]
    assert measure_module(net, (A, B), draws=1).notes


@pytest.mark.parametrize(
    ("shape", "y", "loss", "expected"),
    [
        ((3,), torch.tensor([0, 2, 1, 1]), None, F.cross_entropy),
        ((3,), torch.randn(4, 3), None, F.mse_loss),
        ((3,), torch.randn(4, 3).softmax(1), "cross_entropy", F.cross_entropy),
        ((1,), torch.randn(4), None, lambda z, y: F.mse_loss(z.squeeze(1), y)),
        ((1,), torch.tensor([0, 1, 1, 0]), None, lambda z, y: F.binary_cross_entropy_with_logits(z[:, 0], y.float())),
        ((3, 2), torch.randint(3, (4, 2)), None, F.cross_entropy),
        ((2, 5), torch.randint(5, (4, 2)), None, lambda z, y: F.cross_entropy(z.flatten(0, 1), y.flatten())),
        ((3,), torch.tensor([0, 2, 1, 1]), lambda z, y: z[:, 0].sum() + y.sum(), lambda z, y: z[:, 0].sum() + y.sum()),
        ((3,), torch.tensor([0, 2, 1, 1]), nn.MultiMarginLoss(), F.multi_margin_loss),
    ],
)
def test_losses(shape: tuple[int, ...], y: Tensor, loss: Any, expected: Callable[..., Tensor]) -> None:
    net = nn.Sequential(nn.Linear(6, math.prod(shape)), nn.Unflatten(1, shape))
    X = torch.randn(4, 6)
    assert measure_module(net, (X, y), loss, draws=1).loss == pytest.approx([expected(net(X), y).item()], rel=1e-5)


class Lit(L.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))

    def forward(self, X: Tensor) -> Tensor:
        return self.net(X)

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        X, y = batch["pixels"], batch["class"]
        loss = F.cross_entropy(self(X), y, label_smoothing=0.3)
        self.log("train/loss", loss)
        return {"loss": loss}

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_a_lightning_module_has_its_own_loss() -> None:
    net = Lit()
    found = measure_module(net, {"pixels": A, "class": Y}, draws=2)
    assert found.loss[0] == pytest.approx(F.cross_entropy(net(A), Y, label_smoothing=0.3).item(), rel=1e-5)
    assert [layer.name for layer in found.layers] == ["net.0", "net.1", "net.2"]
    assert found.output is not None


def test_after_a_fit_it_is_still_attached_to_its_trainer(tmp_path: Path) -> None:
    net = Lit()
    rows = [{"pixels": a, "class": y} for a, y in zip(A, Y, strict=True)]
    options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    trainer = L.Trainer(max_epochs=1, enable_model_summary=False, default_root_dir=tmp_path, **options)
    trainer.fit(net, torch.utils.data.DataLoader(rows, batch_size=5))
    assert measure_module(net, {"pixels": A, "class": Y}, draws=1).draws == 1
    assert net.trainer is trainer


def test_a_module_that_returns_its_loss() -> None:
    class Own(nn.Module):
        def __init__(self, alone: bool) -> None:
            super().__init__()
            self.layer, self.alone = nn.Linear(4, 3), alone

        def forward(self, X: Tensor, labels: Tensor) -> Any:
            loss = F.cross_entropy(self.layer(X), labels, label_smoothing=0.2)
            return loss if self.alone else {"loss": loss, "logits": self.layer(X)}

    for batch in ((A, Y), {"X": A, "labels": Y}):
        for net in (Own(alone=True), Own(alone=False)):
            expected = F.cross_entropy(net.layer(A), Y, label_smoothing=0.2).item()
            assert measure_module(net, batch, draws=1).loss == pytest.approx([expected], rel=1e-5)


def test_compiled_half_precision_leaf_and_functional() -> None:
    inner = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    plain = measure_module(inner, (A, Y), draws=1)
    compiled = measure_module(torch.compile(inner), (A, Y), draws=1)  # type: ignore[arg-type]
    assert compiled.layers[1].saturated.tolist() == plain.layers[1].saturated.tolist()
    inner[2].compile()
    assert measure_module(inner, (A, Y), draws=1).loss.tolist() == plain.loss.tolist()
    half = measure_module(nn.Linear(4, 3).bfloat16(), (A, Y), draws=2)
    assert [layer.name for layer in half.layers] == ["Linear"]
    assert half.output is half.layers[0]
    assert half.layers[0].gradient.tolist() == [0, 0]
    with torch.no_grad(), torch.inference_mode():
        assert measure_module(inner, (A.clone(), Y), draws=1).loss.tolist() == plain.loss.tolist()


def test_nan_and_inf_are_results() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    with torch.no_grad():
        net[0].weight.fill_(1e38)
    found = measure_module(net, (A.abs() * 100, Y), draws=1)
    assert not np.isfinite(found.loss).any()
    assert not np.isfinite(found.layers[0].std).any()
    with torch.no_grad():
        net[0].weight.zero_()
        net[0].bias.zero_()
    dead = measure_module(net, (A, Y), draws=1)
    assert dead.layers[1].dead.tolist() == [1.0]
    assert dead.layers[0].grad_std.tolist() == [0.0]
    assert math.isnan(dead.layers[0].gradient[0])  # 0 / 0
    assert math.isnan(dead.parameters[0].gradient[0])


def scripted(net: nn.Module) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return torch.jit.script(net)


@pytest.mark.parametrize(
    ("net", "batch", "more", "says"),
    [
        (lambda: nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2)), torch.randn(1, 4), {}, "two rows or more"),
        (lambda: nn.Sequential(nn.LazyLinear(3)), A, {}, "has no shape yet"),
        (lambda: nn.ReLU(), A, {}, "it has no parameters"),
        (lambda: nn.Linear(4, 3).requires_grad_(False), A, {}, "all parameters are frozen"),
        (lambda: scripted(nn.Linear(4, 3)), A, {}, "layers of TorchScript"),
        (lambda: nn.Linear(4, 3, device="meta"), A, {}, "meta device"),
        (lambda: nn.Linear(5, 3), A, {}, r"Linear in training mode does not take it \(RuntimeError: .*mat1 and mat2"),
        (lambda: nn.Linear(4, 3), (A, Y + 3), {}, "class 5, the output 3 classes"),
        (lambda: nn.Linear(4, 3), (A, Y[:4]), {}, "target has shape"),
        (lambda: nn.Linear(4, 3), (A, torch.randn(5)), {}, "target has shape"),
        (lambda: nn.Linear(4, 3), A, {"loss": "crossentropy"}, "did you mean"),
        (lambda: nn.Linear(4, 3), A, {"loss": lambda z: z}, r"shape \[5, 3\]; it must be a tensor of one number"),
        (lambda: nn.Linear(4, 3), A, {"draws": 0}, "draws=0"),
        (lambda: nn.Linear(4, 3), A, {"redraw": 3}, "redraw=3"),
        (lambda: nn.Linear(4, 3), [2, 3], {}, "without a tensor"),
        (lambda: nn.Linear(4, 3), "X", {}, "must be an input X"),
        (lambda: nn.Linear(4, 3), A[:0], {}, "no rows"),
    ],
)
def test_refused_in_a_sentence(net: Callable[[], nn.Module], batch: Any, more: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        measure_module(net(), batch, **more)


def test_a_mapping_of_a_class_of_its_own_keeps_it() -> None:
    """As transformers' tokenizers give: a UserDict with attributes."""
    batch: Any = UserDict(X=torch.ones(2, 3, dtype=torch.float64), n=[torch.zeros(2), "a"])
    found = each_tensor(lambda x: x + 1, batch)
    assert type(found) is UserDict
    assert found["n"][1] == "a"
    assert torch.equal(found["X"], batch["X"] + 1)
    assert torch.equal(batch["n"][0], torch.zeros(2))
