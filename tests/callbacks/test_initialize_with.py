"""A callback that draws the weights: once, at the start of a fit, the same in every process."""

from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
import torch.nn.functional as F
from children import on_two_devices
from torch import Tensor, nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from initlab import initialize
from initlab.callbacks import InitializeWith
from initlab.errors import UserError
from initlab.init import Kaiming, Report, Scaled
from initlab.seeds import generator


class Net(L.LightningModule):
    """Its layers are made late; its forward takes two of a batch's three parts and can do without a mask."""

    def configure_model(self) -> None:
        if not hasattr(self, "conv"):
            self.conv, self.norm, self.head = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(64, 2)
            self.start: dict[str, Tensor] = {}

    def forward(self, X: Tensor, shift: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.head(F.relu(self.norm(self.conv(X + shift))).flatten(1))

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        if not self.start:
            self.start = {name: tensor.clone() for name, tensor in self.state_dict().items()}
            self.first_batch = batch[0].clone()
        return F.cross_entropy(self(*batch[:2]), batch[2])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def data() -> DataLoader[Any]:
    g = torch.Generator().manual_seed(0)
    X, shift, y = torch.randn(64, 1, 6, 6, generator=g), torch.randn(64, 1, 1, 1, generator=g), torch.arange(64) % 2
    return DataLoader(TensorDataset(X, shift, y), batch_size=32, shuffle=True)


class Data(L.LightningDataModule):
    def train_dataloader(self) -> DataLoader[Any]:
        return data()


def fit(*callbacks: L.Callback, source: str = "loader", ckpt_path: Any = None, model: Any = None, **more: Any) -> Net:
    L.seed_everything(0, verbose=False)
    model = Net() if model is None else model
    trainer = L.Trainer(
        accelerator="cpu", callbacks=list(callbacks), logger=False, enable_checkpointing=False, barebones=False,
        enable_progress_bar=False, enable_model_summary=False, **({"max_epochs": 1} | more),
    )  # fmt: skip
    given = {"train_dataloaders": data()} if source == "loader" else {"datamodule": Data()}
    trainer.fit(model, ckpt_path=ckpt_path, **given)
    model.used = trainer
    return model


pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:The number of training batches"),
]


