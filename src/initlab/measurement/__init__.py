"""What one batch and one backward pass tell of anybody's `nn.Module`, without training it."""

from initlab.measurement.figures import MeasuredLayer, MeasuredParameter, Measurement, middle, spread
from initlab.measurement.measure import measure_module, unwrapped

__all__ = ["MeasuredLayer", "MeasuredParameter", "Measurement", "measure_module", "middle", "spread", "unwrapped"]
