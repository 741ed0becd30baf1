"""What can be said of a network before its weights are drawn. No training, no data, no Lightning."""

from initlab.theory.elementwise import Elementwise, elementwise
from initlab.theory.forecast import Forecast, Layer, forecast
from initlab.theory.inputs import FASHION_MNIST, FASHION_MNIST_RAW, STANDARD_NORMAL, Inputs, inputs_of
from initlab.theory.integrals import Moments, decorrelation, moments, pair

__all__ = [
    "FASHION_MNIST",
    "FASHION_MNIST_RAW",
    "STANDARD_NORMAL",
    "Elementwise",
    "Forecast",
    "Inputs",
    "Layer",
    "Moments",
    "decorrelation",
    "elementwise",
    "forecast",
    "inputs_of",
    "moments",
    "pair",
]
