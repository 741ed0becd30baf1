"""The parts of a network, from scratch on tensors: layers, activations, losses, optimiser, schedules."""

from initlab.nn import schedule
from initlab.nn.activations import ACTIVATIONS, Activation, ActivationFunction, activation_function
from initlab.nn.backward import Chain
from initlab.nn.layers import Linear, flat, products
from initlab.nn.losses import (
    cross_entropy,
    cross_entropy_and_gradient,
    half_squared_error,
    log_softmax,
    softmax,
    squared_error,
    squared_error_and_gradient,
)
from initlab.nn.optim import SGD

__all__ = [
    "ACTIVATIONS",
    "SGD",
    "Activation",
    "ActivationFunction",
    "Chain",
    "Linear",
    "activation_function",
    "cross_entropy",
    "cross_entropy_and_gradient",
    "flat",
    "half_squared_error",
    "log_softmax",
    "products",
    "schedule",
    "softmax",
    "squared_error",
    "squared_error_and_gradient",
]