@pytest.mark.parametrize("source", ["loader", "module"])
@pytest.mark.parametrize("scheme", ["kaiming", "lsuv", Kaiming(mode="fan_out")])
def test_it_draws_as_initialize_does_and_moves_no_other_number(
    scheme: Any, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    drawing = InitializeWith(scheme, seed=3)
    model = fit(drawing, source=source)
    plain = fit(source=source)
    assert torch.equal(model.first_batch, plain.first_batch)  # the order of the data is that without it
    assert isinstance(drawing.report, Report)
    assert drawing.report.weights[0].gain_from == ("" if scheme == "lsuv" else "relu (traced)")
    said = " ".join(capsys.readouterr().out.split())
    assert "2 weights drawn; left alone: norm.weight, norm.bias (BatchNorm2d)" in said
    if scheme != "lsuv":
        expected = Net()
        expected.configure_model()
        initialize(expected, scheme, generator=generator("init", 3), batch=(torch.zeros(1, 1, 6, 6), torch.zeros(1)))
        assert all(torch.equal(tensor, expected.state_dict()[name]) for name, tensor in model.start.items())


class OfTwo(Net):
    """On batches of two loaders, whole numbers until they are on the device."""

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        return {name: [X.float() / 10, shift, y] for name, (X, shift, y) in batch.items()}

    def forward(self, batch: Any) -> Tensor:  # type: ignore[override]
        return super().forward(*batch["one"][:2]) + super().forward(*batch["other"][:2])

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        if batch_idx == 0:
            self.first_batch = torch.cat([batch["one"][0], batch["other"][0]])
        return F.cross_entropy(self(batch), batch["one"][2])


def two(seed: int = 0) -> dict[str, DataLoader[Any]]:
    """Each in an order of its own generator."""
    g = torch.Generator().manual_seed(seed)
    rows = TensorDataset(torch.randint(99, (64, 1, 6, 6), generator=g), torch.zeros(64, 1, 1, 1), torch.arange(64) % 2)
    sampler = RandomSampler(rows, generator=torch.Generator())
    return {"one": DataLoader(rows, 32, shuffle=True, generator=g), "other": DataLoader(rows, 32, sampler=sampler)}


@pytest.mark.filterwarnings("ignore:You have overridden")
@pytest.mark.parametrize("source", ["loader", "module"])
def test_the_first_batch_is_the_one_that_training_step_gets(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several loaders, through the hooks; and the fit's batches stay in their order."""
    monkeypatch.setitem(globals(), "data", two)
    drawing = InitializeWith("lsuv")
    model, plain = fit(drawing, source=source, model=OfTwo()), fit(source=source, model=OfTwo())
    assert torch.equal(model.first_batch, plain.first_batch)
    assert drawing.report is not None
    assert [one.std for one in drawing.report.fitted if isinstance(one, Scaled)] == pytest.approx([1, 1], abs=0.01)


def test_without_a_training_batch_there_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    fit(InitializeWith("kaiming"), limit_train_batches=0)
    assert "nothing was traced: there is no batch, as this fit trains on none" in " ".join(
        capsys.readouterr().out.replace("init ", "").split()
    )


def test_a_fit_that_resumes_or_continues_keeps_its_weights(tmp_path: Path) -> None:
    model = fit(InitializeWith())
    model.used.save_checkpoint(tmp_path / "last.ckpt")
    trained = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    again = InitializeWith()
    resumed = fit(again, ckpt_path=tmp_path / "last.ckpt", max_epochs=2)
    assert again.report is None
    assert all(torch.equal(tensor, resumed.start[name]) for name, tensor in trained.items())

    model.start = {}
    model.used.fit_loop.max_epochs = 2
    model.used.fit(model, train_dataloaders=data())
    assert all(torch.equal(tensor, model.start[name]) for name, tensor in trained.items())


def test_what_is_no_scheme_is_refused() -> None:
    with pytest.raises(UserError, match=r"InitializeWith\(3\): give a scheme of initlab.init, or the name of one"):
        InitializeWith(3)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"init=kaimng: no such init; did you mean kaiming\?"):
        fit(InitializeWith("kaimng"))


SCRIPT = """
import os, sys, warnings
import lightning as L, torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from initlab.callbacks import InitializeWith
warnings.simplefilter("ignore")

class Net(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(6, 5)

    def forward(self, X):
        return self.a(X)

    def training_step(self, batch, batch_idx):
        return self(batch[0]).square().mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.0)

class Look(L.Callback):
    def on_train_start(self, trainer, model):
        torch.save(model.state_dict(), f"rank{trainer.global_rank}.pt")

rank = int(os.environ.get("LOCAL_RANK", 0))
torch.manual_seed(rank)  # weights and data of its own
loader = DataLoader(TensorDataset((1 + rank) * torch.randn(32, 6)), batch_size=16)
trainer = L.Trainer(accelerator="cpu", devices=2, strategy="ddp", max_steps=1, logger=False, enable_checkpointing=False,
                    enable_progress_bar=False, callbacks=[InitializeWith("lsuv"), Look()])
trainer.fit(Net(), loader)
"""


@pytest.mark.slow
def test_every_process_has_the_same_weights(tmp_path: Path) -> None:
    (tmp_path / "fit.py").write_text(SCRIPT)
    ran = on_two_devices("fit.py", cwd=tmp_path)
    assert [process.returncode for process in ran] == [0, 0], ran[0].stderr[-3000:]
    first, second = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert "".join(process.stdout for process in ran).count("1 weight drawn") == 1
