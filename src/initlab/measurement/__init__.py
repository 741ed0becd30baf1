"""What one batch and one backward pass tell of anybody's `nn.Module`, without training it."""

from initlab.measurement.assemble import OUTPUT, assemble, layers_of
from initlab.measurement.batch import Batch, batch_for
from initlab.measurement.figures import MeasuredLayer, MeasuredParameter, Measurement, middle, spread
from initlab.measurement.loss import Loss
from initlab.measurement.measure import measure_module, pass_forward, unwrapped
from initlab.measurement.redraw import Redraw, draw_again, listed
from initlab.measurement.untouched import untouched

__all__ = [
    "OUTPUT",
    "Batch",
    "Loss",
    "MeasuredLayer",
    "MeasuredParameter",
    "Measurement",
    "Redraw",
    "assemble",
    "batch_for",
    "draw_again",
    "layers_of",
    "listed",
    "measure_module",
    "middle",
    "pass_forward",
    "spread",
    "untouched",
    "unwrapped",
]
