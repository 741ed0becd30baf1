"""A pre-LN transformer encoder of your own: which token comes most often?"""
# python examples/transformer.py

import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from initlab import SignalMonitor, forecast
from initlab.callbacks import Explain, InitializeWith


class Net(L.LightningModule):
    def __init__(self, tokens: int = 6, width: int = 32, depth: int = 2) -> None:
        super().__init__()
        self.embed = nn.Embedding(tokens, width)
        block = nn.TransformerEncoderLayer(width, 4, 64, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(block, depth, enable_nested_tensor=False)
        self.head = nn.Linear(width, tokens)

    def forward(self, X):
        return self.head(self.blocks(self.embed(X)).mean(1))

    def training_step(self, batch, step):
        X, y = batch
        return nn.functional.cross_entropy(self(X), y)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.003)


L.seed_everything(0)
X = torch.randint(6, (2048, 12))
y = nn.functional.one_hot(X).sum(1).argmax(1)
print(forecast(Net(), (X[:64], y[:64]), optimizer="adam"))
watch = [InitializeWith("xavier"), SignalMonitor(), Explain()]
trainer = L.Trainer(max_epochs=3, logger=False, default_root_dir="outputs/examples", callbacks=watch)
trainer.fit(Net(), DataLoader(TensorDataset(X, y), 64))
