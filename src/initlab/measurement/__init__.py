"""What one batch and one backward pass tell of anybody's `nn.Module`, without training it."""

from initlab.measurement.assemble import OUTPUT, assemble, layers_of
from initlab.measurement.figures import MeasuredLayer, MeasuredParameter, Measurement, middle, spread
from initlab.measurement.loss import Loss
from initlab.measurement.measure import measure_module, pass_forward, unwrapped
from initlab.measurement.redraw import Redraw, draw_again
from initlab.measurement.untouched import untouched

__all__ = [
    "OUTPUT",
    "Loss",
    "MeasuredLayer",
    "MeasuredParameter",
    "Measurement",
    "Redraw",
    "assemble",
    "draw_again",
    "layers_of",
    "measure_module",
    "middle",
    "pass_forward",
    "spread",
    "untouched",
    "unwrapped",
]
