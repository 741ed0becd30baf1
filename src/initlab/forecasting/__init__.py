"""Will a network train from this initialisation? No training: by theory on paper, or by one pass through a module."""

from initlab.forecasting.ask import forecast
from initlab.forecasting.forecast import Forecast, Layer

__all__ = ["Forecast", "Layer", "forecast"]
