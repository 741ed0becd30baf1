"""A plain convolutional network of your own: torch's default weights lose the signal, He's keep it."""
# python examples/cnn.py

import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from initlab import SignalMonitor, forecast, initialize
from initlab.callbacks import Explain


class Net(L.LightningModule):
    def __init__(self, depth: int = 8) -> None:
        super().__init__()
        convs = (nn.Conv2d(8 if i else 1, 8, 3, padding=1) for i in range(depth))
        layers = (layer for conv in convs for layer in (conv, nn.ReLU()))
        self.net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 4))

    def training_step(self, batch, step):
        X, y = batch
        return nn.functional.cross_entropy(self.net(X), y)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.9)


L.seed_everything(0)
y = torch.randint(4, (1024,))  # which quarter of the image is bright?
quarters = nn.functional.one_hot(y).float().view(-1, 1, 2, 2).repeat_interleave(4, 2).repeat_interleave(4, 3)
X = quarters + 0.6 * torch.randn(1024, 1, 8, 8)
loader = DataLoader(TensorDataset(X, y), 64)
for scheme in ("torch's default", "kaiming"):
    model = Net()
    if scheme == "kaiming":
        print(initialize(model.net, scheme, batch=X[:64]))
    print(forecast(model.net, (X[:64], y[:64])))
    watch = [SignalMonitor(), Explain(steps=40)]
    L.Trainer(max_epochs=6, logger=False, default_root_dir="outputs/examples", callbacks=watch).fit(model, loader)
