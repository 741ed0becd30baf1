"""An LSTM of your own, broken on purpose: its learning rate is a thousand times too small, and `Explain` says so."""
# python examples/lstm.py

import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from initlab import SignalMonitor, forecast
from initlab.callbacks import Explain


class Net(L.LightningModule):
    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, width, batch_first=True)
        self.head = nn.Linear(width, 2)

    def forward(self, X):
        return self.head(self.lstm(X)[0][:, -1])

    def training_step(self, batch, step):
        X, y = batch
        return nn.functional.cross_entropy(self(X), y)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-5)


L.seed_everything(0)
X = torch.randn(2048, 8, 1)
y = (X.sum((1, 2)) > 0).long()
print(forecast(Net(), (X[:64], y[:64]), optimizer="adam"))
watch = [SignalMonitor(), Explain(steps=40)]
trainer = L.Trainer(max_epochs=2, logger=False, default_root_dir="outputs/examples", callbacks=watch)
trainer.fit(Net(), DataLoader(TensorDataset(X, y), 64))
