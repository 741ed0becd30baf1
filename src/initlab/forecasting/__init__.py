"""From a network on paper to a verdict: will it train from this initialisation? No training."""

from initlab.forecasting.forecast import Forecast, Layer, forecast

__all__ = ["Forecast", "Layer", "forecast"]
