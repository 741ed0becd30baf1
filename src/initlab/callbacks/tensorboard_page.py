"""What a run's TensorBoard page shows besides the curves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import lightning as L
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.tensorboard.summary import hparams as hparams_summaries

from initlab.callbacks.tensorboard_logger import name_of_chart

OF_LAYERS = ("mean", "dead", "saturated", "active", "min", "max")
OF_PARAMETERS = ("grad_norm", "weight_norm")
# One chart a quantity, all layers in it: Custom Scalars tab. A chart whose quantity is not recorded stays empty.
LAYOUT = {
    "every layer in one chart": {
        "log10 std": ["Multiline", [r"^watched/activations/.*/log10 std$"]],
        "log10 gradient std": ["Multiline", [r"^watched/gradients/.*/log10 grad_std$"]],
        **{quantity: ["Multiline", [rf"^watched/activations/.*/{quantity}$"]] for quantity in OF_LAYERS},
    },
    "every parameter in one chart": {
        # SignalPictures adds a constant `watched/parameters/1e-3 line/log10 update_ratio`, the reference
        "log10 update : weight": ["Multiline", [r"^watched/parameters/.*/log10 update_ratio$"]],
        **{
            quantity.replace("_", " "): ["Multiline", [rf"^watched/parameters/.*/{quantity}$"]]
            for quantity in OF_PARAMETERS
        },
    },
}


class TensorBoardPage(L.Callback):
    """At the start of a run: one chart for each quantity of the layers (Custom Scalars tab), the hyper-parameters
    next to the final metrics (HParams tab), and a labelled picture of a batch (Images tab).

    Args:
        hparams: flat names and plain values; None shows none.
        picture: of the first batch.
    """

    def __init__(self, hparams: Mapping[str, Any] | None = None, picture: bool = True) -> None:
        self.hparams, self.picture = hparams, picture

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.ckpt_path is not None:  # a run that resumes has its page
            return
        for logger in trainer.loggers:
            if not isinstance(logger, TensorBoardLogger) or not trainer.is_global_zero:
                continue
            logger.experiment.add_custom_scalars(LAYOUT)
            if self.hparams:
                names = getattr(pl_module, "metrics", ("loss",))
                shown = {name_of_chart(f"{split}/{name}"): math.nan for split in ("val", "test") for name in names}
                # Only the names of the metrics: the logger's own log_hyperparams would draw the nan as well.
                for summary in hparams_summaries(dict(self.hparams), shown):
                    logger.experiment.file_writer.add_summary(summary)
            datamodule: Any = getattr(trainer, "datamodule", None)
            if self.picture and hasattr(datamodule, "visualize"):
                picture = datamodule.visualize(next(iter(datamodule.val_dataloader())))
                logger.experiment.add_image("x/a batch of the data", picture, dataformats="HWC")
