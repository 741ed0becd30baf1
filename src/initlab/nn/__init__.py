"""The parts of a network, from scratch on tensors: layers, activations, losses, optimiser, schedules."""

from initlab.nn import schedule
from initlab.nn.activations import ACTIVATIONS, Activation, ActivationFunction, activation_function
from initlab.nn.layers import Linear
from initlab.nn.losses import cross_entropy, half_squared_error, log_softmax, softmax, squared_error
from initlab.nn.optim import SGD

__all__ = [
    "ACTIVATIONS",
    "SGD",
    "Activation",
    "ActivationFunction",
    "Linear",
    "activation_function",
    "cross_entropy",
    "half_squared_error",
    "log_softmax",
    "schedule",
    "softmax",
    "squared_error",
]
